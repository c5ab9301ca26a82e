"""What analysts say of a value: at once everywhere, taken back, and kept for the training of models."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from connectors.model import FindingState, Validity
from connectors.pipeline import Answer
from connectors.store import findings
from connectors.store.tables.findings import suppression


def _decide(rig: Any, resource: str, state: FindingState, *, suppress: bool = True) -> None:
    (row,) = rig.rows("finding", resource_id=resource)
    rig.database.run(
        lambda c: findings.set_state(rig.database, c, row, state, actor="ana", suppress=suppress, now=rig.now)
    )


def _confirm(rig: Any, resource: str) -> None:
    (row,) = rig.rows("finding", resource_id=resource)
    rig.database.run(lambda c: findings.say(rig.database, c, row, "confirmed", actor="ana", comment="", now=rig.now))


def _twice(rig: Any) -> None:
    rig.tell(rig.event("m1", parts={"body": ["a"]}), delivery="d1")
    rig.tell(rig.event("m2", parts={"body": ["a"]}), delivery="d2")
    rig.tell(rig.event("m3", parts={"body": ["b"]}), delivery="d3")


def _states(rig: Any) -> dict[str, str]:
    return {row["resource_id"]: row["state"] for row in rig.rows("finding")}


def test_a_verdict_moves_all_findings_of_the_value_and_no_others(rig: Any) -> None:
    _twice(rig)
    _decide(rig, "m1", FindingState.FALSE_POSITIVE)
    assert _states(rig) == {"m1": "false_positive", "m2": "false_positive", "m3": "open"}
    changed = [each for each in rig.rows("finding_change") if each["after"] == "false_positive"]
    assert [each["actor"] for each in changed] == ["ana", "ana"]


def test_without_suppress_one_finding_moves(rig: Any) -> None:
    _twice(rig)
    _decide(rig, "m1", FindingState.FALSE_POSITIVE, suppress=False)
    assert _states(rig) == {"m1": "false_positive", "m2": "open", "m3": "open"}
    assert rig.rows(suppression.name) == []


def test_opening_one_takes_the_verdict_back_everywhere(rig: Any) -> None:
    _twice(rig)
    _decide(rig, "m1", FindingState.FALSE_POSITIVE)
    _decide(rig, "m2", FindingState.OPEN)
    assert _states(rig) == {"m1": "open", "m2": "open", "m3": "open"}
    assert rig.rows(suppression.name) == []


def test_resolving_one_lifts_the_verdict_but_opens_nothing(rig: Any) -> None:
    _twice(rig)
    _decide(rig, "m1", FindingState.IGNORED)
    _decide(rig, "m1", FindingState.RESOLVED)
    assert _states(rig) == {"m1": "resolved", "m2": "ignored", "m3": "open"}
    assert rig.rows(suppression.name) == []


def test_a_suppressed_value_that_returns_is_not_told(rig: Any) -> None:
    _twice(rig)
    rig.tell(rig.event("m1", version=2, parts={"body": []}), delivery="d4")
    _decide(rig, "m2", FindingState.FALSE_POSITIVE)
    done = rig.tell(rig.event("m1", version=3, parts={"body": ["a"]}), delivery="d5")
    assert (done.reopened, done.alerts) == (0, 0)
    assert _states(rig)["m1"] == "false_positive"


def test_a_confirmed_value_stays_confirmed_and_is_told(rig: Any) -> None:
    _twice(rig)
    _confirm(rig, "m1")
    _decide(rig, "m1", FindingState.ACKNOWLEDGED)
    assert [row["verdict"] for row in rig.rows(suppression.name)] == ["confirmed"]
    assert rig.tell(rig.event("m4", parts={"body": ["a"]}), delivery="d4").alerts == 1


def test_to_confirm_takes_a_suppression_back(rig: Any) -> None:
    _twice(rig)
    _decide(rig, "m1", FindingState.FALSE_POSITIVE)
    _confirm(rig, "m2")
    assert _states(rig) == {"m1": "open", "m2": "open", "m3": "open"}
    assert [row["verdict"] for row in rig.rows(suppression.name)] == ["confirmed"]


def test_feedback_holds_verdicts_and_nothing_of_the_value(rig: Any) -> None:
    _twice(rig)
    _decide(rig, "m1", FindingState.FALSE_POSITIVE)
    _decide(rig, "m3", FindingState.IGNORED, suppress=False)
    rows = rig.database.read(lambda c: findings.feedback(c, "eu"))
    assert [(row["detector"], row["verdict"], row["count"], row["confidence"]) for row in rows] == [
        ("token", "false_positive", 2, 4),
        ("token", "accepted", 1, 4),
    ]
    expected = {"tenant", "fingerprint", "family", "verdict", "detector", "confidence", "count", "at"}
    assert all(set(row) == expected for row in rows)


def test_a_proof_is_not_lost_to_an_answer_that_proves_nothing(rig: Any, monkeypatch: Any) -> None:
    said: list[Answer | None] = [Answer(Validity.ACTIVE, rig.now, {"vendor": "v", "status": 200})]
    plain = rig.draft

    def draft(part: str, value: str) -> Any:
        from dataclasses import replace

        return replace(plain(part, value), validity=said[-1])

    monkeypatch.setattr(rig, "draft", draft)
    rig.tell(rig.event(parts={"body": ["a"]}), delivery="d1")
    said.append(Answer(Validity.UNVERIFIED, rig.now + timedelta(hours=1), {"vendor": "v", "reason": "transient"}))
    rig.tell(rig.event(version=2, parts={"body": ["a"]}), delivery="d2")
    said.append(None)
    rig.tell(rig.event(version=3, parts={"body": ["a"]}), delivery="d3")
    (row,) = rig.rows("finding")
    assert (row["validity"], row["validity_checked_at"]) == ("active", rig.now)
    assert row["validity_evidence"] == {"vendor": "v", "status": 200}
    said.append(Answer(Validity.EXPIRED, rig.now + timedelta(hours=2), {"vendor": "v", "status": 401}))
    rig.tell(rig.event(version=4, parts={"body": ["a"]}), delivery="d4")
    assert rig.rows("finding")[0]["validity"] == "expired"
