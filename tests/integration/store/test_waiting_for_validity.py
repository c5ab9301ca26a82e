"""Policies that wait for what a vendor says: nothing is told too soon, nothing that is known is lost."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.model import Validity


def says(rig: Any, version: int, validity: Validity | None, *policies: str) -> Any:
    rig.verdict, rig.validity = policies, validity
    return rig.tell(rig.event(version=version, parts={"body": ["a"]}), delivery=f"d{version}")


@pytest.fixture
def waiting(rig: Any) -> Any:
    rig.told = {"all": ("log",), "live": ("pager",)}
    return rig


def told(rig: Any) -> list[tuple[str, str]]:
    return sorted((row["policy"], row["destination"]) for row in rig.rows("alert"))


def test_what_no_policy_wants_yet_is_not_recorded(waiting: Any) -> None:
    says(waiting, 1, Validity.UNVERIFIED)
    assert waiting.rows("finding") == []
    assert says(waiting, 2, Validity.ACTIVE, "live").opened == 1
    assert told(waiting) == [("live", "pager")]


def test_a_token_that_is_known_to_be_live_later_is_told_to_who_waited(waiting: Any) -> None:
    says(waiting, 1, Validity.UNVERIFIED, "all")
    says(waiting, 2, Validity.ACTIVE, "all", "live")
    assert told(waiting) == [("all", "log"), ("live", "pager")]
    says(waiting, 3, Validity.ACTIVE, "all", "live")
    assert len(told(waiting)) == 2


@pytest.mark.parametrize("answer", [Validity.UNVERIFIED, Validity.EXPIRED])
def test_a_vendor_that_says_otherwise_later_ends_nothing(waiting: Any, answer: Validity) -> None:
    says(waiting, 1, Validity.ACTIVE, "live")
    says(waiting, 2, answer)
    (row,) = waiting.rows("finding")
    assert (row["state"], row["policies"]) == ("open", ["live"])
    assert row["validity"] == ("active" if answer is Validity.UNVERIFIED else "expired")
    assert len(told(waiting)) == 1


def test_a_resolved_one_comes_back_only_when_a_policy_wants_it(waiting: Any) -> None:
    says(waiting, 1, Validity.ACTIVE, "live")
    waiting.tell(waiting.event(version=2, parts={"body": []}), delivery="d2")
    says(waiting, 3, Validity.EXPIRED)
    assert waiting.states() == {("m1", "body"): ["resolved"]}
    assert says(waiting, 4, Validity.ACTIVE, "live").reopened == 1
