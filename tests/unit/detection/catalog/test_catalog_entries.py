"""Every entry proves itself: its examples match, its near misses do not, its parts exist."""

from __future__ import annotations

import re
from collections import Counter
from urllib.parse import urlsplit

import pytest

from connectors.detection import catalog
from connectors.detection.validators import validator

DETECTORS = catalog.load()
each = pytest.mark.parametrize("detector", DETECTORS, ids=[detector.id for detector in DETECTORS])


@each
def test_examples_match(detector, find):
    assert detector.examples
    for text in detector.examples:
        assert find(detector, text), text


@each
def test_near_misses_do_not_match(detector, find):
    assert detector.near_misses
    for text in detector.near_misses:
        assert not find(detector, text), text


@each
def test_a_factor_stands_in_every_example(detector):
    hyperscan = pytest.importorskip("hyperscan")
    flags = hyperscan.HS_FLAG_CASELESS if detector.ignore_case else 0
    database = hyperscan.Database()
    database.compile(
        expressions=[factor.encode() for factor in detector.factors],
        ids=list(range(len(detector.factors))),
        flags=[flags] * len(detector.factors),
    )
    for text in detector.examples:
        hits: list[int] = []
        database.scan(text.encode(), match_event_handler=lambda *a, hits=hits: hits.append(a[2]) or None)
        assert hits, text


@each
def test_source_is_a_page(detector):
    parts = urlsplit(detector.source)
    assert parts.scheme == "https"
    assert "." in parts.netloc


@each
def test_validators_exist_and_never_raise(detector):
    for name in detector.validators:
        for value in ("", "\x00", "ǅ", "x" * 300, "١٢٣-٤٥-٦٧٨٩"):
            validator(name)(value, value, 0, len(value))


@each
def test_pattern_compiles_and_is_anchored(detector):
    compiled = re.compile(detector.pattern)
    assert not compiled.search("")
    bare = re.sub(r"\\.|\[(?:\\.|[^\]\\])+\]", "", detector.pattern).replace("}+", "}")
    assert not re.search(r"[*+]|\{\d+,\}", bare), "unbounded repeat"


def test_ids_are_unique_and_plain():
    counted = Counter(detector.id for detector in DETECTORS)
    assert not [key for key, count in counted.items() if count > 1]
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", key) for key in counted)


def test_resolve_takes_ids_and_aliases_of_any_case():
    assert catalog.resolve("credit_card") == catalog.resolve("CREDIT_CARD_NUMBER")
    assert len(catalog.resolve("api_key")) > 10
    with pytest.raises(KeyError):
        catalog.resolve("NO_SUCH_NAME")


def test_select_returns_each_detector_once():
    assert [d.id for d in catalog.select(["iban", "IBAN_CODE", "credit_card"])] == ["credit_card", "iban"]
