"""Reading `Retry-After`, and the pause between attempts."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.net import retry_after
from connectors.net.session import backoff

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("30", 30.0),
        ("1.5", 1.5),
        ("-4", 0.0),
        ("Mon, 04 May 2026 12:00:45 GMT", 45.0),
        ("Mon, 04 May 2026 12:00:45", 45.0),
        ("Mon, 04 May 2026 11:00:00 GMT", 0.0),
        ("999999999", 86_400.0),
        ("inf", 86_400.0),
        ("nan", None),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_seconds_and_dates(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, NOW) == seconds


@given(st.text())
def test_any_text_gives_a_sane_wait_or_none(value: str) -> None:
    seconds = retry_after(value, NOW)
    assert seconds is None or 0 <= seconds <= 86_400


def test_the_pause_doubles_up_to_its_bound_and_is_jittered() -> None:
    assert [backoff(n, longest=5, draw=lambda: 1.0) for n in (1, 2, 3, 9)] == [0.5, 1.0, 2.0, 5.0]
    assert backoff(3, longest=5, draw=lambda: 0.25) == 0.5
