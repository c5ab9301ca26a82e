"""What stands around a match: words near it, the header of its column."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from connectors.detection.detector import Context
from connectors.model import Confidence

_CAMEL = re.compile(r"([a-z0-9])([A-Z])")


@dataclass(frozen=True, slots=True)
class Table:
    """The tabular shape of a text: header names, and the offset in the text at which each row starts."""

    columns: tuple[str, ...] = field(default=(), repr=False)
    rows: tuple[int, ...] = field(default=(), repr=False)

    def cell(self, text: str, start: int) -> tuple[int, int, str] | None:
        """Return row and column (1-based) and header of the cell that holds `start`; None outside.

        Cells are parted by tabs, or by commas in a row without tabs.
        """
        row = bisect_right(self.rows, start)
        if not row:
            return None
        first = self.rows[row - 1]
        last = self.rows[row] if row < len(self.rows) else text.find("\n", start)
        line = text[first : last if last >= 0 else len(text)]
        column = _column(line, start - first)
        return row, column, self.columns[column - 1] if column <= len(self.columns) else ""


def _column(line: str, offset: int) -> int:
    if "\t" in line:
        return line.count("\t", 0, offset) + 1
    quoted = False
    column = 1
    for character in line[:offset]:
        if character == '"':
            quoted = not quoted
        elif character == "," and not quoted:
            column += 1
    return column


def near(text: str, start: int, end: int, *, window: int, header: str = "") -> str:
    """Return what stands within `window` code points of a match, and the header of its column.

    Camel case is parted and all is lower case, so that `cardNumber` and `CARD NUMBER` read alike.
    """
    before = text[max(start - window, 0) : start]
    return _CAMEL.sub(r"\1 \2", f"{header}\n{before}\n{text[end : end + window]}").lower()


def judge(context: Context, around: str, confidence: Confidence) -> Confidence | None:
    """Return the confidence after a look at the words around; None when a required word is missing."""
    if context.words and words(context.words).search(around):
        return Confidence(min(confidence + 1, 5))
    if context.required:
        return None
    if context.against and words(context.against).search(around):
        return Confidence(max(confidence - 2, 1))
    return confidence


@lru_cache(maxsize=1024)
def words(entries: Sequence[str]) -> re.Pattern[str]:
    """Return a pattern for any of the words, on word borders; a blank stands for any or no separator."""
    spelled = (r"[\s_.\-]*".join(map(re.escape, entry.lower().split())) for entry in entries)
    return re.compile(f"(?<![^\\W_])(?:{'|'.join(sorted(spelled, key=len, reverse=True))})(?![^\\W_])")
