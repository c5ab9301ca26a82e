"""The parts of the engine, one by one."""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.detection import Context, Detector, Engine, byte_range, byte_ranges, preview
from connectors.detection.factors import Factor, encode, find_with
from connectors.detection.normalize import normalize
from connectors.detection.overlaps import resolve
from connectors.detection.patterns import foreign, literal
from connectors.detection.rules import normalized
from connectors.detection.scorers import scored, secret
from connectors.detection.shapes import TABLE, shape
from connectors.detection.surroundings import judge, near
from connectors.detection.windows import Window
from connectors.errors import ConfigError
from connectors.model import Confidence, Match


def detector(name: str, **fields: object) -> Detector:
    given = {"name": name, "family": name, "category": "custom", "source": "", "examples": (), "near_misses": ()}
    return Detector(id=name, **{**given, **fields})  # type: ignore[arg-type]  # a test's shorthand


@given(st.text())
def test_normalized_text_leads_back_to_the_original(text):
    plain = normalize(text)
    for at, character in enumerate(plain.text):
        start, end = plain.original(at, at + 1)
        assert end == start + 1
        assert character == text[start] or not text[start].isascii()
        if text[start].isalpha() and character != text[start]:
            assert character in unicodedata.normalize("NFKC", text[start])


@given(st.text(alphabet="ab12 \u200b\u00ad\ufb03é１２\u202e"))
def test_what_was_removed_is_inside_or_beside_what_is_around_it(text):
    plain = normalize(text)
    assert "\u200b" not in plain.text
    places = [plain.original(at, at + 1) for at in range(len(plain.text))]
    assert places == sorted(places)


@given(st.text(), st.data())
def test_byte_ranges_are_those_of_the_encoded_text(text, data):
    text = text.encode("utf-8", "replace").decode()
    points = sorted(data.draw(st.lists(st.integers(0, len(text)), min_size=2, max_size=6)))
    ranges = list(pairwise(points))
    assert byte_ranges(text, ranges) == [byte_range(text, *pair) for pair in ranges]
    for (start, end), (first, last) in zip(ranges, byte_ranges(text, ranges), strict=True):
        assert text.encode()[first:last].decode() == text[start:end]


@given(st.text())
def test_one_byte_for_each_code_point(text):
    assert len(encode(text)) == len(text)


@pytest.mark.parametrize(
    ("pattern", "longest"),
    [
        ("AKIA[A-Z]{4}", "akia"),
        ("a|bc", ""),
        ("(?:xox)[bp]-", "xox"),
        (r"\d{3}", ""),
        ("ab{3}c", "abbbc"),
        ("x?yz", "yz"),
    ],
)
def test_the_literal_of_a_factor_is_in_every_match(pattern, longest):
    assert literal(pattern) == longest


@pytest.mark.parametrize("backend", ["sieve", "hyperscan", "fallback"])
def test_finders_tell_where_factors_end(backend):
    factors = [Factor("acme_"), Factor(r"\d{3}-\d{2}"), Factor("naïve", ignore_case=True), Factor("密[0-9]")]
    text = "ACME_ acme_ 123-45 Naïve 密7"
    ends = {(number, end) for number, end in find_with(factors, backend=backend).hits(text)}
    assert {(0, 11), (1, 18), (2, 24), (3, 27)} <= ends
    assert (0, 5) not in ends


@given(st.from_regex(re.compile(r"\d{3}[ .-]\d{2}[A-Z]{2}(?:\d|X)", re.ASCII), fullmatch=True))
def test_a_shape_matches_what_its_factor_matches(text):
    written = shape(r"\d{3}[ .-]\d{2}[A-Z]{2}(?:\d|X)")
    assert written is not None
    assert re.fullmatch(written.encode(), text.encode().translate(TABLE))


@pytest.mark.parametrize("pattern", ["acme_", r"(?=A)A\d", "[a-f0-9]{32}", "784-?[0-9]{4}", r"[ -]{2}"])
def test_what_is_more_than_a_shape_stays_as_it_is(pattern):
    assert shape(pattern) is None


def test_a_window_ends_at_what_no_match_can_hold():
    window = Window.of(detector("token", pattern=r"tok_\w{4,60}", factors=("tok_",)))
    text = "left words tok_abcdef right words and more of them"
    ((low, high),) = window.cut(text, [text.index("tok_") + 4])
    assert text[low:].startswith("tok_abcdef")
    assert high <= text.index("and more")


def test_a_factor_that_is_a_word_nearby_keeps_the_whole_window():
    near_by = detector(
        "id", pattern=r"\d{9}", factors=("passport",), context=Context(words=("passport",), required=True)
    )
    text = f"passport no\n{' ' * 60}123456789"
    assert Window.of(near_by).cut(text, [8]) == [(0, len(text))]
    assert Window.of(near_by).cut("passport lost", [8]) == []


@pytest.mark.parametrize(
    ("text", "confidence"),
    [("cardNumber: ", 4), ("CARD_NUMBER=", 4), ("card number ", 4), ("discard numbers ", 3), ("order id ", 1), ("", 3)],
)
def test_words_around_a_match(text, confidence):
    context = Context(words=("card number",), against=("order",))
    around = near(text + "4111", len(text), len(text) + 4, window=40)
    assert judge(context, around, Confidence.POSSIBLE) == confidence


