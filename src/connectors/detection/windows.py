"""Where around the ends of its factors a detector's pattern is tried.

The smaller the window the quicker the pattern: it is no longer than a match can be, and it ends at the first
character on either side that no match can hold, such as a line break.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from re import _constants as codes  # type: ignore[attr-defined]  # no public way into a pattern
from re import _parser as parser  # type: ignore[attr-defined]  # same
from typing import Any

from connectors.detection.detector import Detector
from connectors.detection.factors import literal

_SLACK = 16
_AHEAD = 8
"""How far past its end a window lets a look-ahead see."""
_FEW = 3
_ASCII = frozenset(chr(code) for code in (9, 10, 13, *range(32, 127)))
_SPACES = frozenset("\t\n\r ")
_DIGITS = frozenset("0123456789")
_WORD = frozenset(c for c in _ASCII if c.isalnum() or c == "_")
_CATEGORIES: dict[Any, frozenset[str]] = {
    codes.CATEGORY_DIGIT: _DIGITS,
    codes.CATEGORY_NOT_DIGIT: _ASCII - _DIGITS,
    codes.CATEGORY_SPACE: _SPACES,
    codes.CATEGORY_NOT_SPACE: _ASCII - _SPACES,
    codes.CATEGORY_WORD: _WORD,
    codes.CATEGORY_NOT_WORD: _ASCII - _WORD,
}


@dataclass(frozen=True, slots=True)
class Window:
    """How to cut the part of a text that a detector looks at around the end of a factor."""

    reach: int
    barriers: frozenset[str] = frozenset()
    """ASCII characters that no match and no factor can hold."""
    digits: int = 0
    """How many digits each match holds at least; a part of the text without so many, close by, is skipped."""

    @classmethod
    def of(cls, detector: Detector) -> Window:
        """Return the window of a detector; its patterns must compile."""
        tokens = parser.parse(detector.pattern)
        digits = _digits(tokens)
        if detector.context.required and any(map(literal, detector.factors)):
            return cls(detector.reach, digits=digits)  # the factor is a word near the match, not a part of it
        factors = [parser.parse(factor) for factor in detector.factors]
        beside = max((int(factor.getwidth()[1]) for factor in factors), default=0)
        reach = min(int(tokens.getwidth()[1]) + beside + _SLACK, detector.reach)
        dots = "(?s" in detector.pattern
        held = frozenset[str]().union(*(_held(parsed, dots) for parsed in (tokens, *factors)))
        return cls(reach, _ASCII - held - {c.swapcase() for c in held}, digits)

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
                parts.append((low, high))
                low = left
            high, closed = right, shut
        parts.append((low, high))
        found = [(first, min(last + _AHEAD, len(text))) for first, last in parts]
        if self.digits < _FEW:
            return found
        number = _number(self.digits)
        return [part for part in found if number.search(text, *part)]

    def _around(self, text: str, end: int) -> tuple[int, int, bool]:
        """Return where the part around `end` starts and ends, and whether a barrier ends it."""
        left = max(end - self.reach, 0)
        if self.barriers:
            before = _any(self.barriers).search(text[left:end][::-1])
            if before is not None:
                left = end - before.start()
        return left, *self._right(text, end, end)

    def _right(self, text: str, known: int, end: int) -> tuple[int, bool]:
        """Return where the part ends, seen from `end`, when there is no barrier before `known`."""
        right = min(end + self.reach, len(text))
        after = _any(self.barriers).search(text, known, right) if self.barriers else None
        return (right, False) if after is None else (after.start(), True)


@cache
def _any(characters: frozenset[str]) -> re.Pattern[str]:
    return re.compile(f"[{''.join(map(re.escape, sorted(characters)))}]")


@lru_cache(maxsize=64)
def _number(digits: int) -> re.Pattern[str]:
    """Return a pattern for so many digits with no more than a word between them."""
    return re.compile(rf"\d(?:\D{{0,9}}\d){{{digits - 1}}}")


def _digits(tokens: Iterable[tuple[Any, Any]]) -> int:
    """Return how many digits each match of the parsed pattern holds at least."""
    return sum(_least(op, argument) for op, argument in tokens)


def _least(op: Any, argument: Any) -> int:
    match op:
        case codes.LITERAL:
            return int(chr(argument).isdigit())
        case codes.IN:
            return int(_members(argument) <= _DIGITS and argument[0][0] is not codes.NEGATE)
        case codes.BRANCH:
            return min(map(_digits, argument[1]))
        case codes.SUBPATTERN:
            return _digits(argument[-1])
        case codes.ATOMIC_GROUP:
            return _digits(argument)
        case codes.MAX_REPEAT | codes.MIN_REPEAT | codes.POSSESSIVE_REPEAT:
            return int(argument[0]) * _digits(argument[2])
        case _:
            return 0


def _held(tokens: Iterable[tuple[Any, Any]], dots: bool) -> frozenset[str]:
    """Return the ASCII characters that a match of the parsed pattern may hold."""
    return frozenset[str]().union(*(_node(op, argument, dots) for op, argument in tokens))


def _node(op: Any, argument: Any, dots: bool) -> frozenset[str]:
    match op:
        case codes.LITERAL:
            return frozenset({chr(argument)})
        case codes.NOT_LITERAL:
            return _ASCII - {chr(argument)}
        case codes.ANY:
            return _ASCII if dots else _ASCII - {"\n"}
        case codes.IN:
            return _members(argument)
        case codes.BRANCH:
            return frozenset[str]().union(*(_held(branch, dots) for branch in argument[1]))
        case codes.ASSERT_NOT | codes.AT | codes.GROUPREF | codes.FAILURE:
            return frozenset()
        case codes.GROUPREF_EXISTS:
            return frozenset[str]().union(*(_held(part, dots) for part in argument[1:] if part))
        case codes.ATOMIC_GROUP:
            return _held(argument, dots)
        case _:  # groups, repeats and positive look-arounds hold their pattern last
            return _held(argument[-1], dots)


def _members(items: list[tuple[Any, Any]]) -> frozenset[str]:
    """Return the ASCII characters of a class."""
    members: set[str] = set()
    for op, argument in items:
        if op is codes.LITERAL:
            members.add(chr(argument))
        elif op is codes.RANGE:
            members.update(chr(code) for code in range(argument[0], min(argument[1], 127) + 1))
        elif op is codes.CATEGORY:
            members |= _CATEGORIES[argument]
    return _ASCII - members if items[0][0] is codes.NEGATE else frozenset(members)
