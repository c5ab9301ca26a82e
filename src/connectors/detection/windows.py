"""Where around the ends of its factors a detector's pattern is tried.

The smaller the window the quicker the pattern: it is no longer than a match can be, and it ends at the first
character on either side that no match can hold, such as a line break.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from re import _parser as parser  # type: ignore[attr-defined]  # no public way into a pattern

from connectors.detection.detector import Detector
from connectors.detection.patterns import ASCII, digits_of, held_by, literal

_around: Callable[[str, int, int, int, bytes], tuple[int, int, bool]] | None
try:
    from connectors.detection._sieve import around as _around
except ImportError:  # no compiler built it
    _around = None

_SLACK = 16
_AHEAD = 8
"""How far past its end a window lets a look-ahead see."""
_FEW = 3


class Window:
    """How to cut the part of a text that a detector looks at around the end of a factor.

    `barriers` are ASCII characters that no match and no factor can hold. `digits` says how many digits each match
    holds at least: a part of the text without so many, close by, is skipped.
    """

    def __init__(self, reach: int, barriers: frozenset[str] = frozenset(), digits: int = 0) -> None:
        self._reach = reach
        self._stops = bytes(chr(code) in barriers for code in range(256))
        self._barrier = _any(barriers).search if barriers else None
        self._number = _number(digits).search if digits >= _FEW else None

    @classmethod
    def of(cls, detector: Detector) -> Window:
        """Return the window of a detector; its patterns must compile."""
        tokens = parser.parse(detector.pattern)
        digits = digits_of(tokens)
        if detector.context.required and any(map(literal, detector.factors)):
            return cls(detector.reach, digits=digits)  # the factor is a word near the match, not a part of it
        factors = [parser.parse(factor) for factor in detector.factors]
        beside = max((int(factor.getwidth()[1]) for factor in factors), default=0)
        reach = min(int(tokens.getwidth()[1]) + beside + _SLACK, detector.reach)
        dots = "(?s" in detector.pattern
        held = frozenset[str]().union(*(held_by(parsed, dots) for parsed in (tokens, *factors)))
        return cls(reach, ASCII - held - {c.swapcase() for c in held}, digits)

    def cut(self, text: str, ends: Sequence[int]) -> list[tuple[int, int]]:
        """Return the parts of `text` around the ascending `ends`, overlapping ones as one."""
        low, high, closed = self._around(text, ends[0])
        parts = []
        for end in ends[1:]:
            if end <= high:
                if not closed:
                    high, closed = self._right(text, high, end)
                continue
            left, right, shut = self._around(text, end)
            if left > high:
                parts.append((low, min(high + _AHEAD, len(text))))
                low = left
            high, closed = right, shut
        parts.append((low, min(high + _AHEAD, len(text))))
        if self._number is None:
            return parts
        number = self._number
        return [part for part in parts if number(text, *part)]

    def _around(self, text: str, end: int) -> tuple[int, int, bool]:
        """Return where the part around `end` starts and ends, and whether a barrier ends it."""
        if _around is not None and text.isascii():
            return _around(text, end, end, self._reach, self._stops)
        left = end - self._reach if end > self._reach else 0
        if self._barrier is not None:
            before = self._barrier(text[left:end][::-1])
            if before is not None:
                left = end - before.start()
        return left, *self._right(text, end, end)

    def _right(self, text: str, known: int, end: int) -> tuple[int, bool]:
        """Return where the part ends, seen from `end`, when there is no barrier before `known`."""
        right = end + self._reach
        after = self._barrier(text, known, right) if self._barrier is not None else None
        return (min(right, len(text)), False) if after is None else (after.start(), True)


@cache
def _any(characters: frozenset[str]) -> re.Pattern[str]:
    return re.compile(f"[{''.join(map(re.escape, sorted(characters)))}]")


@lru_cache(maxsize=64)
def _number(digits: int) -> re.Pattern[str]:
    """Return a pattern for so many digits with no more than a word between them."""
    return re.compile(rf"\d(?:\D{{0,9}}\d){{{digits - 1}}}")
