"""Where around the ends of its factors a detector's pattern is tried.

The smaller the window the quicker the pattern: it is no longer than a match can be, and it ends at the first
character on either side that no match can hold, such as a line break.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from re import _constants as codes  # type: ignore[attr-defined]  # no public way into a pattern
from re import _parser as parser  # type: ignore[attr-defined]  # same
from typing import Any

from connectors.detection.detector import Detector
from connectors.detection.factors import literal

_SLACK = 16
_AHEAD = 8
"""How far past its end a window lets a look-ahead see."""
_CANDIDATES = ' \n"\t,<=;('
_BARRIERS = 3
"""More of them would cost more to look for than they save."""
_CATEGORIES: dict[Any, Callable[[str], bool]] = {
    codes.CATEGORY_DIGIT: str.isdigit,
    codes.CATEGORY_NOT_DIGIT: lambda c: not c.isdigit(),
    codes.CATEGORY_SPACE: str.isspace,
    codes.CATEGORY_NOT_SPACE: lambda c: not c.isspace(),
    codes.CATEGORY_WORD: lambda c: c.isalnum() or c == "_",
    codes.CATEGORY_NOT_WORD: lambda c: not (c.isalnum() or c == "_"),
}


@dataclass(frozen=True, slots=True)
class Window:
    """How to cut the part of a text that a detector looks at around the end of a factor."""

    reach: int
    barriers: str
    digits: bool = False
    """Whether each match holds three digits or more, so that a part of the text without them is skipped."""

    @classmethod
    def of(cls, detector: Detector) -> Window:
        """Return the window of a detector; its patterns must compile."""
        tokens = parser.parse(detector.pattern)
        digits = _digits(tokens) >= 3
        if detector.context.required and any(map(literal, detector.factors)):
            return cls(detector.reach, "", digits)  # the factor is a word near the match, not a part of it
        factors = [parser.parse(factor) for factor in detector.factors]
        beside = max((int(factor.getwidth()[1]) for factor in factors), default=0)
        reach = min(int(tokens.getwidth()[1]) + beside + _SLACK, detector.reach)
        held = [tokens, *factors]
        dots = "(?s" in detector.pattern
        barriers = [c for c in _CANDIDATES if not any(_holds(t, c, dots) for t in held)]
        return cls(reach, "".join(barriers[:_BARRIERS]), digits)

    def cut(self, text: str, ends: Sequence[int]) -> list[tuple[int, int]]:
        """Return the parts of `text` around the ascending `ends`, overlapping ones as one."""
        length = len(text)
        parts = [self._around(text, ends[0], length)]
        for end in ends[1:]:
            left, right = self._around(text, end, length)
            low, high = parts[-1]
            if left <= high:
                parts[-1] = min(low, left), max(high, right)
            else:
                parts.append((left, right))
        return [part for part in parts if _NUMBER.search(text, *part)] if self.digits else parts

    def _around(self, text: str, end: int, length: int) -> tuple[int, int]:
        left, right = max(end - self.reach, 0), min(end + self.reach, length)
        for barrier in self.barriers:
            at = text.rfind(barrier, left, end)
            if at >= 0:
                left = at + 1
            at = text.find(barrier, end, right)
            if at >= 0:
                right = at
        return left, min(right + _AHEAD, length)


def _digits(tokens: Iterable[tuple[Any, Any]]) -> int:
    """Return how many digits each match of the parsed pattern holds at least."""
    return sum(_least(op, argument) for op, argument in tokens)


def _least(op: Any, argument: Any) -> int:
    match op:
        case codes.LITERAL:
            return int(chr(argument).isdigit())
        case codes.IN:
            return int(not any(_in_class(argument, c) for c in _NO_DIGITS))
        case codes.BRANCH:
            return min(map(_digits, argument[1]))
        case codes.SUBPATTERN | codes.ATOMIC_GROUP:
            return _digits(argument[-1] if op is codes.SUBPATTERN else argument)
        case codes.MAX_REPEAT | codes.MIN_REPEAT | codes.POSSESSIVE_REPEAT:
            return int(argument[0]) * _digits(argument[2])
        case _:
            return 0


_NUMBER = re.compile(r"\d\D{0,9}\d\D{0,9}\d")
_NO_DIGITS = [chr(code) for code in range(9, 256) if not chr(code).isdigit()]


def _holds(tokens: Iterable[tuple[Any, Any]], character: str, dots: bool) -> bool:
    """Tell whether a match of the parsed pattern may hold the character."""
    return any(_node(op, argument, character, dots) for op, argument in tokens)


def _node(op: Any, argument: Any, character: str, dots: bool) -> bool:
    code = ord(character)
    match op:
        case codes.LITERAL:
            return bool(argument == code)
        case codes.NOT_LITERAL:
            return bool(argument != code)
        case codes.ANY:
            return dots or character != "\n"
        case codes.IN:
            return _in_class(argument, character)
        case codes.BRANCH:
            return any(_holds(branch, character, dots) for branch in argument[1])
        case codes.ASSERT_NOT | codes.AT | codes.GROUPREF | codes.FAILURE:
            return False
        case codes.GROUPREF_EXISTS:
            return any(_holds(part, character, dots) for part in argument[1:] if part)
        case codes.ATOMIC_GROUP:
            return _holds(argument, character, dots)
        case _:  # groups, repeats and positive look-arounds hold their pattern last
            return _holds(argument[-1], character, dots)


def _in_class(items: list[tuple[Any, Any]], character: str) -> bool:
    negated = items[0][0] is codes.NEGATE
    code = ord(character)
    for op, argument in items:
        if (
            (op is codes.LITERAL and argument == code)
            or (op is codes.RANGE and argument[0] <= code <= argument[1])
            or (op is codes.CATEGORY and _CATEGORIES[argument](character))
        ):
            return not negated
    return negated
