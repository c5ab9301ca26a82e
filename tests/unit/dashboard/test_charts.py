"""Charts and counters as numbers."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from connectors.dashboard import charts, words
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
    assert added["acme", "acme-slack", STANDING, "state", "open"].living == -1
    assert added["acme", "acme-slack", STANDING, "state", "resolved"].living == 1


def test_exposure_moves_between_values() -> None:
    added = sums([(found(), found(visibility="public"))], NOW)
    assert added["acme", "acme-slack", STANDING, "visibility", "internal"].living == -1
    assert added["acme", "acme-slack", STANDING, "exposed", "#general"].living == 1
    assert not any(key[3] == "severity" for key in added)


@given(st.lists(st.sampled_from(["open", "acknowledged", "resolved", "ignored", "false_positive"]), min_size=1))
def test_whatever_happens_what_stands_is_what_lives(states: list[str]) -> None:
    moves = [(None, found(state=states[0]))]
    moves += [(found(state=old), found(state=new)) for old, new in pairwise(states)]
    added = sums(moves, NOW)
    standing = added.get(("acme", "acme-slack", STANDING, "severity", "4"))
    assert (standing.living if standing else 0) == (1 if states[-1] in ("open", "acknowledged") else 0)
