"""An alert as people read it: title, plain text, Slack blocks, HTML, JSON. Pure.

Every text that comes from an app is cleaned (no control or direction characters, bounded length) and then
escaped for the format it goes into. At most `shown` findings are written out.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import Any, Final
from urllib.parse import quote, urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from connectors.alerts.destination import Alert
from connectors.model import JSON, Finding

EVENT_TYPE: Final = "connectors_alert"
"""The metadata event type of our own Slack messages, by which they are recognised and never scanned."""

SHOWN: Final = 10

_ADVICE: Final = (
    "Remove or redact the value where it stands; the finding then closes by itself. "
    "If it is a password, key or token, revoke it first: somebody may have read it already."
)
_LINKS: Final = {"review": "Decide what happens with it", "dashboard": "Open in the dashboard"}
# Kept in URLs as they are; everything else that could end or open markup is percent-encoded.
_URL_SAFE: Final = "%/:?#[]@!$&*+,;=~-._"


@dataclass(frozen=True, slots=True)
class Line:
    """One finding as it is shown."""

    detector: str
    confidence: str
    preview: str
    place: str
    url: str = ""
    checked: str = ""
    """What the vendor said of the credential, when it was asked."""

    @property
    def sureness(self) -> str:
        """How sure it is: by detection, and by the vendor when it was asked."""
        return f"{self.confidence}, checked: {self.checked}" if self.checked else self.confidence


@dataclass(frozen=True, slots=True)
class Card:
    """An alert as it is shown, in no format yet: cleaned, bounded, unescaped."""

    title: str
    severity: str
    facts: tuple[tuple[str, str], ...]
    lines: tuple[Line, ...]
    more: int
    message: str
    advice: str
    url: str
    links: tuple[tuple[str, str], ...]
    id: str


def clean(text: str, limit: int = 200) -> str:
    """Return one line of at most `limit` characters without control, direction or surrogate characters."""
    kept = "".join(" " if unicodedata.category(c) in {"Cc", "Zl", "Zp"} else c for c in text[: limit * 4])
    kept = "".join(c for c in kept if unicodedata.category(c) not in {"Cf", "Cs"})
    line = " ".join(kept.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def safe_url(url: str, limit: int = 2000) -> str:
    """Return a URL that is http or https and closes no markup; empty for any other."""
    try:
        scheme = urlsplit(url).scheme
    except ValueError:
        return ""
    encoded = quote(url, safe=_URL_SAFE)
    return encoded if scheme in {"http", "https"} and len(encoded) <= limit else ""


def title(alert: Alert, limit: int = 150) -> str:
    """Return one line that says how bad, how many, where."""
    where = clean(alert.resource.label or alert.resource.kind, 80)
    if not alert.findings:
        return clean(f"[{alert.severity.name}] {where}", limit)
    count = len(alert.findings)
    what = "1 finding" if count == 1 else f"{count} findings"
    return clean(f"[{alert.severity.name}] {what} in {where} ({alert.app})", limit)


def card(alert: Alert, *, shown: int = SHOWN, to_author: bool = False) -> Card:
    """Pick what is shown. The `review` link lets its holder decide: it is shown only `to_author`."""
    purposes = ("review", "dashboard") if to_author else ("dashboard",)
    links = ((_LINKS[p], safe_url(alert.links.get(p, ""))) for p in purposes)
    return Card(
        title=title(alert),
        severity=alert.severity.name,
        facts=_facts(alert),
        lines=tuple(_line(finding, summary=alert.stands_for > 1) for finding in alert.findings[:shown]),
        more=max(0, len(alert.findings) - shown),
        message=clean(alert.message, 1000),
        advice=_ADVICE if alert.findings else "",
        url=safe_url(alert.resource.url),
        links=tuple((label, url) for label, url in links if url),
        id=alert.id,
    )


def _facts(alert: Alert) -> tuple[tuple[str, str], ...]:
    resource, author = alert.resource, alert.author
    facts = (
        ("Severity", alert.severity.name.title()),
        ("App", f"{alert.app} ({alert.connection})"),
        ("In", resource.container.name or resource.container.id),
        ("What", resource.label or resource.kind),
        ("Visible to", "" if resource.visibility.value == "unknown" else resource.visibility.value),
        ("Author", (author.name or author.email or author.id) if author else ""),
        ("Policy", alert.policy),
        ("Held back", f"{alert.stands_for} alerts in one" if alert.stands_for > 1 else ""),
    )
    return tuple((name, clean(value)) for name, value in facts if value)


def _line(finding: Finding, *, summary: bool) -> Line:
    label = finding.resource.label if summary else ""
    times = len(finding.places)
    place = ", ".join(part for part in (label, finding.part, f"{times} times" if times > 1 else "") if part)
    return Line(
        detector=clean(finding.detector, 80),
        confidence=finding.confidence.name.replace("_", " ").lower(),
        preview=clean(finding.preview, 80),
        place=clean(place, 120),
        url=safe_url(finding.resource.url) if summary else "",
        checked=finding.validity.value if finding.validity else "",
    )


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("connectors.alerts"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def text(alert: Alert, *, shown: int = SHOWN, to_author: bool = False) -> str:
    """Return plain text of a few lines."""
    shape = card(alert, shown=shown, to_author=to_author)
    return _environment().get_template("alert.txt").render(card=shape)


def html(alert: Alert, *, shown: int = SHOWN, to_author: bool = False) -> str:
    """Return a whole HTML page for an e-mail: no scripts, no images, nothing loaded from anywhere."""
    shape = card(alert, shown=shown, to_author=to_author)
    return _environment().get_template("alert.html").render(card=shape)


def slack_escape(text: str) -> str:
    """Escape for mrkdwn, so that no mention, link or channel reference can be smuggled in.

    https://docs.slack.dev/messaging/formatting-message-text#escaping
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def slack_blocks(alert: Alert, *, shown: int = SHOWN, to_author: bool = False) -> list[dict[str, Any]]:
    """Return Block Kit blocks, each within Slack's limits.

    https://docs.slack.dev/reference/block-kit/blocks (header 150, section text 3000, field 2000 characters)
    """
    shape = card(alert, shown=shown, to_author=to_author)
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": shape.title, "emoji": False}},
        {"type": "section", "fields": [_mrkdwn(f"*{name}*\n{slack_escape(v)}") for name, v in shape.facts]},
    ]
    if shape.lines:
        blocks += [_section(chunk) for chunk in _packed([_slack_line(line) for line in shape.lines], 2900)]
    if shape.more:
        blocks.append(_section(f"… and {shape.more} more"))
    if shape.message:
        blocks.append(_section(slack_escape(shape.message)[:2900]))
    links = [(f"Open in {clean(alert.app, 40)}", shape.url), *shape.links]
    spelled = " · ".join(f"<{slack_escape(url)}|{slack_escape(label)}>" for label, url in links if url)
    if spelled and len(spelled) < 3000:
        blocks.append(_section(spelled))
    footer = " ".join(part for part in (shape.advice, f"Alert {shape.id}.") if part)
    blocks.append({"type": "context", "elements": [_mrkdwn(slack_escape(footer))]})
    return blocks


