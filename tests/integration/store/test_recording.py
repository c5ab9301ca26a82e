"""The transaction that ends events: findings, their lifecycle, alerts, actions and the ledger."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from connectors.errors import Conflict
from connectors.model import EventKind, FindingState, Visibility
from connectors.store import actions, findings, ledger
from connectors.store.leases import LostLease


def test_a_value_becomes_a_finding_an_alert_and_a_job(rig: Any) -> None:
    done = rig.tell(rig.event(parts={"body": ["a"]}), delivery="d1")
    assert (done.opened, done.alerts) == (1, 1)
    (found,) = rig.rows("finding")
    assert (found["state"], found["part"], found["preview"]) == ("open", "body", "to…en")
    (alert,) = rig.rows("alert")
    assert alert["findings"] == [str(found["id"])]
    (job,) = rig.rows("job")
    assert (job["queue"], job["key"]) == ("alert", str(alert["id"]))
    assert [(c["before"], c["after"]) for c in rig.rows("finding_change")] == [("", "open")]


def test_values_of_one_resource_are_one_alert(rig: Any) -> None:
    rig.tell(rig.event(parts={"body": ["a", "b"], "title": ["a"]}), delivery="d1")
    assert len(rig.rows("finding")) == 3
    assert [len(alert["findings"]) for alert in rig.rows("alert")] == [3]


def test_seen_again_is_no_news(rig: Any) -> None:
    rig.tell(rig.event(parts={"body": ["a"]}), delivery="d1")
    rig.now += timedelta(hours=1)
    done = rig.tell(rig.event(version=2, parts={"body": ["a"]}), delivery="d2")
    assert (done.opened, done.alerts) == (0, 0)
    (found,) = rig.rows("finding")
    assert found["version"] == 2
    assert found["last_seen"] - found["first_seen"] == timedelta(hours=1)


def test_only_the_new_value_is_told(rig: Any) -> None:
    rig.tell(rig.event(parts={"body": ["a"]}), delivery="d1")
    rig.tell(rig.event(version=2, parts={"body": ["a", "b"]}), delivery="d2")
    assert [len(alert["findings"]) for alert in rig.rows("alert")] == [1, 1]


def test_a_vanished_value_is_resolved_and_a_returning_one_reopened_and_told(rig: Any) -> None:
    rig.tell(rig.event(parts={"body": ["a"]}), delivery="d1")
    gone = rig.tell(rig.event(version=2, parts={"body": []}), delivery="d2")
    assert gone.resolved == 1
    assert rig.rows("finding")[0]["resolved_at"] == rig.now
    back = rig.tell(rig.event(version=3, parts={"body": ["a"]}), delivery="d3")
    assert (back.opened, back.reopened, back.alerts) == (0, 1, 1)
    (found,) = rig.rows("finding")
    assert (found["state"], found["resolved_at"], found["revision"]) == ("open", None, 3)
    assert len(rig.rows("alert")) == 2


def test_a_part_that_is_gone_resolves_what_stood_in_it(rig: Any) -> None:
    rig.tell(rig.event(parts={"body": ["a"], "comment:1": ["b"]}), delivery="d1")
    rig.tell(rig.event(version=2, parts={"body": ["a"]}), delivery="d2")
    assert rig.states() == {("m1", "body"): ["open"], ("m1", "comment:1"): ["resolved"]}


def test_a_partial_event_says_nothing_of_other_parts(rig: Any) -> None:
    rig.tell(rig.event(parts={"body": ["a"], "comment:1": ["b"]}), delivery="d1")
    rig.tell(rig.event(version=2, parts={"comment:1": []}, complete=False), delivery="d2")
    assert rig.states() == {("m1", "body"): ["open"], ("m1", "comment:1"): ["resolved"]}


@pytest.mark.parametrize("part", ["", "file:F1"])
def test_a_gap_never_resolves(rig: Any, part: str) -> None:
    rig.tell(rig.event(parts={"body": [], "file:F1": ["a"]}), delivery="d1")
    rig.tell(rig.event(version=2, parts={"body": []}, gaps={part: "fetch_failed"}), delivery="d2")
    assert rig.states() == {("m1", "file:F1"): ["open"]}
    assert [gap["reason"] for gap in rig.rows("gap")] == ["fetch_failed"]


def test_gaps_of_a_resource_are_those_of_its_last_scan(rig: Any) -> None:
    rig.tell(rig.event(gaps={"file:F1": "too_large", "file:F2": "encrypted"}), delivery="d1")
    rig.now += timedelta(seconds=1)
    rig.tell(rig.event(version=2, gaps={"file:F2": "encrypted"}), delivery="d2")
    assert [gap["part"] for gap in rig.rows("gap")] == ["file:F2"]


@pytest.mark.parametrize("version", [1, 2])
def test_older_and_equal_versions_change_nothing(rig: Any, version: int) -> None:
    rig.tell(rig.event(version=2, parts={"body": ["a"]}), delivery="d1")
    done = rig.tell(rig.event(version=version, parts={"body": ["b"]}), delivery="d2")
    assert (done.opened, done.resolved, done.superseded) == (0, 0, 1)
    assert rig.states() == {("m1", "body"): ["open"]}
    assert rig.counts() == (2, 2, 0, 0)


def test_an_edit_that_overtakes_the_creation_wins(rig: Any) -> None:
    edit, creation = rig.event(version=2, parts={"body": []}), rig.event(version=1, parts={"body": ["a"]})
    rig.tell(edit, delivery="d1")
    rig.tell(creation, delivery="d2")
    assert rig.states() == {}


def test_edit_and_creation_in_one_batch_are_one_scan(rig: Any) -> None:
    rig.accept(rig.event(version=2, parts={"body": ["b"]}), delivery="d1")
    rig.accept(rig.event(version=1, parts={"body": ["a"]}), delivery="d2")
    done = rig.record(rig.claim())
    assert (done.opened, done.superseded) == (1, 1)
    assert rig.counts() == (2, 2, 0, 0)


def test_deletion_resolves_the_resource_and_its_children(rig: Any) -> None:
    rig.tell(rig.event("m1", parts={"body": ["a"]}), delivery="d1")
    rig.tell(rig.event("file", parts={"file": ["b"]}, parent="m1"), delivery="d2")
    rig.tell(rig.event("other", parts={"body": ["c"]}), delivery="d3")
    done = rig.tell(rig.event("m1", version=2, kind=EventKind.DELETED), delivery="d4")
    assert done.resolved == 2
    states = rig.states()
    assert states == {("m1", "body"): ["resolved"], ("file", "file"): ["resolved"], ("other", "body"): ["open"]}


def test_a_resource_that_cannot_be_found_any_more_is_gone(rig: Any) -> None:
    rig.tell(rig.event(parts={"body": ["a"]}), delivery="d1")
    rig.tell(rig.event(version=2, gone=True), delivery="d2")
    assert rig.states() == {("m1", "body"): ["resolved"]}


def test_a_deletion_without_a_version_counts(rig: Any) -> None:
    rig.tell(rig.event(version=7, parts={"body": ["a"]}), delivery="d1")
    rig.tell(rig.event(version=0, kind=EventKind.DELETED), delivery="d2")
    assert rig.states() == {("m1", "body"): ["resolved"]}
    rig.tell(rig.event(version=7, parts={"body": ["a"]}), delivery="d3")
    assert rig.states() == {("m1", "body"): ["resolved"]}


def test_what_people_decided_stays(rig: Any) -> None:
    rig.tell(rig.event(parts={"body": ["a"]}), delivery="d1")
    _decide(rig, FindingState.IGNORED)
    done = rig.tell(rig.event(version=2, parts={"body": ["a"]}), delivery="d2")
    assert done.alerts == 0
    assert rig.rows("finding")[0]["state"] == "ignored"
    rig.tell(rig.event(version=3, parts={"body": []}), delivery="d3")
    assert rig.rows("finding")[0]["state"] == "ignored"


def _decide(rig: Any, state: FindingState, **options: Any) -> Any:
    (row,) = rig.rows("finding", resource_id="m1")
    return rig.database.run(
        lambda c: findings.set_state(rig.database, c, row, state, actor="ana", now=rig.now, **options)
    )


@pytest.mark.parametrize(
    ("state", "born"), [(FindingState.FALSE_POSITIVE, "false_positive"), (FindingState.IGNORED, "ignored")]
)
def test_a_suppressed_value_is_not_told_elsewhere(rig: Any, state: FindingState, born: str) -> None:
    rig.tell(rig.event(parts={"body": ["a"]}), delivery="d1")
    _decide(rig, state, suppress=True)
    done = rig.tell(rig.event("m2", parts={"body": ["a", "b"]}), delivery="d2")
    assert (done.opened, done.alerts) == (1, 1)
    assert rig.states()["m2", "body"] == sorted([born, "open"])


def test_lifting_a_suppression_tells_the_value_again(rig: Any) -> None:
    rig.tell(rig.event(parts={"body": ["a"]}), delivery="d1")
    _decide(rig, FindingState.FALSE_POSITIVE, suppress=True)
    _decide(rig, FindingState.OPEN, suppress=True)
    assert rig.tell(rig.event("m2", parts={"body": ["a"]}), delivery="d2").alerts == 1


def test_the_second_of_two_deciders_is_told(rig: Any) -> None:
    rig.tell(rig.event(parts={"body": ["a"]}), delivery="d1")
    (row,) = rig.rows("finding")
    decide = partial(findings.set_state, rig.database, row=row, actor="ben", now=rig.now)
    rig.database.run(lambda c: decide(c, state=FindingState.ACKNOWLEDGED))
    with pytest.raises(Conflict):
        rig.database.run(lambda c: decide(c, state=FindingState.IGNORED))
    history = rig.database.read(lambda c: findings.history(c, "eu", row["id"]))
    assert [change["after"] for change in history] == ["open", "acknowledged"]


def test_policy_actions_are_planned_once_after_their_delay(rig: Any) -> None:
    rig.acts = {"secrets": (("delete", timedelta(hours=24)),)}
    rig.tell(rig.event(parts={"body": ["a"]}), delivery="d1")
    rig.tell(rig.event(version=2, parts={"body": ["a"]}), delivery="d2")
    (run,) = rig.rows("action_run")
    assert (run["action"], run["actor"], run["state"]) == ("delete", "policy", "pending")
    (job,) = rig.rows("job", queue="action")
    assert job["due_at"] == rig.now + timedelta(hours=24)


def test_nobody_is_alerted_of_what_no_policy_routes(rig: Any) -> None:
    rig.told = {}
    rig.tell(rig.event(parts={"body": ["a"]}), delivery="d1")
    assert len(rig.rows("finding")) == 1
    assert rig.rows("alert") == []


def test_two_policies_that_alert_one_destination_are_one_alert(rig: Any) -> None:
    rig.verdict, rig.told = ("secrets", "all"), {"secrets": ("security", "author"), "all": ("security",)}
    rig.routes.destinations = lambda policies: {"security": ("secrets", "all"), "author": ("secrets",)}
    rig.tell(rig.event(parts={"body": ["a"]}), delivery="d1")
    assert sorted(alert["destination"] for alert in rig.rows("alert")) == ["author", "security"]


def test_exposure_judges_again_and_alerts_what_newly_matters(rig: Any) -> None:
    rig.tell(rig.event(parts={"body": ["a"]}), delivery="d1")
    rig.told["public"] = ("security",)
    expose = partial(
        actions.expose, rig.database, residency="eu", name="acme-chat", container="C1", visibility=Visibility.PUBLIC,
        judged=lambda _row: ("secrets", "public"), routes=rig.routes, vault=rig.vault, now=rig.now,
    )  # fmt: skip
    rig.database.run(lambda c: expose(c))
    rig.database.run(lambda c: expose(c))
    (found,) = rig.rows("finding")
    assert (found["visibility"], found["policies"]) == ("public", ["secrets", "public"])
    assert sorted(alert["policy"] for alert in rig.rows("alert")) == ["public", "secrets"]


def test_events_about_more_than_one_resource_become_jobs(rig: Any) -> None:
    exposed = rig.event("c", kind=EventKind.EXPOSURE, visibility=Visibility.PUBLIC)
    revoked = rig.event("x", kind=EventKind.REVOKED)
    rig.tell(exposed, revoked, delivery="d1")
    assert sorted(job["queue"] for job in rig.rows("job")) == ["exposure", "revoked"]
    assert rig.counts() == (2, 2, 0, 0)


def test_the_ledger_counts_parts_and_adds_up(rig: Any) -> None:
    rig.accept(
        rig.event("m1", parts={"body": ["a"], "title": []}, gaps={"file:F1": "too_large", "file:F2": "corrupt"}),
        rig.event("m2"),
        delivery="d1",
    )
    assert rig.counts() == (2, 0, 0, 0)
    rig.record(rig.claim())
    assert rig.counts() == (5, 3, 1, 1)
    assert all(line.holds for line in rig.database.read(lambda c: ledger.coverage(c, "eu")))


def test_nothing_is_written_when_one_row_of_a_batch_is_lost(rig: Any) -> None:
    rig.accept(rig.event("m1", parts={"body": ["a"]}), delivery="d1")
    first = rig.claim()
    rig.now += timedelta(minutes=3)
    rig.accept(rig.event("m2", parts={"body": ["b"]}), delivery="d2")
    both = rig.claim()
    with pytest.raises(LostLease):
        rig.record([*first, *(row for row in both if row["id"] != first[0]["id"])])
    assert (rig.rows("finding"), rig.counts()) == ([], (2, 0, 0, 0))
    rig.record(both)
    assert len(rig.rows("finding")) == 2


def test_rows_of_another_residency_are_never_claimed(rig: Any) -> None:
    from connectors.store import inbox
    from connectors.store.inbox import Arrival, prepare

    arrival = prepare(
        Arrival("us", "acme-us", "acme-chat", "d1", rig.now, (rig.event(),)), vault=rig.vault,
        shards=rig.database.shards,
    )  # fmt: skip
    rig.database.run(lambda c: inbox.accept(rig.database, c, [arrival], now=rig.now))
    assert rig.claim() == []
