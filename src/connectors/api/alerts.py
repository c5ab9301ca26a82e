"""Who is told about the findings of a scan: checked when the request comes, told by a job."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from connectors.alerts.destination import Destination
from connectors.api import results
from connectors.api.errors import ApiError
from connectors.api.results import Result
from connectors.api.rules import Policy
from connectors.api.wire import AlertConfig
from connectors.detection import preview
from connectors.errors import Transient
from connectors.model import Confidence, Match
from connectors.net import AddressRefused, Guard
from connectors.runtime import DestinationRuntime, Runtime
from connectors.store import uploads
from connectors.store.jobs import Job, enqueue
from connectors.store.keys import Key

QUEUE = "scan_alert"


def check(runtime: Runtime, policy: Policy) -> None:
    """Refuse what could never be told: a private address, a kind of destination that is not configured.

    Resolves names, so it is called off the event loop. Raises `ApiError`.
    """
    if policy.webhook:
        check_address(runtime, policy.webhook, field="policy.webhookURL")
    if policy.alerts is None:
        return
    if policy.alerts.url is not None:
        check_address(runtime, policy.alerts.url.address, field="policy.alertConfig.url.address")
    for kind in ("slack", "email"):
        if getattr(policy.alerts, kind) is not None and not _configured(runtime, kind):
            reason = f"no destination of kind {kind} is configured here"
            raise ApiError(42205, data={f"policy.alertConfig.{kind}": reason})


def guard(runtime: Runtime) -> Guard:
    """Return the guard of webhook addresses."""
    return Guard.of(runtime.config.api.allow_webhooks)


def check_address(runtime: Runtime, url: str, *, field: str) -> None:
    """Refuse an address that a webhook must not reach. Raises `ApiError`."""
    try:
        host = guard(runtime).verify(url)
    except (AddressRefused, Transient) as error:
        raise ApiError(42204, data={field: str(error)}) from None
    if urlsplit(url).scheme != "https" and not _listed(host, runtime.config.api.allow_webhooks):
        raise ApiError(42204, data={field: "the address must be https"})


def jobs(
    key: Key, told: AlertConfig | None, webhook: str, *, result: UUID, base: str, extra: dict[str, Any]
) -> Iterator[Job]:
    """Yield one job for each of those to be told."""
    targets = [("url", webhook)] if webhook else []
    if told is not None:
        targets += [("url", told.url.address)] if told.url else []
        targets += [("slack", told.slack.target)] if told.slack else []
        targets += [("email", told.email.address)] if told.email else []
    for kind, target in dict.fromkeys(targets):
        yield Job(
            queue=QUEUE,
            key=f"{result}:{kind}:{target}"[:500],
            residency=key.residency,
            tenant=key.tenant,
            arguments={"kind": kind, "target": target, "result": str(result), "base": base, **extra},
        )


def tell(runtime: Runtime, key: Key, told: AlertConfig, found: Sequence[Sequence[dict[str, Any]]], scan: UUID) -> None:
    """Keep the findings of a text scan for a day, and ask for the alerts, in one transaction."""
    findings = [finding for item in found for finding in item]
    result = Result(key.residency, key.tenant, scan, findings, previews=[shown(finding) for finding in findings])
    database, now = runtime.databases.of(key.residency), runtime.now()
    body = results.sealed(runtime.vault, result)
    extra = {"upload": "", "metadata": "", "present": True}
    wanted = list(jobs(key, told, "", result=scan, base=runtime.config.gateway.base_url, extra=extra))

    def work(connection: Any) -> None:
        uploads.keep_result(
            connection, database, residency=key.residency, tenant=key.tenant, which=scan, body=body, now=now
        )
        enqueue(database, connection, wanted, vault=runtime.vault, now=now)

    database.run(work)


def shown(finding: dict[str, Any]) -> tuple[str, str, str]:
    """Return detector, confidence and redacted preview of a finding, for alerts that people read."""
    value = finding.get("finding", "")
    match = Match("", "custom", 0, len(value), Confidence.LIKELY, value=value)
    return finding["detector"]["name"], finding["confidence"], preview(match) if value else "(removed)"


def destination(runtime: Runtime, kind: str, target: str) -> Destination[Any] | None:
    """Make the configured destination of a kind, aimed at `target`; None when there is none (any more)."""
    name = _configured(runtime, kind)
    if not name:
        return None
    made = runtime.destination(name)
    aim: dict[str, dict[str, Any]] = {
        "slack": {"channel": target, "to": "channel"},
        "email": {"recipients": (target,), "to_author": False},
    }
    settings = type(made.config).model_validate({**made.config.model_dump(), **aim[kind]})
    return type(made)(settings, DestinationRuntime(name, runtime))


def _configured(runtime: Runtime, kind: str) -> str:
    return next((name for name, each in runtime.config.destinations.items() if each.kind == kind), "")


def _listed(host: str, allowed: Sequence[str]) -> bool:
    """Tell whether the admin allowed this very host or its address."""
    if host in allowed:
        return True
    try:
        address = ip_address(host)
        networks = [ip_network(each, strict=False) for each in allowed if each[0].isdigit() or ":" in each]
    except ValueError:
        return False
    return any(address in network for network in networks if network.version == address.version)
