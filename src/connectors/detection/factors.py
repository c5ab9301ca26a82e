"""Find where the factors of all detectors end in a text: by a compiled pass, by hyperscan, or slower without them.

A factor is a short pattern that stands in or right beside every match of a detector. Texts come as one byte
per code point (Latin-1, with `?` for what lies outside), so byte offsets are code point offsets.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from re import _parser as parser  # type: ignore[attr-defined]  # no public way to a pattern's width
from typing import Any, Literal, Protocol

from connectors.detection.patterns import foreign, least_digits, literal
from connectors.detection.shapes import TABLE, shape
from connectors.errors import ConfigError

Hit = tuple[int, int]
"""Factor number, and the offset at which it ends."""
_END = itemgetter(1)
_CASED = re.compile(r"(?<!\\)[A-Za-z]")
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
Backend = Literal["auto", "sieve", "hyperscan", "fallback"]


@dataclass(frozen=True, slots=True, order=True)
class Factor:
    """One factor, as hyperscan and `re` both read it."""

    pattern: str
    ignore_case: bool = False


class Finder(Protocol):
    """What finds the ends of factors. Safe to call from any thread."""

    name: str

    @property
    def hits(self) -> Callable[[str], list[Hit]]:
        """What returns the hits in a text, in ascending order of their ends."""
        ...


def encode(text: str) -> bytes:
    """Return `text` as one byte per code point."""
    return text.encode("latin-1", "replace")


def find_with(factors: Sequence[Factor], *, backend: Backend = "auto", cache: Path | None = None) -> Finder:
    """Return the finder for `factors`; `cache` is the folder in which compiled databases are kept.

    Raises `ConfigError` when a factor does not compile, or when hyperscan is asked for and not installed.
    """
    if backend == "fallback":
        return FallbackFinder(factors)
    if backend in ("auto", "sieve") and (finder := _compiled_pass(factors, cache, needed=backend == "sieve")):
        return finder
    try:
        import hyperscan  # noqa: F401  # asks whether this platform has it
    except ImportError:
        if backend == "hyperscan":
            raise ConfigError("hyperscan is not installed", hint="use the fallback backend") from None
        return FallbackFinder(factors)
    return HyperscanFinder(factors, cache=cache)


def _compiled_pass(factors: Sequence[Factor], cache: Path | None, *, needed: bool) -> Finder | None:
    """Return the quickest finder; None when it was not built, or when it does not take one of the factors."""
    try:
        from connectors.detection.anchors import Unsuited
        from connectors.detection.sieve import SieveFinder
    except ImportError:
        if needed:
            raise ConfigError(
                "the compiled pass was not built", hint="install a C compiler and then connectors"
            ) from None
        return None
    try:
        return SieveFinder(factors, cache=cache)
    except (Unsuited, re.error) as error:
        if needed:
            raise ConfigError(f"the compiled pass does not take a factor: {error}") from None
        return None


class HyperscanFinder:
    """All factors in one pass of a hyperscan block database; those that are mere shapes in a second, quick one.

    Factors of letters outside ASCII have a third, for texts that hold such letters.
    """

    name = "hyperscan"

    def __init__(self, factors: Sequence[Factor], *, cache: Path | None = None) -> None:
        shaped = {number: written for number, factor in enumerate(factors) if (written := _shaped(factor))}
        far = {number: factor for number, factor in enumerate(factors) if foreign(factor.pattern)}
        plain = {n: factor for n, factor in enumerate(factors) if not (n in shaped or n in far)}
        self._plain = _database(plain, cache)
        self._far = _database(far, cache)
        self._shaped = _database({number: Factor(written) for number, written in shaped.items()}, cache)
        self._sign = b"0" if all(least_digits(factors[number].pattern) for number in shaped) else b""
        self._local = threading.local()

    def hits(self, text: str) -> list[Hit]:
        """Return the hits in `text`. The interpreter lock is free while hyperscan runs."""
        found: list[Hit] = []
        if not text:
            return found
        data = encode(text)
        try:
            plain, shaped, far = self._local.scratches
        except AttributeError:
            plain, shaped, far = map(_scratch, (self._plain, self._shaped, self._far))
            self._local.scratches = plain, shaped, far
        if self._plain is not None:
            self._plain.scan(data, _collect, 0, found, plain)
        if not (self._far is None or text.isascii()):
            self._far.scan(data, _collect, 0, found, far)
        if self._shaped is not None and self._sign in (shapes := data.translate(TABLE)):
            self._shaped.scan(shapes, _collect, 0, found, shaped)
        if len(found) > 1:
            found.sort(key=_END)
        return found


def _shaped(factor: Factor) -> str | None:
    """Return the factor for a text written in shapes, when it is no more than a shape."""
    if factor.ignore_case and _CASED.search(factor.pattern.replace("A-Za-z", "")):
        return None
    return shape(factor.pattern)


def _database(factors: Mapping[int, Factor], cache: Path | None) -> Any:
    """Return the database of some factors, from `cache` if it is there; None when there are no factors."""
    if not factors:
        return None
    return _cached(factors, cache) if cache else _compiled(factors)


def _scratch(database: Any) -> Any:
    import hyperscan

    return None if database is None else hyperscan.Scratch(database)


def _collect(number: int, _start: int, end: int, _flags: int, found: list[Hit]) -> None:
    found.append((number, end))


def _expression(factor: Factor) -> bytes:
    """Return the factor as bytes; what Latin-1 cannot say stands as `?` in texts, and so does it here."""
    pattern = _ESCAPED.sub(lambda escaped: chr(int(escaped[1], 16)), factor.pattern)
    return "".join(c if ord(c) < 256 else r"\?" for c in pattern).encode("latin-1")


def _compiled(factors: Mapping[int, Factor]) -> Any:
    import hyperscan

    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    try:
        database.compile(
            expressions=[_expression(factor) for factor in factors.values()],
            ids=list(factors),
            elements=len(factors),
            flags=[_flags(factor) for factor in factors.values()],
        )
    except hyperscan.HyperscanError:
        culprits = ", ".join(_culprits(factors.values()))
        raise ConfigError(f"these factors do not compile: {culprits}") from None
    return database


def _flags(factor: Factor) -> int:
    import hyperscan

    flags = hyperscan.HS_FLAG_MULTILINE
    return int(flags | hyperscan.HS_FLAG_CASELESS if factor.ignore_case else flags)


def _culprits(factors: Iterable[Factor]) -> list[str]:
    import hyperscan

    bad = []
    for factor in factors:
        try:
            hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK).compile(
                expressions=[_expression(factor)], ids=[0], elements=1, flags=[_flags(factor)]
            )
        except hyperscan.HyperscanError:
            bad.append(factor.pattern)
    return bad or ["all together"]


def _cached(factors: Mapping[int, Factor], folder: Path) -> Any:
    """Load the database of `factors` from `folder`, or compile it and keep it there."""
    import hyperscan

    path = folder / f"factors-{_key(factors)}.hsdb"
    if serialized := kept(path):
        try:
            return hyperscan.loadb(serialized, hyperscan.HS_MODE_BLOCK)
        except hyperscan.HyperscanError:
            pass
    database = _compiled(factors)
    keep(path, hyperscan.dumpb(database))
    return database


def kept(path: Path) -> bytes:
    """Return what `keep` wrote; nothing when the file is not there, torn or altered."""
    try:
        content = path.read_bytes()
    except OSError:
        return b""
    return content[32:] if content[:32] == hashlib.sha256(content[32:]).digest() else b""


def keep(path: Path, serialized: bytes) -> None:
    """Write the file whole or not at all; a folder that cannot be written only costs the next start."""
    import tempfile

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".factors-")
        with os.fdopen(handle, "wb") as file:
            file.write(hashlib.sha256(serialized).digest() + serialized)
        Path(name).replace(path)
    except OSError:
        return


def _key(factors: Mapping[int, Factor]) -> str:
    """Name the database by library version, CPU and factors: it runs nowhere else."""
    import hyperscan

    parts = [
        vars(hyperscan)["__version__"],
        platform.machine(),
        _cpu(),
        *(f"{n}{f.ignore_case:d}{f.pattern}" for n, f in factors.items()),
    ]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def _cpu() -> str:
    """Return the features of the CPU as far as the system tells them."""
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as file:
            return next((line for line in file if line.startswith(("flags", "Features"))), "")
    except OSError:
        return platform.processor()


class FallbackFinder:
    """The same factors by `ahocorasick_rs` over literals, then `re`; where hyperscan is missing."""

    name = "fallback"

    def __init__(self, factors: Sequence[Factor]) -> None:
        import ahocorasick_rs

        self._starts = [re.compile(b"(?=(%s))" % _expression(f), _re_flags(f)) for f in factors]
        self._wholes = [re.compile(_expression(f), _re_flags(f)) for f in factors]
        self._shortest = [int(parser.parse(f.pattern).getwidth()[0]) for f in factors]
        gates = [literal(f.pattern) for f in factors]
        self._far = frozenset(number for number, factor in enumerate(factors) if foreign(factor.pattern))
        self._always = [number for number, gate in enumerate(gates) if not gate]
        self._gates = sorted({gate for gate in gates if gate})
        self._behind = [[n for n, gate in enumerate(gates) if gate == word] for word in self._gates]
        self._words = ahocorasick_rs.BytesAhoCorasick([gate.encode("latin-1") for gate in self._gates])

    def hits(self, text: str) -> list[Hit]:
        """Return the hits in `text`, as the others do: every end that a factor can have."""
        data = encode(text)
        gates = {index for index, _, _ in self._words.find_matches_as_indexes(data.lower(), overlapping=True)}
        numbers = [*self._always, *(number for gate in gates for number in self._behind[gate])]
        known = (number for number in numbers if not (number in self._far and text.isascii()))
        found = {hit for number in known for hit in self._ends(number, data)}
        return sorted(found, key=lambda hit: hit[1])

    def _ends(self, number: int, data: bytes) -> Iterator[Hit]:
        whole, shortest = self._wholes[number], self._shortest[number]
        for match in self._starts[number].finditer(data):
            start, longest = match.span(1)
            yield number, longest
            for end in range(start + shortest, longest):
                if whole.fullmatch(data, start, end):
                    yield number, end


def _re_flags(factor: Factor) -> int:
    return re.MULTILINE | (re.IGNORECASE if factor.ignore_case else 0)
