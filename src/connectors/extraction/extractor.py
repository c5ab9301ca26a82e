"""The seam between bytes and text."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol

from connectors.model import UnitFailure


@dataclass(frozen=True, slots=True)
class Budget:
    """How much one file may cost, nested files included. What is over it becomes a gap, never a fault."""

    bytes_in: int = 50 * 2**20
    """Bytes read from the app."""
    bytes_out: int = 200 * 2**20
    """Bytes after decompression, all levels together."""
    text: int = 50 * 2**20
    """Characters of text."""
    depth: int = 5
    """Archives in archives."""
    members: int = 10_000
    ratio: int = 200
    """Decompressed to compressed size of one member."""
    seconds: float = 30.0
    memory: int = 512 * 2**20
    pages: int = 2_000
    ocr_pages: int = 20


@dataclass(frozen=True, slots=True)
class Text:
    """One text taken from a file.

    `path` says where in the file it stands: `word/header1.xml`, `Sheet2`, `page 3`, `inner.zip/a.txt`.
    For tabular text `columns` holds the header names, `rows` the offset in `text` at which each row starts,
    and `delimiter` what stands between two cells; `cell` turns an offset into row and column.

    `media_type` is what the content is, and `mismatch` says so in words when the file's name or the app's
    media type claims something else ("named as image/png, is application/zip"): a sign of hiding.
    """

    text: str = field(repr=False)
    path: str = ""
    media_type: str = "text/plain"
    columns: tuple[str, ...] = field(default=(), repr=False)
    rows: tuple[int, ...] = field(default=(), repr=False)
    delimiter: str = ""
    mismatch: str = ""

    def cell(self, offset: int) -> tuple[int, int] | None:
        """Return the 1-based row and column of the code point at `offset`; None when the text is no table."""
        if not self.rows or not self.delimiter:
            return None
        row = max(bisect_right(self.rows, offset), 1)
        return row, 1 + _delimiters(self.text[self.rows[row - 1] : offset], self.delimiter)


def _delimiters(text: str, delimiter: str) -> int:
    """Count the delimiters that stand outside double quotes."""
    if '"' not in text:
        return text.count(delimiter)
    return sum(part.count(delimiter) for part in text.split('"')[::2])


class Extractor(Protocol):
    """Turns bytes of some media types into texts. Runs in the sandbox process."""

    media_types: tuple[str, ...]

    def extract(self, stream: BinaryIO, name: str, budget: Budget) -> Iterator[Text | UnitFailure]:
        """Yield every text in `stream`, and a `UnitFailure` for each part that was not read."""
