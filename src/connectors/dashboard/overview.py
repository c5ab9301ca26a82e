"""The first page: what leaks, where, whether it gets better, and whether anything is missed."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from starlette.responses import Response

from connectors.dashboard import charts
from connectors.dashboard.charts import Chart, Rank
from connectors.dashboard.visit import Visit
from connectors.dashboard.words import search_url, severity, term
from connectors.model import Severity
from connectors.store import connections, ledger, tallies
from connectors.store.ledger import Counts, Coverage

WINDOWS = (7, 30, 90)
TOP = 8
LEVELS = [str(int(level)) for level in sorted(Severity)]
LIVING_TERM = "state:open,acknowledged"


@dataclass(frozen=True)
class Health:
    """One connection as the overview shows it."""

    name: str
    app: str
    status: str
    reason: str
    hint: str
    last_delivery: datetime | None
    last_sync: datetime | None
    subscription_ends: datetime | None
    waits: str
    counts: Counts
    partitions: int
    failed: int
    reading: int
    row: dict[str, Any]


def overview(visit: Visit) -> Response:
    """Show the overview."""
    window = int(visit.value("days", "30")) if visit.value("days", "30") in {str(each) for each in WINDOWS} else 30
    shown = visit.read(lambda c: _read(c, visit, window))
    return visit.render("overview.html", window=window, windows=WINDOWS, **shown)


def _read(c: sa.Connection, visit: Visit, window: int) -> dict[str, Any]:
    axis = charts.days(visit.now.date(), window)
    about: dict[str, Any] = {
        "residency": visit.residency, "tenant": visit.tenant, "connections": visit.connections,
    }  # fmt: skip
    daily = tallies.by_day(c, dimension="severity", since=axis[0], **about)
    standing = tallies.standing(c, dimension="severity", **about)
    exposed = tallies.standing(c, dimension="exposed", **about)
    living = _by_value(standing)
    closed = sum(int(row.closed) for row in daily)
    seconds = sum(int(row.seconds) for row in daily)
    return {
        "severity_chart": _severity_chart(daily, axis),
        "flow_chart": _flow_chart(daily, axis),
        "levels": [(level, living.get(level, 0)) for level in reversed(LEVELS)],
        "living": sum(living.values()),
        "found": sum(int(row.found) for row in daily),
        "closed": closed,
        "mean_seconds": seconds / closed if closed else None,
        "exposed_total": sum(int(row.living) for row in exposed),
        "exposed": _ranked(exposed, "container", "visibility:external,link,public"),
        "apps": _apps(visit, standing, daily, axis),
        "detectors": _dimension(c, about, "detector", axis),
        "containers": _dimension(c, about, "container", axis),
        "health": health(c, visit),
        "search_url": search_url,
        "living_term": LIVING_TERM,
    }


def _by_value(rows: list[Any]) -> dict[str, int]:
    found: dict[str, int] = defaultdict(int)
    for row in rows:
        found[row.value] += int(row.living)
    return dict(found)


def _severity_chart(daily: list[Any], axis: list[str]) -> Chart:
    numbers = charts.summed((row.value, row.day, int(row.found)) for row in daily)
    series = [(f"s{level}", severity(int(level)), numbers.get(level, {})) for level in LEVELS]
    return charts.stacked(
        "Findings by day and severity", axis, series, {day: search_url(f"first_seen:{day}") for day in axis}
    )


def _flow_chart(daily: list[Any], axis: list[str]) -> Chart:
    new = charts.summed(("", row.day, int(row.found)) for row in daily).get("", {})
    gone = charts.summed(("", row.day, int(row.closed)) for row in daily).get("", {})
    hrefs = {day: search_url(f"resolved_at:{day}") for day in axis}
    return charts.stacked(
        "Closed and new findings by day", axis, [("closed", "closed", gone), ("new", "new", new)], hrefs
    )


def _ranked(rows: list[Any], field: str, *extra: str) -> list[Rank]:
    counted = sorted(_by_value(rows).items(), key=lambda item: (-item[1], item[0]))[:TOP]
    return charts.ranking(
        (value, count, search_url(term(field, value), LIVING_TERM, *extra), "") for value, count in counted
    )


def _dimension(c: sa.Connection, about: dict[str, Any], dimension: str, axis: list[str]) -> list[Rank]:
    counted = sorted(
        _by_value(tallies.standing(c, dimension=dimension, **about)).items(), key=lambda item: (-item[1], item[0])
    )[:TOP]
    names = [value for value, _ in counted]
    daily = tallies.by_day(c, dimension=dimension, since=axis[0], values=names, **about) if names else []
    over_time = charts.summed((row.value, row.day, int(row.found)) for row in daily)
    rows = ((value, count, search_url(term(dimension, value), LIVING_TERM), "") for value, count in counted)
    return charts.ranking(rows, over_time=over_time, axis=axis)


def _apps(visit: Visit, standing: list[Any], daily: list[Any], axis: list[str]) -> list[Rank]:
    settings = visit.runtime.config.connections
    app_of = {name: each.connector for name, each in settings.items()}
    counted: dict[str, int] = defaultdict(int)
    for row in standing:
        counted[app_of.get(row.connection, row.connection)] += int(row.living)
    over_time = charts.summed((app_of.get(row.connection, row.connection), row.day, int(row.found)) for row in daily)
    ordered = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    rows = ((app, count, search_url(term("app", app), LIVING_TERM), "") for app, count in ordered)
    return charts.ranking(rows, over_time=over_time, axis=axis)


def health(c: sa.Connection, visit: Visit) -> list[Health]:
    """Return how each connection of the tenant is, with the sum of its ledger."""
    known = {row["name"]: row for row in connections.health(c, visit.residency)}
    waits = connections.blocked(c, visit.residency, now=visit.now)
    lines: dict[str, list[Coverage]] = defaultdict(list)
    for line in ledger.coverage(c, visit.residency):
        lines[line.connection].append(line)
    return [_health(visit, name, known.get(name, {}), lines[name], waits.get(name)) for name in visit.own_connections]


def _health(visit: Visit, name: str, row: Any, lines: list[Coverage], wait: Any) -> Health:
    counts = Counts()
    for line in lines:
        counts.add(line.counts)
    settings = visit.runtime.config.connections[name]
    return Health(
        name=name,
        app=settings.connector,
        status=row.get("status", "new") if settings.enabled else "off",
        reason=row.get("reason", "") or row.get("last_error", ""),
        hint=row.get("hint", ""),
        last_delivery=row.get("last_delivery"),
        last_sync=row.get("last_sync"),
        subscription_ends=row.get("subscription_ends"),
        waits=f"asked to wait {wait.total_seconds():.0f} s" if wait else "",
        counts=counts,
        partitions=sum(1 for line in lines if line.partition != ledger.LIVE),
        failed=sum(1 for line in lines if line.state == "failed"),
        reading=sum(1 for line in lines if line.state == "reading"),
        row=dict(row),
    )


def coverage(visit: Visit) -> Response:
    """Show the ledger: listed = scanned + skipped + failed, per connection and partition, with the reasons."""
    wanted = visit.value("connection")
    name = wanted if wanted in visit.own_connections else None

    def look(c: sa.Connection) -> tuple[list[Coverage], list[Any], list[Any]]:
        gaps = ledger.gaps(c, visit.residency, name=name, limit=200) if name else []
        return ledger.coverage(c, visit.residency, name=name), ledger.gap_reasons(c, visit.residency), gaps

    lines, reasons, gaps = visit.read(look)
    own = set(visit.own_connections)
    return visit.render(
        "coverage.html",
        chosen=name,
        lines=[line for line in lines if line.connection in own],
        reasons=[row for row in reasons if row["connection"] in own],
        gaps=gaps,
    )
