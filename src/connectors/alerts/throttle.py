"""When an alert waits, the one alert that tells what waited, and notices about connections. Pure.

What makes one alert is planned where findings are recorded: `store/planning.py`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from connectors.alerts.destination import Alert
from connectors.model import Container, Finding, Resource, Severity


@dataclass(frozen=True, slots=True)
class Group:
    """The findings of one resource that one policy sends to one destination."""

    policy: str
    destination: str
    findings: tuple[Finding, ...]

    @property
    def resource(self) -> Resource:
        """The resource that all of the findings are in."""
        return self.findings[0].resource

    @property
    def severity(self) -> Severity:
        """The worst severity among the findings."""
        return max(finding.severity for finding in self.findings)


def _worst_first(finding: Finding) -> tuple[int, int, str, str]:
    return (-finding.severity, -finding.confidence, finding.part, finding.id)


def _named(kind: str, *parts: object) -> str:
    return f"{kind}-{hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]}"


@dataclass(frozen=True, slots=True)
class Throttle:
    """At most `limit` alerts of one policy to one destination `per` window; the rest is told at its end."""

    limit: int
    per: timedelta

    def window(self, now: datetime) -> tuple[datetime, datetime]:
        """Return the start and end of the window that `now` is in; windows are aligned to the Unix epoch."""
        length = self.per.total_seconds()
        start = now.timestamp() // length * length
        return datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(start + length, UTC)

    def hold_until(self, sent: int, now: datetime) -> datetime | None:
        """Say until when an alert waits, given how many were sent in this window; None to send it now.

        What waits is told by one `summarize` alert at that time.
        """
        return None if sent < self.limit else self.window(now)[1]


def summarize(held: Sequence[Group], *, tenant: str, window_end: datetime, message: str = "") -> Alert:
    """Make the one alert that tells what a throttle held back: groups of one policy and destination.

    It has no author and no links: it is for the destination's own audience.
    """
    first = held[0]
    findings = sorted((finding for each in held for finding in each.findings), key=_worst_first)
    apps = {finding.app for finding in findings}
    connections = {finding.connection for finding in findings}
    return Alert(
        id=_named("summary", tenant, first.policy, first.destination, window_end.isoformat()),
        tenant=tenant,
        policy=first.policy,
        severity=max(each.severity for each in held),
        app=min(apps) if len(apps) == 1 else "several apps",
        connection=min(connections) if len(connections) == 1 else "several connections",
        resource=_summary_resource(held),
        findings=tuple(findings),
        created_at=window_end,
        message=message,
        stands_for=len(held),
    )


def _summary_resource(held: Sequence[Group]) -> Resource:
    containers = {each.resource.container for each in held}
    count = len(containers)
    place = next(iter(containers)) if count == 1 else Container(id="", name=f"{count} places")
    resources = len({(each.findings[0].connection, each.resource.id) for each in held})
    label = "1 resource" if resources == 1 else f"{resources} resources"
    return Resource(id="", kind="summary", container=place, label=label)


def notice(
    key: str,
    *,
    tenant: str,
    connection: str,
    app: str,
    title: str,
    message: str,
    now: datetime,
    severity: Severity = Severity.HIGH,
) -> Alert:
    """Make an alert without findings: something about a connection that an admin must know.

    `key` names the occurrence ("broken since <time>"): the same key gives the same alert id, so it is told
    once.
    """
    return Alert(
        id=_named("notice", tenant, connection, key),
        tenant=tenant,
        policy="",
        severity=severity,
        app=app,
        connection=connection,
        resource=Resource(id=connection, kind="connection", container=Container(id=""), label=title),
        findings=(),
        created_at=now,
        message=message,
    )