def slack_metadata(alert: Alert) -> dict[str, Any]:
    """Return the message metadata that marks our own alerts."""
    return {"event_type": EVENT_TYPE, "event_payload": {"id": alert.id, "policy": clean(alert.policy)}}


def _mrkdwn(text: str) -> dict[str, Any]:
    # `verbatim` keeps Slack from turning addresses and names in the text into links and mentions.
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _mrkdwn(text)}


def _slack_line(line: Line) -> str:
    preview = slack_escape(line.preview.replace("`", "'"))
    place = slack_escape(line.place)
    place = f"<{slack_escape(line.url)}|{place}>" if line.url and len(line.url) < 1500 else place
    return f"• *{slack_escape(line.detector)}* `{preview}` ({line.sureness}) {place}"


def _packed(lines: list[str], limit: int) -> list[str]:
    """Join lines into as few texts of at most `limit` characters as possible."""
    packed: list[str] = []
    for line in lines:
        if packed and len(packed[-1]) + 1 + len(line) <= limit:
            packed[-1] += "\n" + line
        else:
            packed.append(line[:limit])
    return packed


def data(alert: Alert, *, shown: int = 25) -> dict[str, JSON]:
    """Return the alert as JSON-able values, for machines: no links that let their holder decide.

    With `shown` 25 and the bounds on each text it stays under 20 KB.
    """
    resource, author = alert.resource, alert.author
    person = {"id": author.id, "name": clean(author.name), "email": clean(author.email)} if author else None
    return {
        "id": alert.id,
        "tenant": alert.tenant,
        "policy": alert.policy,
        "severity": alert.severity.name,
        "title": title(alert),
        "app": alert.app,
        "connection": alert.connection,
        "created_at": alert.created_at.isoformat(),
        "resource": {
            "id": clean(resource.id, 400),
            "kind": resource.kind,
            "label": clean(resource.label),
            "url": safe_url(resource.url, 1000),
            "visibility": resource.visibility.value,
            "container": {"id": clean(resource.container.id), "name": clean(resource.container.name)},
        },
        "author": person,
        "message": clean(alert.message, 1000),
        "findings": [_finding_data(finding) for finding in alert.findings[:shown]],
        "findings_total": len(alert.findings),
        "stands_for": alert.stands_for,
        "dashboard": safe_url(alert.links.get("dashboard", ""), 1000),
    }


def _finding_data(finding: Finding) -> dict[str, JSON]:
    return {
        "id": finding.id,
        "resource": clean(finding.resource.id),
        "part": clean(finding.part, 80),
        "detector": finding.detector,
        "family": finding.family,
        "confidence": finding.confidence.name,
        "severity": finding.severity.name,
        "preview": clean(finding.preview, 80),
        "fingerprint": finding.fingerprint,
        "places": len(finding.places),
        "validity": finding.validity.value if finding.validity else None,
    }


def header(text: str, limit: int = 200) -> str:
    """Return text that is safe in one e-mail header line."""
    return re.sub(r"[\r\n]+", " ", clean(text, limit))
