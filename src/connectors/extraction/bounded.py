"""Reading a decompressing stream no further than the budget, and keeping what came before the limit."""

from __future__ import annotations

import lzma
import zipfile
import zlib
from collections.abc import Iterator
from typing import Protocol

from connectors.extraction.items import Inner, Item, Meter, OverBudget, gap
from connectors.model import Gap

_CHUNK = 1 << 18
_FLOOR = 1 << 20
"""Unpacked size up to which no ratio is suspicious: ten blank pages compress a thousandfold."""
_BROKEN = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, NotImplementedError, ValueError)


class Readable(Protocol):
    """What is read here: anything with `read(size)`."""

    def read(self, size: int, /) -> bytes: ...


def read(stream: Readable, *, packed: int, meter: Meter) -> tuple[bytes, OverBudget | str | None]:
    """Read `stream` to its end or to the budget; return the bytes and what ended them early, if anything.

    `packed` is the compressed size that the ratio is measured against. The second value is `OverBudget`, or
    the name of the error with which a broken stream ended.
    """
    data = bytearray()
    limit = max(packed * meter.budget.ratio, _FLOOR)
    share = meter.budget.memory // 4
    try:
        while chunk := stream.read(_CHUNK):
            room = max(meter.room, 0)
            data += chunk[:room]
            meter.unpack(len(chunk))
            if len(data) > limit:
                return bytes(data[:limit]), OverBudget("ratio", meter.budget.ratio, ends_file=False)
            if len(data) > share:
                return bytes(data[:share]), OverBudget("memory", meter.budget.memory, ends_file=False)
    except OverBudget as error:
        return bytes(data), error
    except _BROKEN as error:
        return bytes(data), type(error).__name__
    return bytes(data), None


def member(stream: Readable, path: str, *, packed: int, meter: Meter) -> Iterator[Item]:
    """Yield one member of an archive as a file of its own, then what was left of it, if anything."""
    data, ended = read(stream, packed=packed, meter=meter)
    yield Inner(path, data, cut=ended is not None)
    yield from aftermath(path, ended)


def aftermath(path: str, ended: OverBudget | str | None) -> Iterator[Item]:
    """Yield the failure for a stream that ended early; raise when that ends the whole file."""
    if isinstance(ended, str):
        yield gap(path, Gap.CORRUPT, f"unpacking failed with {ended}")
    elif ended is not None:
        if ended.ends_file:
            raise ended
        yield gap(path, Gap.BUDGET, str(ended))
