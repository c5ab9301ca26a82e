"""Delimited text: is it a table, and where do its rows start."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence

from connectors.extraction.extractor import Text

_DELIMITERS = ",\t;|"
_PROBE = 12
_SLICE = 20_000
_FAR = 256
"""A row this many numbers beyond the last one moves up: one stray cell must not cost a million empty lines."""
_FIELD_LIMIT = 1 << 24


def delimiter(text: str, *, hinted: bool = False) -> str:
    """Return the delimiter of a delimited text, or "" when it is no table.

    Without the hint of a name, the first rows must all have the same number of at least two short cells:
    prose with commas is no table.
    """
    lines = [line for line in text[:16_384].splitlines()[:_PROBE] if line.strip()]
    if len(lines) < (2 if hinted else 3):
        return ""
    for candidate in _DELIMITERS:
        counts = [len(row) for row in _parse(lines, candidate)]
        usable = counts[:-1] if len(lines) == _PROBE else counts  # the last row may be cut
        if not usable or min(usable) < 2:
            continue
        if hinted or (len(set(usable)) == 1 and _looks_like_cells(lines, candidate)):
            return candidate
    return ""


def _parse(lines: Sequence[str], mark: str) -> list[list[str]]:
    try:
        return list(csv.reader(lines, delimiter=mark))
    except csv.Error:
        return []


def _looks_like_cells(lines: Sequence[str], mark: str) -> bool:
    """Prose and code put a space after a comma and write long runs of words; tables do not."""
    if mark == "\t" or mark == "|":
        return True
    spaced = sum(line.count(mark + " ") for line in lines)
    return spaced <= sum(line.count(mark) for line in lines) / 2 and not any(
        line.rstrip().endswith(("{", "}", ";", "(")) for line in lines
    )


def table(text: str, *, mark: str, media_type: str) -> Text:
    """Give a delimited text its header and the offset of each row; quoted line breaks stay inside a row."""
    columns, rows = (), []  # type: tuple[str, ...], list[int]
    for index, (start, cells) in enumerate(_rows(text, mark)):
        if index == 0 and _is_header(cells):
            columns = tuple(cell.strip() for cell in cells)
        rows.append(start)
    return Text(text, media_type=media_type, columns=columns, rows=tuple(rows), delimiter=mark)


def _rows(text: str, mark: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the offset and the cells of each row. A row that csv refuses ends the table, not the text."""
    lines = text.splitlines(keepends=True)
    offsets = [0]
    for line in lines:
        offsets.append(offsets[-1] + len(line))
    reader = csv.reader(lines, delimiter=mark)
    while True:
        start = reader.line_num
        try:
            yield offsets[start], next(reader)
        except (StopIteration, csv.Error):
            return


def _is_header(cells: Sequence[str]) -> bool:
    """A header names columns: short, filled, different, and mostly letters."""
    filled = [cell.strip() for cell in cells if cell.strip()]
    if not filled or len(set(filled)) < len(filled) or len(filled) < len(cells) / 2:
        return False
    return all(len(cell) <= 60 and not _numeric(cell) and "@" not in cell for cell in filled)


def _numeric(cell: str) -> bool:
    digits = sum(character.isdigit() for character in cell)
    return digits * 2 > len(cell)


class Slices:
    """Gathers the rows of one sheet and hands them out as texts of bounded size, each with the sheet's header.

    The first has the sheet's own path; the others say which rows they hold.
    """

    def __init__(self, path: str, media_type: str) -> None:
        self._path, self._media_type = path, media_type
        self._rows: list[Sequence[str]] = []
        self._before = 0
        self._columns: tuple[str, ...] | None = None

    def add(self, row: Sequence[str], number: str = "") -> Iterator[Text]:
        """Take one row, at its 1-based number where it is stated; yield a text when enough are gathered."""
        at = int(number) - 1 - self._before if number.isdigit() else len(self._rows)
        while len(self._rows) < at <= len(self._rows) + _FAR:
            self._rows.append(())
        self._rows.append(row)
        if len(self._rows) >= _SLICE:
            yield from self.rest()

    def rest(self) -> Iterator[Text]:
        """Yield what is still gathered, without the empty rows at its end."""
        last = self._before + len(self._rows)
        while self._rows and not any(self._rows[-1]):
            self._rows.pop()
        if self._rows:
            path = f"{self._path}#rows {self._before + 1}-{last}" if self._before else self._path
            text = grid(self._rows, path=path, media_type=self._media_type, columns=self._columns)
            self._columns = text.columns
            yield text
        self._rows, self._before = [], last


def grid(rows: Sequence[Sequence[str]], *, path: str, media_type: str, columns: tuple[str, ...] | None = None) -> Text:
    """Build the tab-separated text of a sheet from its cells, one line per row.

    `columns` is the header when it stands elsewhere; else the first filled row is looked at.
    """
    lines, starts, offset = [], [], 0
    for row in rows:
        line = "\t".join(_flat(cell) for cell in row)
        lines.append(line)
        starts.append(offset)
        offset += len(line) + 1
    if columns is None:
        head = next((tuple(map(_flat, row)) for row in rows if any(row)), ())
        columns = head if _is_header(head) else ()
    return Text("\n".join(lines), path, media_type, columns=columns, rows=tuple(starts), delimiter="\t")


def _flat(cell: str) -> str:
    """Keep a cell on its line, so that tabs and line breaks mean cell and row."""
    if "\t" in cell or "\n" in cell or "\r" in cell:
        return cell.replace("\t", " ").replace("\r\n", " ").replace("\n", " ").replace("\r", " ")
    return cell


def raise_field_limit() -> None:
    """Let csv take long fields, in the whole process: its default refuses a field over 128 KB."""
    csv.field_size_limit(_FIELD_LIMIT)
