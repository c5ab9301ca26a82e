"""Which matches matter, how much, who hears of them: a table of cases."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from connectors.config.models import PolicySettings
from connectors.model import Confidence, Severity, Validity, Visibility
from connectors.policy import Choice, Policies, Whereabouts, matches_any
from connectors.runtime import covered

DETECTORS = (
    Choice("aws_key", "secret", "secret", "aws", ("AWS_KEY",)),
    Choice("slack_token", "secret", "secret", "slack"),
    Choice("card", "credit_card", "finance"),
    Choice("person", "name", "contact", enabled=False),
)
PLACE = Whereabouts("acme", "acme-slack", "C1", "#General", Visibility.INTERNAL)


def policies(*settings: dict[str, Any]) -> Policies:
    return Policies(
        [PolicySettings(**{"name": f"p{n}", "detectors": ("*",), **each}) for n, each in enumerate(settings)], DETECTORS
    )


@pytest.mark.parametrize(("wanted", "chosen"), [
    (("*",), {"aws_key", "slack_token", "card"}), (("secret",), {"aws_key", "slack_token"}), (("aws",), {"aws_key"}),
    (("AWS_KEY",), {"aws_key"}), (("person",), {"person"}), (("*_token",), {"slack_token"}), (("nothing",), set()),
])  # fmt: skip
def test_detectors_are_chosen_by_any_of_their_names(wanted: tuple[str, ...], chosen: set[str]) -> None:
    made = policies({"detectors": wanted})
    assert made.detectors == chosen
    assert made.unknown("p0") == (("nothing",) if wanted == ("nothing",) else ())


def test_detectors_can_be_left_out() -> None:
    assert policies({"except_detectors": ("aws", "finance")}).detectors == {"slack_token"}


@pytest.mark.parametrize(("settings", "matters"), [
    ({}, True), ({"min_confidence": Confidence.VERY_LIKELY}, False), ({"min_count": 3}, False),
    ({"min_count": 2}, True),
    ({"detectors": ("card",)}, False), ({"tenants": ("globex",)}, False), ({"connections": ("acme-*",)}, True),
    ({"connections": ("other",)}, False), ({"containers": ("#general",)}, True), ({"containers": ("C1",)}, True),
    ({"containers": ("#gen",)}, False), ({"except_containers": ("#gen*",)}, False),
    ({"visibility": (Visibility.PUBLIC,)}, False), ({"visibility": (Visibility.INTERNAL,)}, True),
    ({"enabled": False}, False),
])  # fmt: skip
def test_a_policy_cares_or_not(settings: dict[str, Any], matters: bool) -> None:
    verdict = policies(settings).judge("aws_key", Confidence.LIKELY, PLACE, count=2)
    assert (verdict is not None) is matters


@pytest.mark.parametrize(("when", "validity", "matters"), [
    ({}, None, True), ({}, Validity.EXPIRED, True), ({"validity": "active"}, Validity.ACTIVE, True),
    ({"validity": "active"}, Validity.UNVERIFIED, False), ({"validity": "active"}, None, False),
    ({"validity": ["active", "unverified"]}, Validity.UNVERIFIED, True),
])  # fmt: skip
def test_a_policy_may_wait_for_what_the_vendor_says(when: Any, validity: Validity | None, matters: bool) -> None:
    made = policies({"when": when})
    assert made.conditional is bool(when)
    assert (made.judge("aws_key", Confidence.LIKELY, PLACE, validity=validity) is not None) is matters
    assert made.judge("aws_key", Confidence.LIKELY, PLACE, asking=True) is not None


def test_the_worst_of_all_policies_that_care() -> None:
    made = policies({"severity": Severity.LOW}, {"severity": Severity.CRITICAL}, {"detectors": ("card",)})
    verdict = made.judge("aws_key", Confidence.LIKELY, PLACE)
    assert verdict is not None
    assert (verdict.severity, verdict.policies) == (Severity.CRITICAL, ("p0", "p1"))


def test_a_destination_is_told_once_and_an_action_done_at_its_earliest() -> None:
    made = policies(
        {"alert": ("a", "b"), "actions": [{"do": "delete", "after": "24h"}]},
        {"alert": ("b",), "actions": [{"do": "delete", "after": "1h"}]},
    )
    assert made.destinations(["p0", "p1", "gone"]) == {"a": ("p0",), "b": ("p0", "p1")}
    assert [(action.do, action.after) for action in made.actions(["p0", "p1", "gone"])] == [
        ("delete", timedelta(hours=1))
    ]


def test_wildcards_are_whole_and_of_any_case() -> None:
    assert matches_any(("ACME/*",), "acme/api")
    assert not matches_any(("acme",), "acme/api")
    assert not matches_any((), "acme")


@pytest.mark.parametrize(("include", "exclude", "expected"), [
    (["*"], [], True), (["acme/*"], [], True), (["x"], [], False), (["*"], ["acme/api"], False), (["R1"], [], True),
    (["*"], ["r1"], False),
])  # fmt: skip
def test_include_and_exclude_go_by_id_and_name(include: list[str], exclude: list[str], expected: bool) -> None:
    assert covered(include, exclude, "R1", "acme/api") is expected
