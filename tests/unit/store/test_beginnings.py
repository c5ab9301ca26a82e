"""Ids as people shorten them."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.store.columns import beginning


@given(st.uuids(), st.uuids(), st.integers(1, 36))
def test_the_bounds_hold_the_ids_that_begin_so_and_no_others(one: uuid.UUID, other: uuid.UUID, length: int) -> None:
    start = str(one)[:length].upper()
    bounds = beginning(start)
    assert bounds is not None
    low, high = bounds
    assert low <= one <= high
    assert (low <= other <= high) is other.hex.startswith(start.replace("-", "").lower())


@pytest.mark.parametrize("start", ["", "-", "xyz", "1" * 33, "%"])
def test_what_no_id_begins_with_has_no_bounds(start: str) -> None:
    assert beginning(start) is None
