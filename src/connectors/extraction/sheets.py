"""Workbooks: cells with their rows, columns and header; formulas, headers and links; strings no cell uses."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from io import BytesIO
from posixpath import join, normpath

from lxml import etree

from connectors.extraction import bounded, numbers, tables
from connectors.extraction.extractor import Text
from connectors.extraction.items import Item, Meter, OverBudget, gap
from connectors.model import Gap

_MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_CELL = re.compile(r"([A-Z]{1,3})(\d+)")
_TREE = 16 << 20
"""Up to this size a part is parsed into a tree, which is faster and takes about ten times the memory."""
_FAR = 256
"""A cell this many columns beyond the last one moves up: one stray cell must not cost a wide table."""


class Workbook:
    """The shared parts of an XLSX file that its sheets need."""

    def __init__(self, archive: zipfile.ZipFile, meter: Meter) -> None:
        self._archive, self._meter = archive, meter
        targets = self._targets()
        self.strings_part = next((part for part in targets.values() if str(part).endswith("haredStrings.xml")), "")
        self.sheets = self._sheets(targets)
        self._strings = self._load_strings()
        self._formats = numbers.formats(self._read("xl/styles.xml"))
        self._used: set[int] = set()

    def _read(self, part: str) -> bytes:
        """Read a shared part within the budget; a missing one is empty."""
        try:
            info = self._archive.getinfo(part)
            with self._archive.open(info) as stream:
                return bounded.read(stream, packed=info.compress_size, meter=self._meter)[0]
        except (KeyError, zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError):
            return b""

    def _targets(self) -> dict[str, str]:
        relations = _listed(self._read("xl/_rels/workbook.xml.rels"), "Relationship")
        return {
            relation.get("Id", ""): normpath(join("xl", relation.get("Target", ""))).lstrip("/")
            if not relation.get("Target", "").startswith("/")
            else relation.get("Target", "").lstrip("/")
            for relation in relations
        }

    def _sheets(self, targets: dict[str, str]) -> dict[str, str]:
        """Map the part of each sheet, hidden ones too, to its name."""
        data = self._read("xl/workbook.xml")
        self._epoch = numbers.epoch(b'date1904="1"' in data or b'date1904="true"' in data)
        found = {}
        for sheet in _listed(data, "sheet"):
            relation = next((value for key, value in sheet.items() if str(key).endswith("}id")), "")
            if part := targets.get(str(relation), ""):
                found[part] = str(sheet.get("name", part))
        return found

    def _load_strings(self) -> list[str]:
        data = self._read(self.strings_part) if self.strings_part else b""
        return [_string(item) for item in _listed(data, "si")]

    def sheet(self, part: str, data: bytes) -> Iterator[Item]:
        """Yield the cells of one sheet as a table, and everything around them as `#notes`."""
        name, notes = self.sheets[part], []  # type: str, list[str]
        slices = tables.Slices(name, _MEDIA_TYPE)
        ended: OverBudget | None = None
        is_broken = False
        try:
            for element in _stream(data):
                if _local(element) == "row":
                    yield from slices.add(self._row(element, notes), element.get("r", ""))
                else:
                    _note(element, notes)
        except etree.LxmlError:
            is_broken = True
        except OverBudget as error:
            ended = error
        yield from slices.rest()
        if notes:
            yield Text("\n".join(dict.fromkeys(notes)), f"{name}#notes", _MEDIA_TYPE)
        if is_broken:
            yield gap(name, Gap.CORRUPT, "the sheet's XML is broken; the rest of its text was not read")
        if ended is not None:
            raise ended

    def _row(self, row: etree._Element, notes: list[str]) -> list[str]:
        self._meter.tick()
        cells: list[str] = []
        for cell in row:
            column = numbers.column(cell.get("r", ""))
            while len(cells) < column <= len(cells) + _FAR:
                cells.append("")
            cells.append(self._value(cell, notes))
        return cells

    def _value(self, cell: etree._Element, notes: list[str]) -> str:
        raw = formula = inline = ""
        for child in cell:
            match _local(child):
                case "v":
                    raw = child.text or ""
                case "f":
                    formula = child.text or ""
                case "is":
                    inline = "".join(map(str, child.itertext()))
        if '"' in formula or "[" in formula:
            notes.append(f"={formula}")
        return inline or self._shown(raw, cell.get("t", "n"), cell.get("s", ""))

    def _shown(self, raw: str, kind: str, style: str) -> str:
        if kind == "s" and raw.isdigit():
            index = int(raw)
            self._used.add(index)
            return self._strings[index] if index < len(self._strings) else ""
        if kind == "n" and raw:
            return numbers.shown(raw, self._formats.get(style, ""), self._epoch)
        return raw

    def orphans(self) -> Iterator[Item]:
        """Yield the shared strings that no cell shows: what deleted cells left behind."""
        left = [text for index, text in enumerate(self._strings) if index not in self._used]
        if left:
            yield Text("\n".join(left), f"{self.strings_part}#unused", _MEDIA_TYPE)


def _note(element: etree._Element, notes: list[str]) -> None:
    """Keep what stands around the cells: headers, footers, validations, links."""
    if element.text and element.text.strip():
        notes.append(element.text.strip())
    notes.extend(
        element.get(key, "")
        for key in ("display", "tooltip", "location", "promptTitle", "prompt", "error")
        if element.get(key)
    )


_AROUND = ("oddHeader", "oddFooter", "evenHeader", "evenFooter", "firstHeader", "firstFooter", "formula1",
           "formula2", "formula", "hyperlink", "dataValidation")  # fmt: skip


def _stream(data: bytes) -> Iterator[etree._Element]:
    """Yield rows and what stands around them, in the order of the sheet."""
    return _elements(data, "row", *_AROUND)


def _elements(data: bytes, *names: str) -> Iterator[etree._Element]:
    """Yield the elements of those names. A large part is read as a stream, each element forgotten after its turn."""
    tags = [f"{{*}}{name}" for name in names]
    if len(data) <= _TREE:
        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, recover=True)
        root = etree.fromstring(data, parser) if data else None
        yield from root.iter(*tags) if root is not None else ()
        if any(entry.level == etree.ErrorLevels.FATAL for entry in parser.error_log):
            raise etree.LxmlError("broken")
        return
    for _, element in etree.iterparse(
        BytesIO(data), tag=tags, resolve_entities=False, no_network=True, load_dtd=False, recover=True
    ):
        yield element
        element.clear()
        while element.getprevious() is not None:
            del element.getparent()[0]


def _listed(data: bytes, name: str) -> Iterator[etree._Element]:
    """Yield the elements of a shared part as far as it can be read: the sheets are worth reading without it."""
    with suppress(etree.LxmlError):
        yield from _elements(data, name)


def _string(item: etree._Element) -> str:
    """Return a shared string; nearly all have one text, the others several runs."""
    if len(item) == 1 and not len(item[0]):
        return item[0].text or ""
    return "".join(map(str, item.itertext()))


def _local(element: etree._Element) -> str:
    return _local_name(str(element.tag))


@lru_cache(maxsize=256)
def _local_name(tag: str) -> str:
    return tag.rpartition("}")[2]


def read_calamine(data: bytes, meter: Meter) -> Iterator[Item]:
    """Yield the sheets of a workbook in one of Excel's binary formats (XLS, XLSB), hidden ones too."""
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError

    try:
        book = CalamineWorkbook.from_filelike(BytesIO(data))
    except PasswordError:
        yield gap("", Gap.ENCRYPTED, "the workbook has a password")
        return
    for name in book.sheet_names:
        meter.member()
        try:
            rows = book.get_sheet_by_name(name).to_python(skip_empty_area=False)
        except CalamineError:
            yield gap(name, Gap.CORRUPT, "the sheet cannot be read")
            continue
        slices = tables.Slices(name, _MEDIA_TYPE)
        for row in rows:
            yield from slices.add([numbers.text(cell) for cell in row])
        yield from slices.rest()
