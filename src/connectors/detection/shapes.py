"""Factors that are all digits, capitals and separators, such as `\\d{3}-\\d{2}-\\d{4}`.

Hyperscan is slow on them, as it finds no literal to look for. In a text in which every digit is written `0` and
every capital `A` the same factor is the literal `000-00-0000`, and the pass over it costs next to nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from operator import and_
from re import _constants as codes  # type: ignore[attr-defined]  # no public way into a pattern
from re import _parser as parser  # type: ignore[attr-defined]  # same
from typing import Any

from connectors.detection.patterns import least_digits, literal

TABLE = bytes(48 if chr(c).isdigit() and c < 128 else 65 if 65 <= c <= 90 else c for c in range(256))
"""For `bytes.translate`: writes every ASCII digit as `0` and every ASCII capital as `A`."""

_PLACES = {codes.AT_BEGINNING: "^", codes.AT_BOUNDARY: r"\b"}
"""Where a line starts, and where a word starts or ends: the same in the translated text."""
_OTHER = re.compile(r"(?<!\\)[a-z]|(?<![\w{,\\\[\-])[0-9A-Z]{3}(?![\d,]*\})")
"""A lower case letter, or a literal that is rare enough to be looked for as it is."""
_LETTERS = "A-Za-z"
_LOWER = frozenset(range(97, 123))


def shape(pattern: str) -> str | None:
    """Return the factor for the translated text, or None when the factor is of another kind."""
    rest = pattern.replace(_LETTERS, "")
    if _OTHER.search(rest):
        return None
    try:
        written = _sequence(parser.parse(pattern))
    except _OtherKind:
        return None
    if rest != pattern and not (least_digits(pattern) and literal(written)):
        return None  # nothing to look for but single characters
    return written if re.search("0|A", written) else None


class _OtherKind(Exception):
    """Says that a pattern is no shape."""


def _sequence(tokens: Iterable[tuple[Any, Any]]) -> str:
    known = [op is codes.LITERAL and chr(argument).isdigit() for op, argument in tokens]
    if any(map(and_, known, known[1:])):
        raise _OtherKind  # digits that it names, of which a shape would forget what they are
    return "".join(_written(op, argument) for op, argument in tokens)


def _written(op: Any, argument: Any) -> str:
    match op:
        case codes.LITERAL:
            return _class({argument})
        case codes.IN if argument[0][0] is codes.NEGATE:
            return _others(_members(argument[1:]))
        case codes.IN:
            return _class(_members(argument))
        case codes.AT if argument in _PLACES:
            return _PLACES[argument]
        case codes.MAX_REPEAT:
            low, high, body = argument
            most = "" if high is codes.MAXREPEAT else high
            return f"(?:{_sequence(body)}){{{low},{most}}}"
        case codes.SUBPATTERN if not (argument[1] or argument[2]):
            return f"(?:{_sequence(argument[3])})"
        case codes.BRANCH:
            return "(?:" + "|".join(_sequence(branch) for branch in argument[1]) + ")"
        case _:
            raise _OtherKind


def _members(items: list[tuple[Any, Any]]) -> set[int]:
    members: set[int] = set()
    for op, argument in items:
        if op is codes.LITERAL:
            members.add(argument)
        elif op is codes.RANGE:
            members.update(range(argument[0], argument[1] + 1))
        elif op is codes.CATEGORY and argument is codes.CATEGORY_DIGIT:
            members.update(range(48, 58))
        else:
            raise _OtherKind
    return members


def _others(members: set[int]) -> str:
    """Return the class of what is outside `members`; a digit or capital is, unless all of them are members."""
    kept = {TABLE[code] for code in range(256) if code not in members}
    return "[^" + "".join(re.escape(chr(code)) for code in sorted({TABLE[code] for code in members} - kept)) + "]"


def _class(members: set[int]) -> str:
    """Return a character class for the translated text; some lower case letters make the factor another kind."""
    if any(member > 127 for member in members) or members & _LOWER not in (set(), _LOWER):
        raise _OtherKind
    written = sorted({chr(TABLE[member]) for member in members})
    return re.escape(written[0]) if len(written) == 1 else f"[{''.join(map(re.escape, written))}]"
