"""Every entry proves itself: its examples match, its near misses do not, its parts exist."""

from __future__ import annotations

import re
from collections import Counter
from urllib.parse import urlsplit

import pytest

from connectors.detection import catalog
from connectors.detection.engine import Engine
from connectors.detection.validators import validator

MATCHED = tuple(detector for detector in catalog.load() if detector.factors)


def test_patterns_and_checks_accept_examples_and_refuse_near_misses(find):
    assert not [(d.id, text) for d in MATCHED for text in d.examples if not find(d, text)]
    assert not [(d.id, text) for d in MATCHED for text in d.near_misses if find(d, text)]
    assert not [d.id for d in catalog.load() if not (d.examples and d.near_misses)]


@pytest.mark.parametrize("area", catalog.AREAS)
def test_the_engine_agrees_detector_by_detector(area):
    wrong = []
    for detector in catalog.load_area(area):
        engine = Engine.build([detector] if detector.factors else [], backend="fallback")
        wrong += [(detector.id, text) for text in detector.examples if detector.factors and not engine.scan(text)]
        wrong += [(detector.id, text) for text in detector.near_misses if engine.scan(text)]
    assert not wrong


def test_sources_are_pages():
    wrong = [
        d.id for d in catalog.load() if urlsplit(d.source).scheme != "https" or "." not in urlsplit(d.source).netloc
    ]
    assert not wrong


def test_validators_exist_and_never_raise():
    for name in {name for detector in catalog.load() for name in detector.validators}:
        for value in ("", "\x00", "ǅ", "x" * 300, "٣", "١٢٣-٤٥-٦٧٨٩", "@", ".", "1" * 40, "A-1", "é" * 12):
            validator(name)(value, value, 0, len(value))


def test_patterns_are_bounded_and_match_nothing_empty():
    bare = {d.id: re.sub(r"\\.|\[(?:\\.|[^\]\\])+\]", "", d.pattern).replace("}+", "}") for d in catalog.load()}
    assert not [key for key, pattern in bare.items() if re.search(r"[*+]|\{\d+,\}", pattern)]
    assert not [d.id for d in MATCHED if re.search(d.pattern, "")]


def test_bare_digits_need_context():
    digits = "0123456789 -"
    loose = [
        d.id
        for d in MATCHED
        if d.country
        and all(set(text) <= set(digits) for text in d.examples)
        and not d.context.required
        and not d.validators
    ]
    assert not loose


def test_ids_are_unique_and_plain():
    counted = Counter(detector.id for detector in catalog.load())
    assert not [key for key, count in counted.items() if count > 1]
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", key) for key in counted)


def test_resolve_takes_ids_and_aliases_of_any_case():
    assert catalog.resolve("iban") == catalog.resolve("IBAN_CODE")
    assert len(catalog.resolve("api_key")) > 300
    with pytest.raises(KeyError):
        catalog.resolve("NO_SUCH_NAME")


def test_select_returns_each_detector_once():
    assert [d.id for d in catalog.select(["iban", "IBAN_CODE", "us_ssn"])] == ["iban", "us_ssn"]
