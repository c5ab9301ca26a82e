"""Findings of an alert as log lines for a SIEM: syslog (RFC 5424) with structured data, or CEF. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from connectors import __version__
from connectors.alerts import render
from connectors.alerts.destination import Alert
from connectors.model import Finding, Severity

_SYSLOG_SEVERITY: Final = {
    Severity.INFO: 6,
    Severity.LOW: 5,
    Severity.MEDIUM: 4,
    Severity.HIGH: 3,
    Severity.CRITICAL: 2,
}
_CEF_SEVERITY: Final = {
    Severity.INFO: 1,
    Severity.LOW: 3,
    Severity.MEDIUM: 5,
    Severity.HIGH: 8,
    Severity.CRITICAL: 10,
}


@dataclass(frozen=True, slots=True)
class Sender:
    """Who a log line says it is from. `enterprise` is the IANA number in the structured data's name."""

    hostname: str
    facility: int
    enterprise: int


def syslog_messages(alert: Alert, sender: Sender) -> Iterator[str]:
    """Yield one RFC 5424 message per finding, facts as structured data; one for an alert without findings.

    https://www.rfc-editor.org/rfc/rfc5424#section-6
    """
    for finding in alert.findings or (None,):
        facts = {name: value for name, value in _facts(alert, finding).items() if value}
        pairs = " ".join(f'{name}="{_sd_escape(value)}"' for name, value in facts.items())
        data = f"[connectors@{sender.enterprise} {pairs}]"
        yield f"{_header(alert, sender)} {data} {render.title(alert)}"


def cef_messages(alert: Alert, sender: Sender) -> Iterator[str]:
    """Yield one CEF message per finding, after a syslog header.

    https://www.microfocus.com/documentation/arcsight/arcsight-smartconnectors/pdfdoc/cef-implementation-standard
    """
    for finding in alert.findings or (None,):
        signature = finding.detector if finding else "notice"
        head = ("connectors", "connectors", __version__, signature, render.title(alert))
        severity = _CEF_SEVERITY[finding.severity if finding else alert.severity]
        spelled = "|".join(_cef_header(part) for part in head)
        pairs = " ".join(f"{key}={_cef_value(value)}" for key, value in _extension(alert, finding) if value)
        yield f"{_header(alert, sender)} - CEF:0|{spelled}|{severity}|{pairs}"


def _header(alert: Alert, sender: Sender) -> str:
    priority = sender.facility * 8 + _SYSLOG_SEVERITY[alert.severity]
    host = re.sub(r"[^!-~]", "", sender.hostname)[:255] or "-"
    return f"<{priority}>1 {_timestamp(alert.created_at)} {host} connectors - alert"


def _timestamp(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _facts(alert: Alert, finding: Finding | None) -> dict[str, str]:
    resource = finding.resource if finding else alert.resource
    facts = {
        "alert": alert.id,
        "tenant": alert.tenant,
        "policy": alert.policy,
        "app": alert.app,
        "connection": alert.connection,
        "container": resource.container.name or resource.container.id,
        "resource": resource.label or resource.id,
        "visibility": resource.visibility.value,
        "author": (alert.author.email or alert.author.name or alert.author.id) if alert.author else "",
        "url": render.safe_url(resource.url, 500),
        "message": "" if finding else alert.message,
    }
    if finding:
        facts |= {
            "finding": finding.id,
            "detector": finding.detector,
            "family": finding.family,
            "confidence": finding.confidence.name,
            "severity": finding.severity.name,
            "part": finding.part,
            "preview": finding.preview,
            "fingerprint": finding.fingerprint,
            "places": str(len(finding.places)),
            "validity": finding.validity.value if finding.validity else "",
        }
    return {name: render.clean(value, 500 if name in {"url", "message"} else 160) for name, value in facts.items()}


def _extension(alert: Alert, finding: Finding | None) -> Iterator[tuple[str, str]]:
    facts = _facts(alert, finding)
    yield "rt", str(int(alert.created_at.timestamp() * 1000))
    yield "externalId", facts.get("finding", alert.id)
    yield "deviceExternalId", alert.id
    yield "cat", facts.get("family", "notice")
    yield "suser", facts["author"]
    yield "fname", facts["resource"]
    yield "request", facts["url"]
    yield "msg", facts["message"] or ("checked: " + facts["validity"] if facts.get("validity") else "")
    yield "cnt", facts.get("places", "")
    named = ("policy", "container", "connection", "preview", "fingerprint", "part")
    for number, name in enumerate(named, start=1):
        if facts.get(name):
            yield f"cs{number}Label", name
            yield f"cs{number}", facts[name]


def _sd_escape(text: str) -> str:
    return re.sub(r'(["\\\]])', r"\\\1", text)


def _cef_header(text: str) -> str:
    return re.sub(r"([\\|])", r"\\\1", render.clean(text, 200))


def _cef_value(text: str) -> str:
    return re.sub(r"([\\=])", r"\\\1", text)
