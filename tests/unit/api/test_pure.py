"""Keys, buckets, contexts and masks: what needs no database."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.api import results, views
from connectors.api.answers import context
from connectors.api.errors import CODES, ApiError
from connectors.api.limiter import MOST, Limiter
from connectors.api.replace import rule_of
from connectors.api.wire import RedactionConfig
from connectors.store import keys


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@given(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}", fullmatch=True))
def test_a_key_names_its_residency(residency: str) -> None:
    assert keys.residency_of(keys.new_key(residency)) == residency


@given(st.integers(0, 60), st.characters())
def test_a_typing_error_makes_no_key(place: int, character: str) -> None:
    key = keys.new_key("eu")
    place %= len(key)
    changed = key[:place] + character + key[place + 1 :]
    assert changed == key or keys.residency_of(changed) is None


@given(st.text(max_size=80))
def test_any_text_is_asked_without_a_fault(text: str) -> None:
    assert keys.residency_of(text) is None


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    clock = Clock()
    limiter = Limiter(clock=clock)
    taken = [limiter.take("k", rate=5, burst=3) for _ in range(4)]
    assert [each.remaining for each in taken] == [2, 1, 0, 0]
    assert not taken[3].allowed
    assert taken[3].after == pytest.approx(0.2)
    clock.now += 0.2
    assert limiter.take("k", rate=5, burst=3).allowed
    assert limiter.take("other", rate=5, burst=3).allowed


@given(st.lists(st.floats(0, 3), max_size=60))
def test_no_window_gives_more_than_burst_and_rate(pauses: list[float]) -> None:
    clock = Clock()
    limiter = Limiter(clock=clock)
    allowed = 0
    for pause in pauses:
        clock.now += pause
        allowed += limiter.take("k", rate=2, burst=4).allowed
    assert allowed <= 4 + 2 * clock.now + 1e-6


def test_full_buckets_are_dropped() -> None:
    clock = Clock()
    limiter = Limiter(clock=clock)
    for number in range(MOST):
        limiter.take(number, rate=1, burst=2)
    clock.now += 10
    limiter.take("last", rate=1, burst=2)
    assert len(limiter._buckets) == 1


@given(st.text(), st.integers(0, 40), st.data())
def test_context_is_a_part_of_the_text_and_no_longer_than_asked(text: str, size: int, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    before, after = context(text, start, end, size)
    assert text[:start].endswith(before)
    assert text[end:].startswith(after)
    assert max(len(before.encode()), len(after.encode())) <= size


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"maskConfig": {}}, "*********"),
        ({"maskConfig": {"numCharsToLeaveUnmasked": 2}}, "12*******"),
        ({"maskConfig": {"numCharsToLeaveUnmasked": 2, "maskRightToLeft": True}}, "12*******"),
        ({"maskConfig": {"numCharsToLeaveUnmasked": 2, "maskLeftToRight": True}}, "*******89"),
        ({"maskConfig": {"charsToIgnore": ["4", "5"], "maskingChar": "é"}}, "ééé45éééé"),
        ({"substitutionConfig": {}}, ""),
        ({"infoTypeSubstitutionConfig": {}}, "[CARD {0}]"),
    ],
)
def test_what_stands_in_place_of_a_value(config: dict[str, object], expected: str) -> None:
    assert rule_of(RedactionConfig.model_validate(config), "CARD {0}").replace("123456789", "card") == expected


def test_the_webhook_signature_is_that_of_the_format() -> None:
    # The example values of the format's own client libraries.
    signature = results.signature("super-secret-shhhh", 1633368645, b"hello world foo bar goodnight moon")
    assert signature == "1bb7619a9504474ffc14086d0423ad15db42606d3ca52afccb4a5b2125d7b703"
    assert results.signature("k", 1, "é".encode()) == hmac.new(b"k", b"1:\xc3\xa9", hashlib.sha256).hexdigest()


@given(st.text(max_size=60))
def test_any_cursor_is_a_place_or_a_refusal(text: str) -> None:
    code = 0
    try:
        place = views.after(text)
    except ApiError as refused:
        code = refused.number
    else:
        assert place is None or place[0].tzinfo is not None
    assert code in (0, 40002)


def test_every_code_begins_with_its_status() -> None:
    assert {code // 100 for code in CODES} <= {400, 401, 403, 404, 405, 409, 413, 422, 429, 500, 503}
