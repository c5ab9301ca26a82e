"""Which findings make one alert, what it is called, and when it waits. Pure."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from connectors.alerts.destination import Alert
from connectors.model import Container, Finding, Person, Resource, Severity


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


def group(findings: Iterable[Finding], destinations: Callable[[str], Iterable[str]]) -> tuple[Group, ...]:
    """Group new and reopened findings by (policy, destination, connection, resource).

    `destinations` names where a policy's alerts go. The result is ordered, worst finding first in each
    group, so that the same findings in any order give the same groups.
    """
    found: defaultdict[tuple[str, str, str, str], dict[str, Finding]] = defaultdict(dict)
    for finding in findings:
        for policy in finding.policies:
            for destination in destinations(policy):
                key = (policy, destination, finding.connection, finding.resource.id)
                found[key][finding.id] = finding
    return tuple(
        Group(policy, destination, tuple(sorted(members.values(), key=_worst_first)))
        for (policy, destination, _, _), members in sorted(found.items())
    )


def _worst_first(finding: Finding) -> tuple[int, int, str, str]:
    return (-finding.severity, -finding.confidence, finding.part, finding.id)


def alert_id(tenant: str, group: Group) -> str:
    """Name a group's alert: the same over retries, another one when a finding is reopened later.

    A finding's version says at which state of its resource it was found, so a finding that comes back at a
    later version is told again.
    """
    first = group.findings[0]
    members = sorted((finding.id, finding.version) for finding in group.findings)
    return _named("alert", tenant, group.policy, group.destination, first.connection, first.resource.id, members)


def _named(kind: str, *parts: object) -> str:
    return f"{kind}-{hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]}"


def make_alert(
    group: Group,
    *,
    tenant: str,
    now: datetime,
    author: Person | None = None,
    message: str = "",
    links: dict[str, str] | None = None,
) -> Alert:
    """Make the alert that tells a group."""
    first = group.findings[0]
    return Alert(
        id=alert_id(tenant, group),
        tenant=tenant,
        policy=group.policy,
        severity=group.severity,
        app=first.app,
        connection=first.connection,
        resource=first.resource,
        findings=group.findings,
        created_at=now,
        author=author,
        message=message,
        links=dict(links or {}),
    )


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
