"""One detector, ready to judge the places where its factors stand."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache, cached_property
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from connectors.detection import heads
from connectors.detection.detector import Detector
from connectors.detection.scorers import SCORERS, Scorer, scored
from connectors.detection.surroundings import Table, judge, near
from connectors.detection.validation import Validator
from connectors.detection.windows import Window
from connectors.errors import ConfigError
from connectors.model import Confidence

_NO_DIGIT = re.compile(r"\D+")
_OTHERS = bytes({*range(256)} - {*b"0123456789"})
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
    def _search(self) -> heads.Search:
        return heads.search(self._pattern)

    @cached_property
    def _window(self) -> Window:
        return Window.of(self.detector)

    @cached_property
    def _group(self) -> str | int:
        return "value" if "value" in self._pattern.groupindex else 0

    def candidates(self, text: str, ends: Sequence[int], table: Table | None) -> list[Candidate]:
        """Return what the detector stands for near the ascending `ends` of its factors, at least one."""
        last = -1
        found = []
        group, judge = self._group, self._judge
        for low, high in self._window.cut(text, ends):
            for match in self._search(text, low, high):
                if match.end() == high < len(text):
                    start, end = self._whole(text, match, high)
                else:
                    start, end = match.span(group)
                if start < 0:  # the value is in a part that need not be there
                    start, end = match.span()
                if start >= end or start <= last:
                    continue
                last = start
                candidate = judge(text, start, end, table)
                if candidate is not None:
                    found.append(candidate)
        return found

    def _whole(self, text: str, cut: re.Match[str], high: int) -> tuple[int, int]:
        """Return where the value stands whose match the end of the window may have cut short."""
        match = self._pattern.match(text, cut.start(), high + self.detector.reach)
        if match is None:
            return 0, 0
        start, end = match.span(self._group)
        return (start, end) if start >= 0 else match.span()

    def _judge(self, text: str, start: int, end: int, table: Table | None) -> Candidate | None:
        detector = self.detector
        confidence = detector.base
        value = text[start:end]
        for check in self._checks:
            verdict = check(value, text, start, end)
            if verdict is False:
                return None
            if verdict is not True:
                confidence = verdict
        cell = table.cell(text, start) if table is not None else None
        context = detector.context
        if context.words or context.against:
            around = near(text, start, end, window=context.window, header=cell[2] if cell else "")
            judged = judge(context, around, confidence)
            if judged is None:
                return None
            confidence = judged
        if self._scorer is not None:
            confidence = scored(confidence, self._scorer(value, text, start, end))
        if detector.shift:
            confidence = Confidence(min(max(confidence + detector.shift, 1), 5))
        row, column = (None, None) if cell is None else cell[:2]
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
    spell = _SPELLINGS.get(how)
    return value if spell is None else spell(value)


def _digits(value: str) -> str:
    if value.isascii():
        return value.encode().translate(None, _OTHERS).decode()
    return _NO_DIGIT.sub("", value)


_SPELLINGS: Mapping[str, Callable[[str], str]] = MappingProxyType(
    {
        "digits": _digits,
        "alnum": lambda value: _NO_WORD.sub("", value).upper(),
        "lower": str.lower,
    }
)
