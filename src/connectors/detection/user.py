"""Detectors and rules that users write, in YAML or in a request to the developer API.

detectors:
  - id: employee_number
    regex: {pattern: 'EMP-\\d{6}'}
    context: [{regex: {pattern: 'badge|payroll'}, before: 40, after: 0, confidence: VERY_LIKELY}]
    exclude: [{words: {values: ['EMP-000000']}, match: FULL}]
  - id: project_names
    words: {values: [Bluebird, Night Heron]}
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from connectors.detection.linear import Words, regex, spans
from connectors.model import Confidence, Match

PROXIMITY = 1_000
"""The widest context window, in code points, to one side."""


def _confidence(value: Any) -> Any:
    """Take a confidence by its name, as users write it."""
    if isinstance(value, str) and value.upper() in Confidence.__members__:
        return Confidence[value.upper()]
    return value


Sure = Annotated[Confidence, BeforeValidator(_confidence)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, ignored_types=(cached_property,))


class Regex(_Model):
    """A regex in RE2 syntax; one that does not run in linear time is refused."""

    pattern: str = Field(min_length=1, repr=False)
    case_sensitive: bool = False

    @model_validator(mode="after")
    def _compiles(self) -> Self:
        regex(self.pattern, self.case_sensitive)
        return self

    def spans(self, text: str, start: int = 0, end: int | None = None) -> Iterator[tuple[int, int]]:
        """Yield where it matches in `text[start:end]`."""
        return spans(regex(self.pattern, self.case_sensitive), text, start, end)

    def within(self, text: str) -> bool:
        """Tell whether it matches any part of `text`."""
        return next(self.spans(text), None) is not None

    def covers(self, text: str) -> bool:
        """Tell whether it matches the whole of `text`."""
        return bool(regex(self.pattern, self.case_sensitive).fullmatch(text))


class WordList(_Model):
    """Words and phrases, found on word borders."""

    values: tuple[str, ...] = Field(min_length=1, max_length=100_000, repr=False)
    case_sensitive: bool = False

    @model_validator(mode="after")
    def _has_words(self) -> Self:
        if not all(value.strip() for value in self.values):
            raise ValueError("a word list holds no empty words")
        return self

    @cached_property
    def _words(self) -> Words:
        return Words(self.values, case_sensitive=self.case_sensitive)

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield where the words stand in `text`."""
        return self._words.spans(text)

    def within(self, text: str) -> bool:
        """Tell whether one of the words is any part of `text`, on word borders or not."""
        return self._words.within(text)

    def covers(self, text: str) -> bool:
        """Tell whether `text` is one of the words."""
        return text in self._words


class ContextRule(_Model):
    """Sets the confidence of a match that has something near it."""

    regex: Regex
    before: int = Field(default=30, ge=0, le=PROXIMITY)
    """Code points looked at before the match."""
    after: int = Field(default=30, ge=0, le=PROXIMITY)
    confidence: Sure

    def applies(self, text: str, start: int, end: int) -> bool:
        """Tell whether the regex matches before or after text[start:end], within the windows."""
        sides = ((max(start - self.before, 0), start), (end, min(end + self.after, len(text))))
        return any(next(self.regex.spans(text, low, high), None) for low, high in sides if low < high)


class MatchType(StrEnum):
    """How much of a match an exclusion must cover."""

    FULL = "FULL"
    PARTIAL = "PARTIAL"


class _OneSource(_Model):
    """Has a regex or a word list, not both."""

    regex: Regex | None = None
    words: WordList | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.regex is None) == (self.words is None):
            raise ValueError("give one of `regex` and `words`")
        return self

    @property
    def source(self) -> Regex | WordList:
        """The one that is given."""
        source = self.regex or self.words
        assert source is not None  # noqa: S101  # `_one` saw to it
        return source


