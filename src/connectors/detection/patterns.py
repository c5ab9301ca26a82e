"""What can be told of a pattern before it is tried: what each of its matches holds, and what none does."""

from __future__ import annotations

import re
from collections.abc import Iterable
from re import _constants as codes  # type: ignore[attr-defined]  # no public way into a pattern
from re import _parser as parser  # type: ignore[attr-defined]  # same
from typing import Any

ASCII = frozenset(chr(code) for code in (9, 10, 13, *range(32, 127)))
_SPACES = frozenset("\t\n\r ")
_DIGITS = frozenset("0123456789")
_WORD = frozenset(c for c in ASCII if c.isalnum() or c == "_")
_CATEGORIES: dict[Any, frozenset[str]] = {
    codes.CATEGORY_DIGIT: _DIGITS,
    codes.CATEGORY_NOT_DIGIT: ASCII - _DIGITS,
    codes.CATEGORY_SPACE: _SPACES,
    codes.CATEGORY_NOT_SPACE: ASCII - _SPACES,
    codes.CATEGORY_WORD: _WORD,
    codes.CATEGORY_NOT_WORD: ASCII - _WORD,
}


def literal(pattern: str) -> str:
    """Return the longest run of characters in every match of `pattern`, lower case; empty when unsure."""
    runs = [""]
    _walk(list(parser.parse(pattern)), runs)
    return max(runs, key=len) if max(map(len, runs)) > 1 else ""


def _walk(tokens: list[Any], runs: list[str]) -> None:
    """Collect runs of certain ASCII characters; anything uncertain ends a run."""
    for op, argument in tokens:
        if op is codes.LITERAL and argument < 128:
            runs[-1] += chr(argument).lower()
        elif op is codes.SUBPATTERN and not (argument[1] or argument[2]):
            _walk(list(argument[3]), runs)
        elif op is codes.MAX_REPEAT and argument[0] == argument[1] and len(argument[2]) == 1:
            one = argument[2][0]
            if one[0] is codes.LITERAL and one[1] < 128:
                runs[-1] += chr(one[1]).lower() * argument[0]
            else:
                runs.append("")
        elif op is not codes.AT:
            runs.append("")


def foreign(pattern: str) -> bool:
    """Tell whether each match of `pattern` holds a character outside ASCII; not when it does not compile."""
    try:
        return _foreign(parser.parse(pattern))
    except re.error:
        return False


def _foreign(tokens: Iterable[tuple[Any, Any]]) -> bool:
    return any(_outside(op, argument) for op, argument in tokens)


def _outside(op: Any, argument: Any) -> bool:
    match op:
        case codes.LITERAL:
            return bool(argument > 127)
        case codes.IN:
            return all(kind is codes.LITERAL and member > 127 for kind, member in argument)
        case codes.BRANCH:
            return all(map(_foreign, argument[1]))
        case codes.SUBPATTERN:
            return _foreign(argument[-1])
        case codes.MAX_REPEAT:
            return bool(argument[0]) and _foreign(argument[2])
        case _:
            return False


def least_digits(pattern: str) -> int:
    """Return how many digits each match of `pattern` holds at least."""
    return digits_of(parser.parse(pattern))


def digits_of(tokens: Iterable[tuple[Any, Any]]) -> int:
    """Return how many digits each match of the parsed pattern holds at least."""
    return sum(_least(op, argument) for op, argument in tokens)


def _least(op: Any, argument: Any) -> int:
    match op:
        case codes.LITERAL:
            return int(chr(argument).isdigit())
        case codes.IN:
            return int(_members(argument) <= _DIGITS and argument[0][0] is not codes.NEGATE)
        case codes.BRANCH:
            return min(map(digits_of, argument[1]))
        case codes.SUBPATTERN:
            return digits_of(argument[-1])
        case codes.ATOMIC_GROUP:
            return digits_of(argument)
        case codes.MAX_REPEAT | codes.MIN_REPEAT | codes.POSSESSIVE_REPEAT:
            return int(argument[0]) * digits_of(argument[2])
        case _:
            return 0


def held_by(tokens: Iterable[tuple[Any, Any]], dots: bool) -> frozenset[str]:
    """Return the ASCII characters that a match of the parsed pattern may hold."""
    return frozenset[str]().union(*(_node(op, argument, dots) for op, argument in tokens))


def _node(op: Any, argument: Any, dots: bool) -> frozenset[str]:
    match op:
        case codes.LITERAL:
            return frozenset({chr(argument)})
        case codes.NOT_LITERAL:
            return ASCII - {chr(argument)}
        case codes.ANY:
            return ASCII if dots else ASCII - {"\n"}
        case codes.IN:
            return _members(argument)
        case codes.BRANCH:
            return frozenset[str]().union(*(held_by(branch, dots) for branch in argument[1]))
        case codes.ASSERT_NOT | codes.AT | codes.GROUPREF | codes.FAILURE:
            return frozenset()
        case codes.GROUPREF_EXISTS:
            return frozenset[str]().union(*(held_by(part, dots) for part in argument[1:] if part))
        case codes.ATOMIC_GROUP:
            return held_by(argument, dots)
        case _:  # groups, repeats and positive look-arounds hold their pattern last
            return held_by(argument[-1], dots)


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
    return ASCII - members if items[0][0] is codes.NEGATE else frozenset(members)
