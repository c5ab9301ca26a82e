"""The compiled pass over factors, `_sieve.c`: its tables, and the finder that runs it.

Where three kinds of characters in a row stand that a variant of a factor holds (`anchors.py` chooses them), the whole
variant is followed by its program, and all of its ends are hits. A program is a sequence of

    RUN n class...        classes in a row
    GAP class most next   up to `most` characters of a class, where one of `next` follows
    EITHER n (length class program)...    one of some ways, each with what it begins with
    AHEAD class           what follows begins with that class: says nothing new, and spares work
    BORDER, LINE_START, LINE_END          what is so between two characters
"""

from __future__ import annotations

import hashlib
import struct
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import accumulate, chain, pairwise, product
from pathlib import Path

from connectors.detection import _sieve
from connectors.detection.anchors import (
    KINDS,
    WIDEST,
    Anchor,
    Bytes,
    Either,
    Gap,
    One,
    Place,
    Sequence_,
    Unsuited,
    anchors,
    first,
    kinds,
    most,
    read,
)
from connectors.detection.factors import Factor, keep, kept
from connectors.detection.patterns import foreign

RUN, GAP, EITHER, AHEAD = range(4)
_ANYTHING = 0xFFFF
"""Stands for the class that a way begins with when it need not begin with one."""
_FORM = 2
"""Changes with the form of the tables, here and in `_sieve.c`."""
if _sieve.FORM != _FORM:
    raise ImportError("the compiled pass was built from another release")


class SieveFinder:
    """All factors in one pass of a compiled extension. Raises `Unsuited` for factors that it does not take."""

    name = "sieve"

    def __init__(self, factors: Sequence[Factor], *, cache: Path | None = None) -> None:
        parts = _cached(tuple(factors), cache) if cache else tables(tuple(factors))
        self.hits = _sieve.Sieve(*parts).hits
        """Takes a text and returns its hits, in order of their ends; the interpreter lock is free in a long one."""


def _cached(factors: tuple[Factor, ...], folder: Path) -> tuple[bytes, ...]:
    """Load the tables of `factors` from `folder`, or make them and keep them there."""
    named = "\0".join(f"{factor.ignore_case:d}{factor.pattern}" for factor in factors)
    key = hashlib.sha256(f"{_FORM}{sys.byteorder}{named}".encode()).hexdigest()[:32]
    path = folder / f"sieve-{key}.tables"
    content = kept(path)
    if content:
        sizes = struct.unpack_from("=8I", content)
        ends = accumulate(sizes, initial=struct.calcsize("=8I"))
        return tuple(content[start:end] for start, end in pairwise(ends))
    parts = tables(factors)
    keep(path, struct.pack("=8I", *map(len, parts)) + b"".join(parts))
    return parts


@lru_cache(maxsize=8)
def tables(factors: tuple[Factor, ...]) -> tuple[bytes, ...]:
    """Return what `Sieve` of `_sieve.c` is made of."""
    return _Tables().of(factors)


class _Tables:
    """The tables while they grow."""

    def __init__(self) -> None:
        self._classes: dict[Bytes, int] = {}
        self._code: list[int] = []
        self._programs: dict[tuple[int, ...], int] = {}
        self._variants: list[bytes] = []
        self._entries: dict[int, list[tuple[int, int]]] = {}
        self._beside: dict[tuple[int, int], int] = {}

    def of(self, factors: Sequence[Factor]) -> tuple[bytes, ...]:
        for number, factor in enumerate(factors):
            far = foreign(factor.pattern)
            for anchor in anchors(read(factor.pattern, ignore_case=factor.ignore_case)):
                self._add(number, anchor, far=far)
        starts, entries, hot = [0], list[int](), bytearray(KINDS**3 // 8)
        for gram in sorted(self._entries):
            hot[gram >> 3] |= 1 << (gram & 7)
            entries += chain.from_iterable(self._entries[gram])
            starts.append(len(entries) // 2)
        if max(map(len, (self._variants, self._classes, self._beside, self._entries))) >= 1 << 16:
            raise Unsuited("too many")
        classes = b"".join(_bits(members).to_bytes(32, "little") for members in self._classes)
        return (
            kinds(),
            classes,
            bytes(hot),
            struct.pack(f"={len(starts)}I", *starts),
            struct.pack(f"={len(entries)}H", *entries),
            b"".join(struct.pack("=QQ", *pair) for pair in self._beside),
            struct.pack(f"={len(self._code)}H", *self._code),
            b"".join(self._variants),
        )

    def _add(self, factor: int, anchor: Anchor, *, far: bool) -> None:
        reach = anchor.high - anchor.low + most(anchor.way) + 1
        if reach > WIDEST:
            raise Unsuited("too wide")
        program = tuple(self._program(anchor.way))
        run = tuple(map(self._class, anchor.run))
        numbers = self._placed(program), len(program), self._placed(run), factor, anchor.low, anchor.high
        packed = struct.pack("=IIIHHHBBBBH", *numbers, anchor.before, len(run), reach // 64 + 1, far, 0)
        number = len(self._variants)
        self._variants.append(packed)
        before, *three, after = anchor.kinds
        beside = self._beside.setdefault((_bits(before), _bits(after)), len(self._beside))
        for one, two, last in product(*three):
            self._entries.setdefault((one * KINDS + two) * KINDS + last, []).append((number, beside))

    def _class(self, members: Bytes) -> int:
        return self._classes.setdefault(members, len(self._classes))

    def _placed(self, code: tuple[int, ...]) -> int:
        if code not in self._programs:
            self._programs[code] = len(self._code)
            self._code += code
        return self._programs[code]

    def _program(self, way: Sequence_, then: Bytes = frozenset()) -> Iterator[int]:
        """Yield the program of a part of a factor; `then` is what follows it, nothing where that may be anything."""
        run: list[int] = []
        for at, node in enumerate((*way, None)):
            if isinstance(node, One):
                run.append(self._class(node.members))
                continue
            if run:
                yield from (RUN, len(run), *run)
                run = []
            match node:
                case Gap(members, high):
                    yield from (GAP, self._class(members), high, self._told(first(way[at + 1 :], then)))
                case Place(what):
                    yield from self._ahead(first(way[at:], then))
                    yield what
                case Either(ways):
                    further = first(way[at + 1 :], then)
                    yield from self._ahead(first(way[at:], then))
                    yield from (EITHER, len(ways))
                    for one in ways:
                        program = tuple(self._program(one, further))
                        yield from (len(program), self._told(first(one, further)), *program)

    def _ahead(self, members: Bytes) -> Iterator[int]:
        if members:
            yield from (AHEAD, self._class(members))

    def _told(self, members: Bytes) -> int:
        return self._class(members) if members else _ANYTHING


def _bits(members: Iterable[int]) -> int:
    return sum(1 << member for member in members)
