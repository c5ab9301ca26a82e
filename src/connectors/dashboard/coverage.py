"""The ledger as a page: listed = scanned + skipped + failed, per connection and partition, with the reasons."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from starlette.responses import Response

from connectors.dashboard.health import health
from connectors.dashboard.visit import Visit
from connectors.store import ledger

LINES = 100
"""Partitions on one page."""
GAPS = 200
"""Gaps that are shown one by one."""
MOST_COUNTED = 100_000
"""Gaps that are counted by reason: what a page costs must not grow with what an app refuses."""
TABS = 12
"""Connections that get a tab each; more are chosen from the list."""


def coverage(visit: Visit) -> Response:
    """Show the ledger of everything, of one connection, or of one partition of it."""
    name = next((each for each in visit.own_connections if each == visit.value("connection")), None)
    partition = (visit.value("partition") or None) if name else None
    page = visit.value("page", "1")
    number = max(1, min(int(page), 10_000)) if page.isdecimal() else 1
    names = [name] if name else visit.own_connections
    shown = visit.read(lambda c: _read(c, visit, names, partition, number))
    tabs = visit.own_connections if len(visit.own_connections) <= TABS else [name] if name else []
    return visit.render("coverage.html", chosen=name, partition=partition, number=number, tabs=tabs, **shown)


def _read(c: sa.Connection, visit: Visit, names: list[str], partition: str | None, number: int) -> dict[str, Any]:
    where = visit.residency
    start = (number - 1) * LINES
    lines = ledger.partitions(c, where, names, partition=partition, limit=LINES + 1, offset=start)
    read = [line for line in lines if line.partition != ledger.LIVE]
    reasons = ledger.reasons(c, where, names, partition=partition, most=MOST_COUNTED)
    single = names[0] if len(names) == 1 else None
    gaps = ledger.gaps(c, where, name=single, partition=partition, limit=GAPS + 1) if single else []
    return {
        "health": sorted(health(c, visit, names), key=lambda each: each.rank) if partition is None else [],
        "lines": lines[: len(lines) - 1] if len(read) > LINES else lines,
        "more": len(read) > LINES,
        "reasons": reasons,
        "cut": sum(row["count"] for row in reasons) >= MOST_COUNTED,
        "never": ledger.never_read(c, where, names) if partition is None else [],
        "gaps": [row for row in gaps if partition is not None or row["partition"] != ledger.NOT_READ][:GAPS],
        "gaps_cut": len(gaps) > GAPS,
        "most": MOST_COUNTED,
    }
