"""Choose what the compiled pass looks for first: three kinds of characters in a row that matches of a factor hold.

A factor is read into variants, each with three such kinds: those that are rarest in texts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from operator import attrgetter
from re import IGNORECASE
from re import _constants as codes  # type: ignore[attr-defined]  # no public way into a pattern
from re import _parser as parser  # type: ignore[attr-defined]  # same
from string import ascii_lowercase, ascii_uppercase, digits
from typing import Any

Bytes = frozenset[int]
Kinds = frozenset[int]

KINDS = 64
"""Of characters: letters by case, digits together, the rest in groups."""
BORDER, LINE_START, LINE_END = 4, 5, 6
"""What a place may ask for, by the numbers of `_sieve.c`."""
_PLACES = {codes.AT_BOUNDARY: BORDER, codes.AT_BEGINNING: LINE_START, codes.AT_END: LINE_END}
ALL: Bytes = frozenset(range(256))
_WORD: Bytes = frozenset(c for c in range(128) if chr(c).isalnum()) | {95}
_CATEGORIES: dict[Any, Bytes] = {
    codes.CATEGORY_DIGIT: frozenset(b"0123456789"),
    codes.CATEGORY_NOT_DIGIT: ALL - frozenset(b"0123456789"),
    codes.CATEGORY_SPACE: frozenset(b" \t\n\r\f\v"),
    codes.CATEGORY_NOT_SPACE: ALL - frozenset(b" \t\n\r\f\v"),
    codes.CATEGORY_WORD: _WORD,
    codes.CATEGORY_NOT_WORD: ALL - _WORD,
}
WIDEST = 2_000
"""Bytes that a factor may reach over; the sets of `_sieve.c` hold a few more."""
_MANY = 48
"""Of so many alternatives each may have three kinds of its own."""
_DEPTH = 3
"""So many alternatives of one factor are taken apart."""
_LONG = 5
"""So many classes on either side tell how rare a run is."""
_COST = attrgetter("cost")
_HOT, _NEAR, _FAR, _SPREAD = 4, 10, 80, 8
"""Nanoseconds that it takes to look at three kinds, at a run, and to follow a variant, from each further place too."""
_CHEAP = 1_000
"""Nanoseconds in a megabyte below which no better anchor is looked for."""

_TWINS = {"j": "jJ", "q": "qQ", "x": "xX", "z": "zZ"}
_GROUPS = (
    *(_TWINS.get(c, c) for c in ascii_lowercase), *(c for c in ascii_uppercase if c not in "JQXZ"),
    digits, *" @+_-./?,", "=:", "'\"`", "()[]{}",
)  # fmt: skip
_EDGE, _HIGH, _OTHER = 0, 62, 63


class Unsuited(Exception):
    """Says that a factor is of a form that the sieve does not take."""


@dataclass(frozen=True, slots=True)
class One:
    """One byte of a class."""

    members: Bytes


@dataclass(frozen=True, slots=True)
class Gap:
    """Any number of bytes of a class, up to `most`."""

    members: Bytes
    most: int


@dataclass(frozen=True, slots=True)
class Place:
    """What must be so between two bytes: a border of a word, start or end of a line."""

    what: int


@dataclass(frozen=True, slots=True)
class Either:
    """One of several ways."""

    ways: tuple[Sequence_, ...]


Node = One | Gap | Place | Either
Sequence_ = tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Anchor:
    """Three kinds in a row: how often they stand in texts, and how far before the last of them a match begins."""

    cost: float
    kinds: tuple[Kinds, ...]
    """The three, between what may stand before and after them."""
    low: int
    high: int
    run: tuple[Bytes, ...]
    """The classes that surely stand around them, of which the first is `before` before the last of the kinds."""
    before: int
    way: Sequence_
    """The variant that they stand for."""


def read(pattern: str, *, ignore_case: bool) -> Sequence_:
    """Return what a factor is made of. Raises `Unsuited`, and `re.error` for what is no pattern."""
    parsed = parser.parse(pattern)
    return _read(parsed, ignore_case or bool(parsed.state.flags & IGNORECASE))


def _read(tokens: Iterable[tuple[Any, Any]], fold: bool) -> Sequence_:
    return tuple(node for op, argument in tokens for node in _nodes(op, argument, fold))


def _nodes(op: Any, argument: Any, fold: bool) -> Sequence_:
    match op:
        case codes.LITERAL:
            return (One(_folded({_byte(argument)}, fold)),)
        case codes.NOT_LITERAL:
            return (One(ALL - _folded({_byte(argument)}, fold)),)
        case codes.ANY:
            return (One(ALL - {10}),)
        case codes.IN:
            return (One(_class(argument, fold)),)
        case codes.AT if argument in _PLACES:
            return (Place(_PLACES[argument]),)
        case codes.SUBPATTERN if not argument[2]:
            return _read(argument[3], fold or bool(argument[1] & IGNORECASE))
        case codes.BRANCH:
            return (Either(tuple(_read(way, fold) for way in argument[1])),)
        case codes.MAX_REPEAT:
            return _repeated(argument[0], argument[1], _read(argument[2], fold))
        case _:
            raise Unsuited(str(op))


def _repeated(low: int, high: int, body: Sequence_) -> Sequence_:
    if high is codes.MAXREPEAT or high > WIDEST:
        raise Unsuited("no end")
    match body:
        case (One(members),):
            return body * low + ((Gap(members, high - low),) if high > low else ())
        case _:
            more: Sequence_ = ()
            for _ in range(high - low):
                more = (Either(((), (*body, *more))),)
            return body * low + more


def _byte(code: int) -> int:
    """Return the byte that stands for a character: what Latin-1 cannot say is written `?`."""
    return code if code < 256 else ord("?")


def _class(items: list[tuple[Any, Any]], fold: bool) -> Bytes:
    members: set[int] = set()
    for op, argument in items:
        match op:
            case codes.LITERAL:
                members.add(_byte(argument))
            case codes.RANGE if argument[1] < 256:
                members.update(range(argument[0], argument[1] + 1))
            case codes.CATEGORY if argument in _CATEGORIES:
                members |= _CATEGORIES[argument]
            case codes.NEGATE:
                pass
            case _:
                raise Unsuited(str(op))
    named = _folded(members, fold)
    return ALL - named if items[0][0] is codes.NEGATE else named


def _folded(members: Iterable[int], fold: bool) -> Bytes:
    own = frozenset(members)
    return own | {c ^ 32 for c in own if c < 128 and chr(c).isalpha()} if fold else own


def least(way: Sequence_) -> int:
    """Return how many bytes a match has at least."""
    return sum(_width(node, 0) for node in way)


def most(way: Sequence_) -> int:
    """Return how many bytes a match has at most."""
    return sum(_width(node, 1) for node in way)


def _width(node: Node, side: int) -> int:
    match node:
        case One():
            return 1
        case Gap(_, high):
            return high if side else 0
        case Place():
            return 0
        case Either(ways):
            return (max if side else min)(map(most if side else least, ways))


def anchors(way: Sequence_) -> list[Anchor]:
    """Return the anchors of which each match of the factor holds one, together as rare as can be."""
    found = _anchors(way, 0, len(way), _DEPTH)
    if not found:
        raise Unsuited("nothing certain")
    return found


def _anchors(way: Sequence_, low: int, high: int, depth: int) -> list[Anchor]:
    """Return the anchors in one part of `way`, with up to `depth` of the alternatives there taken apart."""
    best = min(_certain(way, low, high), key=_COST, default=None)
    chosen = [] if best is None else [best]
    for at in range(low, high):
        if chosen and sum(map(_COST, chosen)) < _CHEAP * len(chosen):
            break
        ways = _ways(way[at])
        if not depth or not 0 < len(ways) <= _MANY:
            continue
        together: list[Anchor] = []
        for one in ways:
            parted = (*way[:at], *one, *way[at + 1 :])
            some = _anchors(parted, max(at - 1, 0), min(at + len(one) + 1, len(parted)), depth - 1)
            together += some
            if not some or (chosen and sum(map(_COST, together)) > sum(map(_COST, chosen))):
                break
        else:
            chosen = together
    return chosen


def first(way: Sequence_, then: Bytes = frozenset()) -> Bytes:
    """Return what a part of a factor, before `then`, begins with; nothing where it may be anything, or the end."""
    members, ended = _heads(way)
    if not ended:
        return members
    return members | then if then else frozenset()


def _heads(way: Sequence_) -> tuple[Bytes, bool]:
    """Return the bytes that a part of a factor may begin with, and whether it may be empty."""
    members: Bytes = frozenset()
    for node in way:
        match node:
            case One(one):
                return members | one, False
            case Gap(some, _):
                members |= some
            case Either(ways):
                each = [_heads(one) for one in ways]
                members = members.union(*(begun for begun, _ in each))
                if not any(empty for _, empty in each):
                    return members, False
    return members, True


def _ways(node: Node) -> tuple[Sequence_, ...]:
    """Return the ways through a part of a factor, when it has more than one that can be told apart."""
    match node:
        case Either(ways):
            return ways
        case Gap(members, 1):
            return (), (One(members),)
        case _:
            return ()


def _certain(way: Sequence_, start: int, end: int) -> Iterator[Anchor]:
    """Yield an anchor for each three places in a row, in one part of `way`, of which at least one has a class."""
    for first, last in _runs(way):
        if last <= start or first >= end:
            continue
        run = tuple(node.members for node in way[first:last] if isinstance(node, One))
        low, high = least(way[:first]), most(way[:first])
        kinds = [_ANY, _before(way[:first], run[0]), *map(_kinds, run), _after(way[last:], run[-1]), _ANY, _ANY]
        five: tuple[Kinds, ...] = ()
        for at in range(1, len(kinds) - 3):
            if five == (five := tuple(kinds[at - 1 : at + 4])):
                continue
            surely = _share(tuple(kinds[max(at - _LONG, 2) : min(at + _LONG, len(kinds) - 3)]))
            cost = _HOT * _share(five[1:4]) + _NEAR * _share(five) + (_FAR + _SPREAD * (high - low)) * surely
            # the last of the three is the byte `at` of the run
            yield Anchor(cost, five, low + at, high + at, run, at, way)


def _runs(way: Sequence_) -> Iterator[tuple[int, int]]:
    """Yield from where to where classes follow each other, with no more than places between them."""
    first = None
    for number, node in enumerate((*way, Gap(ALL, 0))):
        if isinstance(node, One):
            first = number if first is None else first
        elif not isinstance(node, Place) and first is not None:
            yield first, number
            first = None


def _before(way: Sequence_, beside: Bytes) -> Kinds:
    """Return the kinds that may stand before a class `beside`, as far as a border or another class tells."""
    match way[-1:]:
        case (One(members),):
            return _kinds(members)
        case (Gap(members, _),):
            return _kinds(members) | _before(way[:-1], members)
        case (Place(what),) if what == BORDER and beside <= _WORD:
            return _kinds(ALL - _WORD) | {_EDGE}
        case _:
            return _ANY


def _after(way: Sequence_, beside: Bytes) -> Kinds:
    """Return the kinds that may stand after a class `beside`, as far as a border or another class tells."""
    match way[:1]:
        case (One(members),):
            return _kinds(members)
        case (Gap(members, _),):
            return _kinds(members) | _after(way[1:], members)
        case (Place(what),) if what == BORDER and beside <= _WORD:
            return _kinds(ALL - _WORD) | {_EDGE}
        case (Place(what),) if what == LINE_END:
            return _kinds(frozenset({10})) | {_EDGE}
        case _:
            return _ANY


_ANY: Kinds = frozenset(range(KINDS))


@cache
def _kinds(members: Bytes) -> Kinds:
    return frozenset(kinds()[member] for member in members)


@cache
def kinds() -> bytes:
    """Return the kind of each byte. None is of kind 0: that is what lies outside a text."""
    of = [_OTHER] * 128 + [_HIGH] * 128
    for number, group in enumerate(_GROUPS, 1):
        for character in group:
            of[ord(character)] = number
    return bytes(of)


@cache
def _pairs() -> Any:
    """Return how often each kind follows each other one; of kind 0, how often each stands at all."""
    import numpy as np

    lines = files(__package__).joinpath("data", "pairs.txt").read_text("ascii").splitlines()
    return (np.array([line.split() for line in lines], dtype=float) + 0.2) / 1000


@cache
def _mask(kinds: Kinds) -> Any:
    import numpy as np

    return np.array([kind in kinds for kind in range(KINDS)], dtype=float)


@lru_cache(maxsize=16_384)
def _share(several: tuple[Kinds, ...]) -> float:
    """Return how often about so many kinds follow each other in a million characters of texts and code."""
    pairs = _pairs()
    ends = pairs[_EDGE] * _mask(several[0])
    for kinds in several[1:]:
        ends = (ends @ pairs) * _mask(kinds)
    return float(1e6 * ends.sum())
