"""Push channels are made at once and renewed when three quarters of their time are over, not before."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from connectors.work.housekeeping import RENEW_EVERY


def asked(house: Any) -> int:
    house.worker.drain()
    return len(house.script.asked)


@pytest.mark.parametrize("lives", [timedelta(hours=1), timedelta(days=4), timedelta(days=30)])
def test_it_is_renewed_when_three_quarters_are_over(house: Any, lives: timedelta) -> None:
    house.script.lives = lives
    house.wait(days=4)
    before = asked(house)
    house.wait(seconds=lives.total_seconds() * 0.74)
    assert asked(house) == before
    house.wait(seconds=lives.total_seconds() * 0.01 + RENEW_EVERY.total_seconds())
    assert asked(house) == before + 1
    assert house.script.asked[-1].id == f"channel {before}"


def test_it_is_made_at_the_first_look(house: Any) -> None:
    assert house.script.asked == [None]
