"""Matches to a redacted text: every place right before and after, in code points and in bytes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from connectors.model import Confidence, Match
from connectors.redaction import InfoType, Mask, Redactor, Substitute, redact, values
from connectors.redaction.text import spread


def match(start: int, end: int, detector: str = "d", confidence: Confidence = Confidence.LIKELY) -> Match:
    return Match(detector, detector, start, end, confidence, "")


def test_places_before_and_after():
    redacted = redact("ü 4111 and 4222 ☃", [match(2, 6), match(11, 15)], Substitute("👀"))
    assert redacted.text == "ü 👀 and 👀 ☃"
    first, second = redacted.replacements
    assert (first.original.start, first.original.end) == (2, 6)
    assert (first.original.byte_start, first.original.byte_end) == (3, 7)
    assert (second.redacted.start, second.redacted.end) == (8, 9)
    assert (second.redacted.byte_start, second.redacted.byte_end) == (12, 16)


def test_overlapping_matches_become_one_under_the_surest_name():
    matches = [match(0, 6, "wide"), match(4, 9, "sure", Confidence.VERY_LIKELY), match(9, 10, "next")]
    redacted = redact("0123456789", matches, InfoType())
    assert redacted.text == "[sure][next]"
    assert redacted.of(matches[0]) is redacted.of(matches[1]) is redacted.replacements[0]
    assert redacted.of(matches[2]) is redacted.replacements[1]


def test_a_rule_is_picked_for_each_match():
    matches = [match(0, 2, "mask"), match(3, 5, "leave"), match(6, 8, "phrase")]
    rules = {"mask": Mask(), "phrase": Substitute("-")}
    redacted = redact("ab cd ef", matches, lambda found: rules.get(found.detector))
    assert redacted.text == "** cd -"
    assert redacted.of(matches[1]) is None


def test_nothing_found_changes_nothing():
    assert redact("text", [], Mask()).text == "text"


def test_the_result_is_silent_about_content():
    assert "4111" not in repr(redact("4111 rest", [match(0, 4)], Mask(leave=4)))


spans = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 8)), max_size=6)


@given(st.text(min_size=0, max_size=40), spans, st.text(max_size=3))
def test_every_replacement_stands_where_it_says(text, places, phrase):
    matches = [match(start, min(start + size, len(text))) for start, size in places if start < len(text)]
    redacted = redact(text, matches, Substitute(phrase))
    before, after = text.encode("utf-8", "surrogatepass"), redacted.text.encode("utf-8", "surrogatepass")
    end = 0
    for item in redacted.replacements:
        original, new = item.original, item.redacted
        assert original.start >= end
        end = original.end
        assert redacted.text[new.start : new.end] == phrase
        assert after[new.byte_start : new.byte_end].decode("utf-8", "surrogatepass") == phrase
        value = text[original.start : original.end]
        assert before[original.byte_start : original.byte_end].decode("utf-8", "surrogatepass") == value
    covered = {index for found in matches for index in range(found.start, found.end)}
    kept = "".join(character for index, character in enumerate(text) if index not in covered)
    assert len(redacted.text) == len(kept) + len(phrase) * len(redacted.replacements)


@given(st.lists(st.text(max_size=6), max_size=6), spans, st.text(max_size=3))
def test_spread_texts_join_to_the_redacted_text(texts, places, phrase):
    whole = "".join(texts)
    matches = [match(start, min(start + size, len(whole))) for start, size in places if start < len(whole)]
    redacted = redact(whole, matches, Substitute(phrase))
    laid = spread(texts, redacted)
    assert "".join(laid) == redacted.text
    assert len(laid) == len(texts)


def test_a_value_over_several_texts_is_cut_from_the_later_ones():
    redactor = Redactor(values("4111 1111"), Substitute("X"))
    assert redactor.texts(["card 41", "11 11", "11 end"]) == (["card X", "", " end"], 1)


def test_context_names_what_a_text_alone_does_not_show():
    def find(text):
        return [match(text.index("hunter"), text.index("hunter") + 7)] if text.startswith("password: ") else []

    redactor = Redactor(find, Mask())
    assert redactor.text("hunter2").text == "hunter2"
    assert redactor.text("hunter2", "password").text == "*******"
