"""The first page: what leaks, where, whether it gets better, and whether anything is missed."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import sqlalchemy as sa
from starlette.responses import Response

from connectors.dashboard import charts
from connectors.dashboard.charts import Chart, Rank
from connectors.dashboard.health import Health, health
from connectors.dashboard.visit import Visit
from connectors.dashboard.words import number, search_url, severity, term
from connectors.model import Severity
from connectors.store import tallies

WINDOWS = (7, 30, 90)
TOP = 8
LEVELS = [str(int(level)) for level in sorted(Severity)]
LIVING_TERM = "state:open,acknowledged"
SHOWN = 12
"""Connections that the overview lists, those with trouble first."""


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
    daily = tallies.by_day(c, dimension="severity", since=axis[0], apart=True, **about)
    standing = tallies.standing(c, dimension="severity", apart=True, **about)
    exposed = tallies.standing(c, dimension=tallies.STANDING, limit=TOP, **about)
    outside = tallies.total(c, dimension=tallies.STANDING, **about)
    living = _by_value(standing)
    found = sorted(health(c, visit), key=lambda each: each.rank)
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
        "exposed_total": outside,
        "exposed": _ranked(exposed, "container", "visibility:external,link,public"),
        "apps": _apps(visit, standing, daily, axis),
        "detectors": _dimension(c, about, "detector", axis),
        "containers": _dimension(c, about, "container", axis),
        "health": found[:SHOWN],
        "more_connections": max(0, len(found) - SHOWN),
        "todo": _todo(visit, found, living, outside),
        "search_url": search_url,
        "living_term": LIVING_TERM,
    }


def _todo(visit: Visit, found: list[Health], living: dict[str, int], outside: int) -> list[tuple[str, str, str]]:
    """Return what to do next, the most pressing first: (kind, what, address)."""
    todo: list[tuple[str, str, str]] = []
    broken = [each for each in found if each.status == "broken"]
    todo += [("bad", f"{each.name} is broken: {each.reason}. {each.hint}".strip(), f"/connections/{each.name}")
             for each in broken[:3]]  # fmt: skip
    if critical := living.get(str(int(Severity.CRITICAL)), 0):
        said = f"{number(critical)} critical {'finding is' if critical == 1 else 'findings are'} open"
        todo.append(("bad", said, search_url("severity:critical", LIVING_TERM)))
    if outside:
        said = f"{number(outside)} open {'finding is' if outside == 1 else 'findings are'} visible outside"
        todo.append(("warn", said, search_url("visibility:external,link,public", LIVING_TERM, sort="severity")))
    if failed := sum(each.counts.failed for each in found):
        said = f"{number(failed)} {'part' if failed == 1 else 'parts'} could not be scanned"
        todo.append(("warn", said, "/coverage"))
    if not visit.own_connections:
        todo.append(("none", "Connect the first app: write it into the configuration, then run connectors check",
                     "/connections"))  # fmt: skip
    elif not visit.runtime.config.policies:
        todo.append(("none", "Write a first policy: without one nothing becomes a finding", "/policies"))
    return todo


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
    return charts.grouped(
        "New and closed findings by day", axis, [("new", "new", new), ("closed", "closed", gone)], hrefs
    )


def _ranked(rows: list[Any], field: str, *extra: str) -> list[Rank]:
    return charts.ranking(
        (row.value, int(row.living), search_url(term(field, row.value), LIVING_TERM, *extra), "") for row in rows
    )


def _dimension(c: sa.Connection, about: dict[str, Any], dimension: str, axis: list[str]) -> list[Rank]:
    counted = tallies.standing(c, dimension=dimension, limit=TOP, **about)
    names = [row.value for row in counted]
    daily = tallies.by_day(c, dimension=dimension, since=axis[0], values=names, **about) if names else []
    over_time = charts.summed((row.value, row.day, int(row.found)) for row in daily)
    rows = ((row.value, int(row.living), search_url(term(dimension, row.value), LIVING_TERM), "") for row in counted)
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
