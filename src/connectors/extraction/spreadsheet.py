"""Sheets of OpenDocument: cells with their rows, columns and header, repeated cells written once or counted."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

from lxml import etree

from connectors.extraction import tables
from connectors.extraction.items import Item, Meter, OverBudget

_TYPE = "application/vnd.oasis.opendocument.spreadsheet"
_MOST_REPEATS = 256
"""A run of more equal cells or rows than this is empty space up to the border of the sheet."""


def read_sheets(data: bytes, meter: Meter) -> Iterator[Item]:
    """Yield each table of a `content.xml` as a sheet of its own, hidden ones too."""
    sheet = tables.Slices("sheet", _TYPE)
    ended: OverBudget | None = None
    try:
        for event, element in _stream(data):
            meter.tick()
            if _local(element) == "table-row":
                if event == "end":
                    row = _row(element)
                    for _ in range(_repeats(element, "rows")):
                        yield from sheet.add(row)
                    element.clear()
            else:
                yield from sheet.rest()
                sheet = tables.Slices(_attribute(element, "name") or "sheet", _TYPE)
    except OverBudget as error:
        ended = error
    yield from sheet.rest()
    if ended is not None:
        raise ended


def _stream(data: bytes) -> Iterator[tuple[str, etree._Element]]:
    """Yield the start and end of tables and rows."""
    yield from etree.iterparse(
        BytesIO(data),
        events=("start", "end"),
        tag=("{*}table-row", "{*}table"),
        resolve_entities=False,
        no_network=True,
        recover=True,
    )


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


def _attribute(element: etree._Element, name: str) -> str:
    return next((str(value) for key, value in element.items() if str(key).endswith("}" + name)), "")


def _local(element: etree._Element) -> str:
    return str(element.tag).rpartition("}")[2]