def match(family: str, value: str, start: int = 0, **fields: object) -> Match:
    given = {"detector": family, "confidence": Confidence.LIKELY, **fields}
    return Match(family=family, start=start, end=start + len(value), value=value, **given)  # type: ignore[arg-type]


def test_the_best_of_overlapping_matches_stays():
    vendor, generic = match("secret", "x" * 8, 5, detector="acme"), match("secret", "x" * 20, 0, detector="generic")
    assert resolve([generic, vendor], frozenset({"acme"})) == [vendor]
    sure = match("secret", "x" * 3, 18, detector="generic", confidence=Confidence.VERY_LIKELY)
    assert resolve([generic, sure], frozenset()) == [sure]
    phone, iban = match("phone", "1234567", 4), match("iban", "DE1234567890", 0)
    assert resolve([phone, iban], frozenset()) == [iban]
    assert len(resolve([match("email", "a@b.c"), match("secret", "a@b.c")], frozenset())) == 2


@given(st.text(min_size=1), st.sampled_from(["credit_card", "email", "us_ssn", "person", "secret", "phone"]))
def test_a_preview_never_shows_more_than_four_characters(value, family):
    shown = preview(match(family, value))
    kept = [c for c in shown if c.isalnum()]
    top = value.rpartition(".")[2] if family == "email" else ""
    assert len(kept) <= 4 + len(top)
    if len(value) > 3:
        assert value not in shown or not any(c.isalnum() for c in value)


@pytest.mark.parametrize(
    ("family", "value", "shown"),
    [
        ("credit_card", "4111 1111 1111 1234", "**** **** **** 1234"),
        ("email", "jane@example.com", "j***@e***.com"),
        ("us_ssn", "123-45-6789", "***-**-**89"),
        ("secret", "hunter2", "********"),
        ("secret", "acme_0123456789abcdefghij", "ac********ij"),
        ("person", "Ada Lovelace", "A***"),
    ],
)
def test_previews(family, value, shown):
    assert preview(match(family, value)) == shown


@pytest.mark.parametrize(
    ("value", "how", "identity"),
    [("41-11", "digits", "4111"), ("gb12 AB", "alnum", "GB12AB"), ("A@B.c", "lower", "a@b.c"), (" a", "exact", " a")],
)
def test_identity_over_spellings(value, how, identity):
    assert normalized(value, how) == identity


@pytest.mark.parametrize(
    ("line", "value", "likely"),
    [
        ("the root pw is Qu1ckS4nd!7", "Qu1ckS4nd!7", True),
        ('client_secret = "b7c1e09f2ad84c6e9d10ab53f7e2c481"', "b7c1e09f2ad84c6e9d10ab53f7e2c481", True),
        ("the password is wrong", "wrong", False),
        ("token = getUserToken()", "getUserToken()", False),
        ("secret_name: config.billing.name", "config.billing.name", False),
    ],
)
def test_the_model_tells_secrets_from_what_stands_in_their_place(line, value, likely):
    start = line.index(value)
    assert (secret(value, line, start, start + len(value)) > 0.5) is likely


def test_a_model_moves_a_confidence_by_one_at_most():
    assert scored(Confidence.POSSIBLE, 0.01) is Confidence.UNLIKELY
    assert scored(Confidence.POSSIBLE, 0.99) is Confidence.LIKELY
    assert scored(Confidence.POSSIBLE, 0.5) is Confidence.POSSIBLE
    assert scored(Confidence.VERY_UNLIKELY, 0.0) is Confidence.VERY_UNLIKELY


def test_an_unknown_model_is_refused(detectors, validators):
    with pytest.raises(ConfigError, match="unknown model: oracle"):
        Engine.build([detector("x", pattern="x", factors=("xyz",), model="oracle")], validators=validators)


@pytest.mark.parametrize("pattern", ["инн\\d", r"f[\xd8\xf8]d", "\ufffd{4} x", "(?:ü|ö)a"])
def test_a_factor_of_other_letters_is_told(pattern):
    assert foreign(pattern)


@pytest.mark.parametrize("pattern", ["inn\\d", "(?:ü|u)a", "ü?a", "[^ü]a", "(?:ü){0,2}a", "[üu]", "(a"])
def test_a_factor_that_ascii_may_hold_is_not_foreign(pattern):
    assert not foreign(pattern)


@pytest.mark.parametrize("backend", ["sieve", "hyperscan", "fallback"])
def test_factors_of_other_letters_are_not_looked_for_in_ascii(backend):
    finder = find_with([Factor("inn"), Factor("инн")], backend=backend)

    assert finder.hits("inn ???") == [(0, 3)]
    assert finder.hits("inn инн") == [(0, 3), (1, 7)]


def test_a_shape_with_letters_of_either_case_is_looked_for_in_the_translated_text():
    assert shape(r"[A-Za-z]{2}\d{2}-\d") is not None
    assert shape(r"[a-z]{2}\d{2}-\d") is None
    assert shape(r"[A-Za-z]\d") is None
