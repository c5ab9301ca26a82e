"""What every match of a pattern begins with, so that it is tried only where it can succeed.

`re` tries a pattern that ignores case, or that begins with a look-behind, at every place of a window. A search for
what its matches begin with, in lower case, takes a small part of that time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from re import _constants as codes  # type: ignore[attr-defined]  # no public way into a pattern
from re import _parser as parser  # type: ignore[attr-defined]  # same
from typing import Any

Search = Callable[[str, int, int], Iterable[re.Match[str]]]
"""Takes a text and the part of it to search, and returns the matches that begin there, none over another."""

_LENGTH = 4
"""So many characters of a beginning are enough to be rare."""
_MANY, _MOST = 160, 4_000
"""How many beginnings are searched for, and how many are looked at before they are cut."""
_CLASS = 6
_FOLDED = frozenset("\u0130\u0131\u017f\u212a")
"""What `re` takes for an ASCII letter when it ignores case."""

_ANY = "\uffff"
"""Stands in a beginning for a character that may be any."""

Heads = dict[str, bool]
"""Beginnings in lower case, and whether what follows would still make each of them longer."""


def search(pattern: re.Pattern[str]) -> Search:
    """Return what finds the matches of `pattern` as its `finditer` does, and sooner where its beginnings are known."""
    begins = heads(pattern.pattern)
    if not begins:
        return pattern.finditer
    find = re.compile("|".join(re.escape(head).replace(_ANY, "(?s:.)") for head in begins)).search
    match, everywhere = pattern.match, pattern.finditer

    def walk(text: str, low: int, high: int) -> Iterator[re.Match[str]]:
        part = text[low:high]
        if not part.isascii():  # lower case may be of another length
            yield from everywhere(text, low, high)
            return
        part = part.lower()
        at = 0
        while (begin := find(part, at)) is not None:
            at = begin.start()
            found = match(text, low + at, high)
            if found is None:
                at += 1
            else:
                yield found
                at = max(found.end() - low, at + 1)

    return walk


def heads(pattern: str) -> list[str]:
    """Return beginnings, lower case, of which every match in ASCII text has one; none when too little is known."""
    try:
        found = _sequence({"": True}, parser.parse(pattern))
    except _Unknown:
        return []
    told: set[str] = set()
    for length in range(_LENGTH, 1, -1):
        told = {head[:length].rstrip(_ANY) for head in found}
        if len(told) <= _MANY:
            break
    certain = [head.replace(_ANY, "") for head in told]
    if not all(len(head) > 1 or (head and not head.isalnum()) for head in certain):
        return []
    return sorted(head for head in told if not any(head != other and head.startswith(other) for other in told))


class _Unknown(Exception):
    """Says that a pattern may begin with anything."""


def _sequence(known: Heads, tokens: Iterable[tuple[Any, Any]]) -> Heads:
    for op, argument in tokens:
        if not any(known.values()):
            break
        known = _after(known, op, argument)
        if len(known) > _MOST:
            raise _Unknown
    return known


def _after(known: Heads, op: Any, argument: Any) -> Heads:
    """Return the beginnings after one more part of the pattern."""
    match op:
        case codes.LITERAL:
            return _longer(known, {argument})
        case codes.IN:
            return _longer(known, _members(argument) or {ord(_ANY)})
        case codes.ANY | codes.NOT_LITERAL:
            return _longer(known, {ord(_ANY)})
        case codes.AT | codes.ASSERT | codes.ASSERT_NOT:
            return known
        case codes.SUBPATTERN:
            return _sequence(known, argument[3])
        case codes.ATOMIC_GROUP:
            return _sequence(known, argument)
        case codes.BRANCH:
            return _either(_sequence(known, branch) for branch in argument[1])
        case codes.MAX_REPEAT | codes.MIN_REPEAT | codes.POSSESSIVE_REPEAT:
            least, most, body = argument
            once = _sequence(known, body)
            if most != 1:
                once = dict.fromkeys(once, False)
            return once if least else _either((known, once))
        case _:
            return dict.fromkeys(known, False)


def _either(several: Iterable[Heads]) -> Heads:
    together: Heads = {}
    for known in several:
        for head, growing in known.items():
            together[head] = together.get(head, True) and growing
    return together


def _longer(known: Heads, members: set[int]) -> Heads:
    if any(chr(member) in _FOLDED for member in members):
        raise _Unknown
    ends = {
        chr(member).lower() for member in members if member < 128 or chr(member) == _ANY
    }  # ASCII text holds no other
    longer: Heads = {}
    for head, growing in known.items():
        if growing:
            longer.update({head + end: len(head) + 1 < _LENGTH for end in ends})
        else:
            longer[head] = False
    return longer


def _members(items: list[tuple[Any, Any]]) -> set[int]:
    """Return the characters of a small class; none of a large one."""
    members: set[int] = set()
    for op, argument in items:
        if op is codes.LITERAL:
            members.add(argument)
        elif op is codes.RANGE and argument[1] - argument[0] < _CLASS:
            members.update(range(argument[0], argument[1] + 1))
        else:
            return set()
    return members if len(members) <= 2 * _CLASS else set()
