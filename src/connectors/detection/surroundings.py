"""What stands around a match: words near it, the header of its column."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from connectors.detection.detector import Context
from connectors.model import Confidence

_WORD = re.compile(r"[A-Z]+(?![^\W\d_A-Z])|[A-Z]?[^\W_A-Z]+|[A-Z]")


@dataclass(frozen=True, slots=True)
class Table:
    """The tabular shape of a text: header names, the offset at which each row starts, what parts two cells."""

    columns: tuple[str, ...] = field(default=(), repr=False)
    rows: tuple[int, ...] = field(default=(), repr=False)
    delimiter: str = ""

    def cell(self, text: str, start: int) -> tuple[int, int, str] | None:
        """Return row and column (1-based) and header of the cell that holds `start`; None outside.

        Without a delimiter, cells are parted by tabs, or by commas in a row without tabs.
        """
        row = bisect_right(self.rows, start)
        if not row:
            return None
        first = self.rows[row - 1]
        last = self.rows[row] if row < len(self.rows) else text.find("\n", start)
        line = text[first : last if last >= 0 else len(text)]
        column = _column(line, start - first, self.delimiter or ("\t" if "\t" in line else ","))
        return row, column, self.columns[column - 1] if column <= len(self.columns) else ""

    def ends(self, text: str, column: int) -> list[int]:
        """Return where the cells of a column (1-based) end, row by row."""
        found: list[int] = []
        for number, first in enumerate(self.rows):
            last = self.rows[number + 1] if number + 1 < len(self.rows) else len(text)
            line = text[first:last].rstrip("\r\n")
            delimiter = self.delimiter or ("\t" if "\t" in line else ",")
            end = first + _cell_end(line, column, delimiter)
            if not found or end > found[-1]:
                found.append(end)
        return found


def _cell_end(line: str, column: int, delimiter: str) -> int:
    """Return the offset at which a cell ends; a delimiter between double quotes is content."""
    at = -1
    quoted = '"' in line and delimiter != "\t"
    while column:
        at = line.find(delimiter, at + 1)
        if at < 0:
            return len(line)
        column -= not (quoted and line.count('"', 0, at) % 2)
    return at


def _column(line: str, offset: int, delimiter: str) -> int:
    """Return the column at `offset`; a delimiter between double quotes is content."""
    if delimiter == "\t" or '"' not in line:
        return line.count(delimiter, 0, offset) + 1
    return 1 + sum(part.count(delimiter) for part in line[:offset].split('"')[::2])


def near(text: str, start: int, end: int, *, window: int, header: str = "") -> str:
    """Return the words within `window` code points of a match, and those of the header of its column.

    They are lower case with a blank on both sides of each; camel case and snake case are parted, so that
    `cardNumber`, `CARD_NUMBER` and `card number` read alike.
    """
    around = f"{header}\n{text[max(start - window, 0) : start]}\n{text[end : end + window]}"
    return f" {' '.join(_WORD.findall(around))} ".lower()


def judge(context: Context, around: str, confidence: Confidence) -> Confidence | None:
    """Return the confidence after a look at the words around; None when a required word is missing."""
    if context.words and _any(phrases(context.words), around):
        return Confidence(min(confidence + 1, 5))
    if context.required:
        return None
    if context.against and _any(phrases(context.against), around):
        return Confidence(max(confidence - 2, 1))
    return confidence


def names(context: Context, header: str) -> bool:
    """Say whether the header of a column holds one of the words that a detector needs."""
    return _any(phrases(context.words), near("", 0, 0, window=0, header=header))


def _any(wanted: tuple[frozenset[str], tuple[str, ...]], around: str) -> bool:
    single, several = wanted
    return not single.isdisjoint(around.split()) or any(phrase in around for phrase in several)


@lru_cache(maxsize=2048)
def phrases(entries: Sequence[str]) -> tuple[frozenset[str], tuple[str, ...]]:
    """Return the words, and the phrases of several words, as `near` writes them; a phrase counts in one word too."""
    parted = [" ".join(_WORD.findall(entry)).lower() for entry in entries]
    single = frozenset(entry.replace(" ", "") for entry in parted if entry)
    return single, tuple(f" {entry} " for entry in parted if " " in entry)
