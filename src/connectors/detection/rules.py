"""One detector, ready to judge the places where its factors stand."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from connectors.detection.detector import Detector
from connectors.detection.scorers import SCORERS, Scorer, scored
from connectors.detection.surroundings import Table, judge, near
from connectors.detection.validation import Validator
from connectors.detection.windows import Window
from connectors.errors import ConfigError
from connectors.model import Confidence

_NO_DIGIT = re.compile(r"\D+")
_NO_WORD = re.compile(r"[\W_]+")


class Candidate(NamedTuple):
    """A value that a detector stands for, in the offsets of the normalized text."""

    start: int
    end: int
    confidence: Confidence
    row: int | None = None
    column: int | None = None


class Rule:
    """A detector with its checks. The pattern compiles when it is first needed, which most never are."""

    def __init__(self, detector: Detector, *, validators: Mapping[str, Validator]) -> None:
        unknown = [name for name in detector.validators if not _known(name, validators)]
        if unknown:
            raise ConfigError(f"detector {detector.id!r} names unknown validators: {', '.join(unknown)}")
        if detector.model and detector.model not in SCORERS:
            raise ConfigError(f"detector {detector.id!r} names an unknown model: {detector.model}")
        self.detector = detector
        self._validators = validators

    @cached_property
    def _checks(self) -> list[Validator]:
        return [self._validators[name] for name in self.detector.validators]

    @cached_property
    def _scorer(self) -> Scorer | None:
        return SCORERS[self.detector.model] if self.detector.model else None

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        detector = self.detector
        try:
            return re.compile(detector.pattern, re.IGNORECASE if detector.ignore_case else 0)
        except re.error as error:
            raise ConfigError(f"the pattern of detector {detector.id!r} does not compile: {error}") from None

    @cached_property
    def _window(self) -> Window:
        return Window.of(self.detector)

    @cached_property
    def _group(self) -> str | int:
        return "value" if "value" in self._pattern.groupindex else 0

    def candidates(self, text: str, ends: Sequence[int], table: Table | None) -> Iterator[Candidate]:
        """Yield what the detector stands for near the ascending `ends` of its factors, at least one."""
        last = -1
        for low, high in self._window.cut(text, ends):
            for start, end in self._spans(text, low, high):
                if start <= last:
                    continue
                last = start
                candidate = self._judge(text, start, end, table)
                if candidate is not None:
                    yield candidate

    def _spans(self, text: str, low: int, high: int) -> Iterator[tuple[int, int]]:
        """Yield where values stand in a window; a match that the end cuts short is tried again."""
        for found in self._pattern.finditer(text, low, high):
            match: re.Match[str] | None = found
            if found.end() == high < len(text):
                match = self._pattern.match(text, found.start(), high + self.detector.reach)
            if match is None:
                continue
            start, end = match.span(self._group)
            if start < 0:
                start, end = match.span()
            if start < end:
                yield start, end

    def _judge(self, text: str, start: int, end: int, table: Table | None) -> Candidate | None:
        detector = self.detector
        confidence = detector.base
        value = text[start:end]
        for check in self._checks:
            verdict = check(value, text, start, end)
            if verdict is False:
                return None
            if verdict is not True:
                confidence = Confidence(verdict)
        cell = table.cell(text, start) if table else None
        context = detector.context
        if context.words or context.against:
            around = near(text, start, end, window=context.window, header=cell[2] if cell else "")
            judged = judge(context, around, confidence)
            if judged is None:
                return None
            confidence = judged
        if self._scorer:
            confidence = scored(confidence, self._scorer(value, text, start, end))
        row, column = cell[:2] if cell else (None, None)
        return Candidate(start, end, confidence, row, column)


def _known(name: str, validators: Mapping[str, Validator]) -> bool:
    """Tell whether a check exists, without importing it when it is one of python-stdnum's."""
    if name.startswith("stdnum."):
        return _stdnum_folder().joinpath(*name.split(".")[1:]).with_suffix(".py").exists()
    return name in validators


@cache
def _stdnum_folder() -> Path:
    found = find_spec("stdnum")
    places = found.submodule_search_locations if found else None
    return Path(places[0]) if places else Path("stdnum")


def normalized(value: str, how: str) -> str:
    """Return the identity of a value over its spellings, as a detector's `normalize` names it."""
    match how:
        case "digits":
            return _NO_DIGIT.sub("", value)
        case "alnum":
            return _NO_WORD.sub("", value).upper()
        case "lower":
            return value.lower()
        case _:
            return value
