"""Alerts close where they were told, when nothing that they told is open any more. On every database."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest

from connectors.errors import AuthError, Transient
from connectors.model import EventKind, FindingState
from connectors.store import findings, letters, purge
from connectors.testing.company import aws_key


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres),
                        pytest.param("cockroachdb", marks=pytest.mark.postgres)])  # fmt: skip
def dialect(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def edit(house: Any, text: str, *, version: int, name: str = "m1") -> None:
    house.tell(house.event(name, text, version=version))
    house.work()


def judge(house: Any, row: Any, state: FindingState) -> None:
    def change(c: Any) -> None:
        fresh = findings.get(c, "default", row["id"])
        findings.set_state(house.database, c, fresh, state, actor="ana", now=house.now)

    house.database.run(change)
    house.work()


def results(house: Any) -> list[str]:
    return sorted(row["result"] for row in house.rows("receipt"))


def test_an_alert_is_closed_when_the_value_is_gone(house: Any) -> None:
    house.leak()
    house.work()
    edit(house, "nothing any more", version=2)
    (told,) = house.app.alerts
    assert house.app.closed == [told.id]
    (row,) = house.rows("alert")
    assert (row["state"], row["resolved_at"]) == ("delivered", house.now)
    assert results(house) == ["delivered", "resolved"]
    assert house.rows("job", queue="resolve") == []


@pytest.mark.parametrize("state", [FindingState.RESOLVED, FindingState.FALSE_POSITIVE, FindingState.IGNORED])
def test_an_alert_is_closed_when_an_analyst_says_so(house: Any, state: FindingState) -> None:
    house.leak()
    house.work()
    judge(house, house.rows("finding")[0], FindingState.ACKNOWLEDGED)
    assert house.app.closed == []
    judge(house, house.rows("finding")[0], state)
    assert house.app.closed == [house.app.alerts[0].id]


def test_a_grouped_alert_is_closed_with_its_last_finding(house: Any) -> None:
    edit(house, f"{aws_key('a')} and {aws_key('b')}", version=1)
    (told,) = house.app.alerts
    assert len(told.findings) == 2
    edit(house, f"only {aws_key('a')}", version=2)
    assert house.app.closed == []
    edit(house, "nothing", version=3)
    assert house.app.closed == [told.id]


def test_a_finding_that_comes_back_is_told_again_and_closed_again(house: Any) -> None:
    house.leak()
    house.work()
    edit(house, "nothing", version=2)
    house.leak(version=3)
    house.work()
    first, second = house.app.alerts
    assert first.id != second.id
    assert house.app.closed == [first.id]
    house.tell(house.event("m1", version=4, kind=EventKind.DELETED))
    house.work()
    assert house.app.closed == [first.id, second.id]


def test_a_summary_is_closed_as_a_whole(make_house: Any) -> None:
    house = make_house(limit=1)
    for name in ("a", "b", "c"):
        house.leak(name)
        house.work()
    house.later(hours=1)
    single, summary = house.app.alerts
    assert summary.stands_for == 2
    edit(house, "nothing", version=2, name="a")
    edit(house, "nothing", version=2, name="b")
    assert house.app.closed == [single.id]
    edit(house, "nothing", version=2, name="c")
    assert house.app.closed == [single.id, summary.id]
    assert all(row["resolved_at"] for row in house.rows("alert"))


@pytest.mark.parametrize("error", [Transient("away"), AuthError("the key was withdrawn")])
def test_closing_is_tried_again_with_a_receipt_and_then_a_dead_letter(house: Any, error: Exception) -> None:
    house.leak()
    house.work()
    house.app.troubles["resolve"] = [error]
    edit(house, "nothing", version=2)
    for _ in range(5):
        house.later(minutes=11)
    assert results(house) == ["delivered", "retry", "retry", "retry", "retry"]
    (dead,) = house.rows("job", queue="resolve")
    assert dead["state"] == "dead"
    del house.app.troubles["resolve"]
    house.database.run(lambda c: letters.revive(house.database, c, "default", now=house.now))
    house.work()
    assert house.app.closed == [house.app.alerts[0].id]


def test_what_ends_before_it_is_told_is_closed_once_it_was_told(house: Any) -> None:
    house.app.troubles["deliver"] = [Transient("away")]
    house.leak()
    house.work()
    edit(house, "nothing", version=2)
    assert house.app.closed == []
    assert house.rows("job", queue="resolve") == []
    del house.app.troubles["deliver"]
    house.later(minutes=11)
    assert house.app.closed == [house.app.alerts[0].id]


def test_a_destination_that_closes_nothing_is_left_alone(make_house: Any) -> None:
    house = make_house(resolves=False)
    house.leak()
    house.work()
    edit(house, "nothing", version=2)
    assert results(house) == ["delivered"]
    assert house.rows("alert")[0]["resolved_at"] == house.now


def test_alerts_of_other_findings_of_the_resource_stay_open(house: Any) -> None:
    edit(house, f"the key is {aws_key('a')}", version=1)
    edit(house, f"the key is {aws_key('a')} and {aws_key('b')}", version=2)
    older, newer = house.app.alerts
    house.now += timedelta(minutes=1)
    edit(house, f"the key is {aws_key('b')}", version=3)
    assert house.app.closed == [older.id]
    assert [row["id"] for row in house.rows("alert", resolved_at=None)] == [uuid.UUID(newer.id)]


def test_an_alert_is_kept_until_it_is_over(house: Any) -> None:
    def purge_rows() -> None:
        purge.purge(house.database, "default", house.runtime.config.retention, now=house.now)

    house.leak()
    house.work()
    purge_rows()
    house.now += timedelta(days=200)
    purge_rows()
    assert len(house.rows("alert")) == 1
    edit(house, "nothing any more", version=2)
    assert house.app.closed == [house.app.alerts[0].id]
    purge_rows()
    house.now += timedelta(days=91)
    purge_rows()
    assert house.rows("alert") == []
