"""Sheets of OpenDocument: cells with their rows, columns and header, repeated cells written once or counted."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

from lxml import etree

from connectors.extraction import tables
from connectors.extraction.items import Item, Meter

_TYPE = "application/vnd.oasis.opendocument.spreadsheet"
_MOST_REPEATS = 256
"""A run of more equal cells or rows than this is empty space up to the border of the sheet."""


def read_sheets(data: bytes, meter: Meter) -> Iterator[Item]:
    """Yield each table of a `content.xml` as a sheet of its own, hidden ones too."""
    rows: list[list[str]] = []
    size = 0
    for element in _stream(data):
        meter.tick()
        if _local(element) == "table-row":
            row = _row(element)
            size += sum(map(len, row)) + 1
            rows += [row] * _repeats(element, "rows")
            if size > meter.budget.text:
                break
        elif rows:
            yield tables.grid(_trimmed(rows), path=_attribute(element, "name") or "sheet", media_type=_TYPE)
            rows = []
    if rows:
        yield tables.grid(_trimmed(rows), path="sheet", media_type=_TYPE)


def _stream(data: bytes) -> Iterator[etree._Element]:
    tags = ("{*}table-row", "{*}table")
    for _, element in etree.iterparse(BytesIO(data), tag=tags, resolve_entities=False, no_network=True, recover=True):
        yield element
        element.clear()


def _row(element: etree._Element) -> list[str]:
    cells: list[str] = []
    for cell in element:
        if _local(cell) in ("table-cell", "covered-table-cell"):
            paragraphs = ("".join(map(str, text.itertext())) for text in cell.iter("{*}p"))
            cells += [" ".join(paragraphs)] * _repeats(cell, "columns")
    return cells


def _repeats(element: etree._Element, what: str) -> int:
    stated = _attribute(element, f"number-{what}-repeated")
    count = int(stated) if stated.isdigit() else 1
    return count if count <= _MOST_REPEATS else 1


def _trimmed(rows: list[list[str]]) -> list[list[str]]:
    """Drop the empty cells and rows at the end."""
    while rows and not any(rows[-1]):
        rows.pop()
    return rows


def _attribute(element: etree._Element, name: str) -> str:
    return next((str(value) for key, value in element.items() if str(key).endswith("}" + name)), "")


def _local(element: etree._Element) -> str:
    return str(element.tag).rpartition("}")[2]
