"""Charts and counters as numbers."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from connectors.contract import Budget
from connectors.dashboard import charts, findings, health, words
from connectors.store.dashboard import pages
from connectors.store.search import parse
from connectors.store.tallies import NOW as STANDING
from connectors.store.tallies import sums

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def found(**values: Any) -> dict[str, Any]:
    row = {
        "tenant": "acme", "connection": "acme-slack", "severity": 4, "detector": "iban", "container": "C1",
        "container_name": "#general", "visibility": "internal", "state": "open", "first_seen": NOW - timedelta(hours=2),
    }  # fmt: skip
    return {**row, **values}


def test_stacks_are_as_high_as_their_numbers() -> None:
    axis = charts.days(date(2026, 11, 23), 2)
    chart = charts.stacked("x", axis, [("s5", "critical", {"2026-11-23": 5}), ("s4", "high", {"2026-11-23": 5})], {})
    assert [block.height for block in chart.bars[1].blocks] == [75, 75]
    assert chart.bars[1].label == "2026-11-23: 5 critical, 5 high"
    assert chart.bars[0].blocks == ()
    assert chart.bars[1].blocks[0].path == "M361 75h358v75h-358z"


def test_a_small_chart_is_one_path() -> None:
    axis = charts.days(date(2026, 11, 23), 3)
    assert charts.spark({axis[0]: 2, axis[2]: 4}, axis) == "M0 16v-8h12V16zM40 16v-16h12V16z"
    assert charts.spark({}, axis) == ""


def test_groups_stand_beside_one_another() -> None:
    axis = charts.days(date(2026, 11, 23), 1)
    chart = charts.grouped("x", axis, [("new", "new", {axis[0]: 10}), ("closed", "closed", {axis[0]: 5})], {})
    new, closed = chart.bars[0].blocks
    assert (new.height, closed.height) == (150, 75)
    assert closed.x >= new.x + new.width
    assert charts.grouped("x", axis, [("new", "new", {})], {}).empty


def test_each_term_of_a_search_can_be_taken_out() -> None:
    assert findings.chips('state:open container:"two  words" x') == [
        ("state:open", 'container:"two words" x'),
        ('container:"two  words"', "state:open x"),
        ("x", 'state:open container:"two words"'),
    ]
    assert findings.chips("") == []


def test_one_field_leads_and_the_rest_is_sifted() -> None:
    led, sifted = findings.split("connection:a state:open detector:iban last_seen:<7d", pages.SORTS["recent"])
    assert [each.field for each in led] == ["last_seen", "detector"]
    assert [each.field for each in sifted] == ["connection", "state"]
    led, sifted = findings.split("connection:a severity:>=high", pages.SORTS["severity"])
    assert [each.field for each in led] == ["severity"]
    assert findings.split("-detector:iban detector:a,b container:x*", pages.SORTS["recent"])[0] == []


def test_what_is_left_of_a_rate_limit() -> None:
    limits = {"search": Budget(units=60, seconds=60), "calls": Budget(units=100, seconds=10, burst=10)}
    row = {"tokens": 3.0, "refilled_at": NOW - timedelta(seconds=27), "blocked_until": None}
    wait = {"tokens": 0.0, "refilled_at": NOW, "blocked_until": NOW + timedelta(seconds=30)}
    left = health.headroom(limits, {"search": row, "odd": wait}, NOW)
    assert [(each.bucket, each.left, each.low) for each in left] == [
        ("odd", 0.0, True), ("search", 0.5, False), ("calls", 1.0, False),
    ]  # fmt: skip
    over = {**wait, "blocked_until": NOW - timedelta(seconds=1)}
    assert [each.wait for each in health.headroom({}, {"odd": over}, NOW)] == [None]


@given(st.integers(min_value=1, max_value=10**9))
def test_the_axis_is_round_and_not_below(value: int) -> None:
    assert value <= charts.nice(value) <= value * 2.5 + 1


@given(st.text(min_size=1, max_size=40).filter(lambda text: "\x00" not in text))
def test_a_term_finds_exactly_its_value(value: str) -> None:
    (term,) = parse(words.term("container", value))
    assert [(each.text, each.operator, each.prefix) for each in term.values] == [(value, "=", False)]


def test_a_new_finding_counts_today_and_now() -> None:
    added = sums([(None, found())], NOW)
    today = added["acme", "acme-slack", "2026-11-23", "severity", "4"]
    assert (today.found, today.closed, today.living) == (1, 0, 0)
    assert added["acme", "acme-slack", STANDING, "severity", "4"].living == 1


def test_closing_takes_it_from_what_stands_and_keeps_the_time() -> None:
    added = sums([(found(), found(state="resolved"))], NOW)
    assert added["acme", "acme-slack", STANDING, "severity", "4"].living == -1
    today = added["acme", "acme-slack", "2026-11-23", "detector", "iban"]
    assert (today.found, today.closed, today.seconds) == (0, 1, 7200)


def test_exposure_moves_between_values() -> None:
    added = sums([(found(), found(visibility="public"))], NOW)
    assert {key[2:]: total.living for key, total in added.items()} == {(STANDING, "exposed", "#general"): 1}
    back = sums([(found(visibility="public"), found())], NOW)
    assert {key[2:]: total.living for key, total in back.items()} == {(STANDING, "exposed", "#general"): -1}


@given(st.lists(st.sampled_from(["open", "acknowledged", "resolved", "ignored", "false_positive"]), min_size=1))
def test_whatever_happens_what_stands_is_what_lives(states: list[str]) -> None:
    moves = [(None, found(state=states[0]))]
    moves += [(found(state=old), found(state=new)) for old, new in pairwise(states)]
    added = sums(moves, NOW)
    standing = added.get(("acme", "acme-slack", STANDING, "severity", "4"))
    assert (standing.living if standing else 0) == (1 if states[-1] in ("open", "acknowledged") else 0)