class ExclusionRule(_OneSource):
    """Drops matches: those it equals (FULL), or of which it is a part (PARTIAL).

    Words are literal values here, as in https://help.nightfall.ai/detection_platform/faq/exclusion_rules: a part need
    not stand on word borders.
    """

    match: MatchType = MatchType.FULL

    def excludes(self, value: str) -> bool:
        """Tell whether a match with this value is dropped."""
        if self.match is MatchType.FULL:
            return self.source.covers(value)
        return self.source.within(value)


class UserDetector(_OneSource):
    """A detector of the user's own; the engine runs it beside the catalog's."""

    id: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,63}$")
    name: str = ""
    family: str = ""
    """What its matches count as; its own id when not given."""
    confidence: Sure = Confidence.LIKELY
    context: tuple[ContextRule, ...] = ()
    exclude: tuple[ExclusionRule, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _own_family(cls, data: Any) -> Any:
        if isinstance(data, dict) and not data.get("family"):
            return {**data, "family": data.get("id", "")}
        return data

    def search(self, text: str) -> Iterator[tuple[int, int, Confidence]]:
        """Yield start, end and confidence of each match in `text`."""
        for start, end in self.source.spans(text):
            if not any(rule.excludes(text[start:end]) for rule in self.exclude):
                yield start, end, adjusted(self.confidence, self.context, text, start, end)


class Operator(StrEnum):
    """How the detectors of a rule go together."""

    ANY = "ANY"
    ALL = "ALL"


class Use(_Model):
    """A detector as a rule uses it."""

    detector: str
    """Id of a detector."""
    min_confidence: Sure = Confidence.POSSIBLE
    min_count: int = Field(default=1, ge=1)
    """Matches in one text from which on they count."""
    context: tuple[ContextRule, ...] = ()
    exclude: tuple[ExclusionRule, ...] = ()


class DetectionRule(_Model):
    """Says which matches in a text count: those of ANY of its detectors, or only if ALL have some."""

    name: str
    operator: Operator = Operator.ANY
    uses: tuple[Use, ...] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Ruled:
    """A match with the best confidence that a rule gives it, and the names of those rules."""

    match: Match
    rules: tuple[str, ...]


def adjusted(confidence: Confidence, context: Iterable[ContextRule], text: str, start: int, end: int) -> Confidence:
    """Return the confidence after the context rules; of several that apply the last one counts."""
    for rule in context:
        if rule.applies(text, start, end):
            confidence = rule.confidence
    return confidence


def used(use: Use, text: str, matches: Iterable[Match]) -> list[Match]:
    """Return the matches of `text` that count for one use; none when there are fewer than its minimum."""
    kept = []
    for match in matches:
        if match.detector != use.detector or any(rule.excludes(match.value) for rule in use.exclude):
            continue
        confidence = adjusted(match.confidence, use.context, text, match.start, match.end)
        if confidence >= use.min_confidence:
            kept.append(match if confidence is match.confidence else replace(match, confidence=confidence))
    return kept if len(kept) >= use.min_count else []


def evaluate(rules: Sequence[DetectionRule], text: str, matches: Sequence[Match]) -> list[Ruled]:
    """Return the matches of `text` that count by any of the rules, in order of their place.

    `matches` is what an engine found in `text`, of all detectors and confidences.
    """
    counted: dict[tuple[int, int, str], Ruled] = {}
    for rule in rules:
        found = [used(use, text, matches) for use in rule.uses]
        if rule.operator is Operator.ALL and not all(found):
            continue
        for match in (match for part in found for match in part):
            place = (match.start, match.end, match.detector)
            counted[place] = _joined(counted.get(place), match, rule.name)
    return [counted[place] for place in sorted(counted)]


def _joined(before: Ruled | None, match: Match, rule: str) -> Ruled:
    if before is None:
        return Ruled(match, (rule,))
    best = max(before.match, match, key=lambda m: m.confidence)
    return Ruled(best, before.rules if rule in before.rules else (*before.rules, rule))
