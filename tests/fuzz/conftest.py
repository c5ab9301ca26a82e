"""Mutation of kept inputs: what a parser is fed, how long, and where what breaks it is kept.

Each target has a folder in `corpus/`. Everything in it is tried first, then mutations of it: a fixed number in the
suite, or for CONNECTORS_FUZZ seconds. An input that breaks the parser is written there, to be tried for ever.
"""

from __future__ import annotations

import hashlib
import os
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

CORPUS = Path(__file__).parent / "corpus"
ROUNDS = 150
"""Mutations of each target in the suite."""

LARGEST = 20_000

DICTIONARY = (
    b"\0", b"\xff\xfe", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"-1", b"0", b"1e999", b"NaN", b"null", b"true", b"[]", b"{}",
    b'""', b"'", b'"', b"\\", b"\\u0000", b"\\ud800", b"9" * 40, b"-" + b"9" * 19,
    b"[" * 300, b'{"a":' * 300, b"A" * 5000,
    b"${env:HOME}", b"${", b"&a [*a]", b"!!python/object:os.system", b"..", b"/", b"%00", b"\r\n", b"\n\n", b"\t", b":",
    b"*", b"(?P<", b"(a+)+$", b"9999-12-31T23:59:60Z", b"0000-00-00", b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///'>]>",
)  # fmt: skip

Target = Callable[[bytes], None]


class Fuzzer:
    """Feeds one target. The same seed makes the same inputs."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def run(self, name: str, target: Target, *, seeds: tuple[bytes, ...] = (), rounds: int = ROUNDS) -> None:
        """Try what is kept, then mutations. Whatever `target` raises fails the test and is kept."""
        kept = [path.read_bytes() for path in sorted((CORPUS / name).glob("*"))]
        known = [*seeds, *kept]
        assert known, f"corpus/{name} is empty"
        for data in known:
            self._try(name, target, data)
        for data in self._mutations(name, known, rounds):
            self._try(name, target, data)

    def _mutations(self, name: str, known: list[bytes], rounds: int) -> Iterator[bytes]:
        if not self._seconds:
            chance = random.Random(name)
            yield from (mutated(chance, known) for _ in range(rounds))
            return
        chance, end = random.Random(), time.monotonic() + self._seconds
        while time.monotonic() < end:
            yield mutated(chance, known)

    def _try(self, name: str, target: Target, data: bytes) -> None:
        try:
            target(data)
        except BaseException:
            folder = CORPUS / name
            folder.mkdir(exist_ok=True)
            (folder / f"found-{hashlib.sha256(data).hexdigest()[:12]}").write_bytes(data)
            raise


def mutated(chance: random.Random, known: list[bytes]) -> bytes:
    """Return one of the known inputs, changed in a few places."""
    data = bytearray(chance.choice(known))
    for _ in range(chance.choice((1, 1, 2, 3, 8))):
        start = chance.randint(0, len(data))
        end = min(len(data), start + chance.choice((0, 1, 1, 4, 16, 200)))
        kind = chance.randint(0, 4)
        if kind == 0:
            data[start:end] = chance.choice(DICTIONARY)
        elif kind == 1:
            data[start:end] = chance.randbytes(chance.randint(0, 8))
        elif kind == 2:
            other = chance.choice(known)
            cut = chance.randint(0, len(other))
            data[start:end] = other[cut : cut + chance.randint(0, 200)]
        elif kind == 3:
            data[start:end] = data[start:end] * 2
        elif data:
            data[min(start, len(data) - 1)] ^= 1 << chance.randint(0, 7)
    return bytes(data[:LARGEST])


@pytest.fixture
def fuzzer() -> Fuzzer:
    return Fuzzer(float(os.environ.get("CONNECTORS_FUZZ", "0")))
