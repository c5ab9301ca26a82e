"""Users' own detectors and rules."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from connectors.detection import Engine
from connectors.detection.user import DetectionRule, UserDetector, evaluate
from connectors.model import Confidence, Match


def matches(text: str, **fields: object) -> list[Match]:
    return Engine.build([UserDetector.model_validate({"id": "mine", **fields})]).scan(text)


def values(text: str, **fields: object) -> list[str]:
    return [match.value for match in matches(text, **fields)]


def test_a_regex_finds_all_places_also_behind_other_scripts():
    assert values("naïve 日本 EMP-123456, emp-654321", regex={"pattern": r"EMP-\d{6}"}) == [
        "EMP-123456",
        "emp-654321",
    ]
    assert values("emp-654321", regex={"pattern": r"EMP-\d{6}", "case_sensitive": True}) == []


def test_an_empty_match_is_none():
    assert values("abc", regex={"pattern": "x*"}) == []


@pytest.mark.parametrize("pattern", [r"(?=a)b", r"(a)\1", r"(?<!x)y", "(", "a" * 5000])
def test_what_is_not_linear_is_refused(pattern):
    with pytest.raises(ValidationError, match=r"linear time|more than"):
        UserDetector.model_validate({"id": "mine", "regex": {"pattern": pattern}})


def test_words_stand_on_borders_and_the_longest_wins():
    text = "Project BLUEBIRD two, bluebirds, night heron; nightheron"
    assert values(text, words={"values": ["Bluebird", "Bluebird two", "Night Heron"]}) == [
        "BLUEBIRD two",
        "night heron",
    ]


def test_a_letter_that_grows_in_lower_case_shifts_nothing():
    assert values("İİİ Bluebird", words={"values": ["bluebird"]}) == ["Bluebird"]


def test_context_sets_the_confidence_within_its_window():
    rule = {"regex": {"pattern": "badge"}, "before": 8, "after": 0, "confidence": "very_likely"}
    fields = {"regex": {"pattern": r"E\d{4}"}, "context": [rule], "confidence": "UNLIKELY"}
    found = matches("badge E1234 and far from any word E5678 badge", **fields)
    assert [match.confidence for match in found] == [Confidence.VERY_LIKELY, Confidence.UNLIKELY]


@pytest.mark.parametrize(("match", "left"), [("FULL", ["E12345"]), ("PARTIAL", [])])
def test_exclusion_covers_a_match_or_a_part_of_it(match, left):
    fields = {"regex": {"pattern": r"E\d+"}, "exclude": [{"match": match, "regex": {"pattern": "E1234"}}]}
    assert values("E1234 E12345", **fields) == left


def test_words_that_exclude_are_literal_values_whole_or_any_part_of_a_match():
    def left(match, *words):
        fields = {"regex": {"pattern": r"[a-z0-9@.]+"}, "exclude": [{"match": match, "words": {"values": words}}]}
        return values("ann@Example.com 4111x", **fields)

    assert left("PARTIAL", "@example") == ["4111x"]
    assert left("PARTIAL", "411") == ["ann@Example.com"]
    assert left("FULL", "411", "example.com") == ["ann@Example.com", "4111x"]
    assert left("FULL", "4111X") == ["ann@Example.com"]


def test_exactly_one_source():
    with pytest.raises(ValidationError, match="one of"):
        UserDetector(id="mine")


def rule(**fields: object) -> DetectionRule:
    return DetectionRule.model_validate({"name": "rule", **fields})


def match(detector: str, start: int, confidence: Confidence = Confidence.LIKELY, value: str = "v") -> Match:
    return Match(detector, detector, start, start + len(value), confidence, value)


def counted(rules: list[DetectionRule], found: list[Match]) -> list[tuple[str, tuple[str, ...]]]:
    return [(ruled.match.detector, ruled.rules) for ruled in evaluate(rules, "x" * 100, found)]


def test_any_takes_what_is_there_and_all_needs_everything():
    uses = [{"detector": "a"}, {"detector": "b"}]
    assert counted([rule(uses=uses)], [match("a", 0)]) == [("a", ("rule",))]
    assert counted([rule(uses=uses, operator="ALL")], [match("a", 0)]) == []
    both = [match("b", 5), match("a", 0), match("c", 9)]
    assert counted([rule(uses=uses, operator="ALL")], both) == [("a", ("rule",)), ("b", ("rule",))]


def test_fewer_than_the_minimum_count_for_nothing():
    wanted = rule(uses=[{"detector": "a", "min_count": 2}])
    assert counted([wanted], [match("a", 0)]) == []
    assert len(counted([wanted], [match("a", 0), match("a", 3)])) == 2


def test_minimum_confidence_counts_after_the_context():
    use = {"detector": "a", "min_confidence": "LIKELY"}
    lowered = {"regex": {"pattern": "x"}, "before": 5, "confidence": "VERY_UNLIKELY"}
    assert counted([rule(uses=[use])], [match("a", 9)])
    assert counted([rule(uses=[{**use, "context": [lowered]}])], [match("a", 9)]) == []


def test_a_match_names_all_its_rules_and_its_best_confidence():
    raised = {"regex": {"pattern": "x"}, "confidence": "VERY_LIKELY"}
    rules = [
        rule(uses=[{"detector": "a"}]),
        rule(name="second", uses=[{"detector": "a", "context": [raised]}]),
    ]
    (ruled,) = evaluate(rules, "x" * 20, [match("a", 9)])
    assert (ruled.rules, ruled.match.confidence) == (("rule", "second"), Confidence.VERY_LIKELY)
