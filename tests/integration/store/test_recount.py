"""The counters behind the charts: they follow every change, and can be counted again from the findings."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from connectors.errors import Conflict
from connectors.model import FindingState
from connectors.store import findings, recount
from connectors.store.tables.dashboard import tally


def _lived(rig: Any) -> None:
    """Three values found, one resolved two days later, one judged false, one gone from its message."""
    for number, value in enumerate("abcd"):
        rig.tell(rig.event(f"m{number}", parts={"body": [value]}), delivery=f"d{number}")
    rig.now += timedelta(days=2, seconds=3)
    for resource, state in (("m0", FindingState.RESOLVED), ("m1", FindingState.FALSE_POSITIVE)):
        (row,) = rig.rows("finding", resource_id=resource)
        rig.database.run(
            lambda c, row=row, state=state: findings.set_state(
                rig.database, c, row, state, actor="ana", suppress=True, now=rig.now
            )
        )
    rig.tell(rig.event("m2", version=2, parts={"body": []}), delivery="d9")


def _sums(rig: Any) -> dict[Any, Any]:
    numbers = ("found", "closed", "living", "seconds")
    names = ("tenant", "connection", "day", "dimension", "value")
    query = sa.select(*(tally.c[name] for name in names), *(sa.func.sum(tally.c[name]) for name in numbers))
    query = query.where(tally.c.dimension != recount.MARK).group_by(*(tally.c[name] for name in names))
    rows = rig.database.read(lambda c: c.execute(query).all())
    return {tuple(row[:5]): tuple(int(each) for each in row[5:]) for row in rows if any(row[5:])}


def test_counters_kept_in_step_need_no_putting_right(rig: Any) -> None:
    _lived(rig)
    assert sum(living for _, _, living, _ in _sums(rig).values()) > 0
    assert recount.recount(rig.database, "eu", since=rig.now - timedelta(days=30)) == 0


def test_lost_and_wrong_counters_come_back_exactly(rig: Any) -> None:
    _lived(rig)
    right = _sums(rig)
    some = sa.select(tally.c.id).order_by(tally.c.id).limit(4)
    rig.database.run(lambda c: c.execute(sa.delete(tally).where(tally.c.id.in_(some))))
    rig.database.run(lambda c: c.execute(sa.update(tally).values(living=tally.c.living + 7, seconds=1)))
    assert _sums(rig) != right
    assert recount.recount(rig.database, "eu", since=rig.now - timedelta(days=30)) > 0
    assert _sums(rig) == right


def test_days_are_left_alone_unless_asked_for(rig: Any) -> None:
    _lived(rig)
    rig.database.run(lambda c: c.execute(sa.update(tally).where(tally.c.day != "").values(found=tally.c.found + 1)))
    assert recount.recount(rig.database, "eu") == 0


def test_what_is_written_between_the_look_and_the_putting_right_counts(rig: Any, monkeypatch: Any) -> None:
    _lived(rig)
    rig.database.run(lambda c: c.execute(sa.delete(tally)))
    run = rig.database.run
    between = [lambda: rig.tell(rig.event("m7", parts={"body": ["e"]}), delivery="d7")]
    begin = recount._begin

    def begun(*arguments: Any) -> None:
        begin(*arguments)
        monkeypatch.setattr(rig.database, "run", late)

    def late(work: Any, **options: Any) -> Any:
        monkeypatch.setattr(rig.database, "run", run)
        between.pop()()
        return run(work, **options)

    monkeypatch.setattr(recount, "_begin", begun)
    recount.recount(rig.database, "eu", since=rig.now - timedelta(days=30))
    assert between == []
    monkeypatch.setattr(recount, "_begin", begin)
    assert recount.recount(rig.database, "eu", since=rig.now - timedelta(days=30)) == 0


def test_of_two_that_count_again_the_second_is_told(rig: Any, monkeypatch: Any) -> None:
    _lived(rig)
    missing = recount.missing

    def slow(*arguments: Any) -> Any:
        # Somebody else begins and ends meanwhile.
        monkeypatch.setattr(recount, "missing", missing)
        recount.recount(rig.database, "eu")
        return missing(*arguments)

    monkeypatch.setattr(recount, "missing", slow)
    with pytest.raises(Conflict, match="somebody else"):
        recount.recount(rig.database, "eu")
