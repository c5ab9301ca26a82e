"""OOXML and OpenDocument: every part of the container, not only what an authoring program shows."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from io import BytesIO

from connectors.extraction import archives, bounded, ole, sheets, spreadsheet, xmltext
from connectors.extraction.extractor import Text
from connectors.extraction.items import Inner, Item, Meter, gap
from connectors.model import Gap

_XML = (".xml", ".rels", ".vml", ".rdf")
_RAW = ("customXml/item", "customxml/item")
_DULL = ("/theme/", "[Content_Types].xml", "META-INF/manifest.xml", "/_rels/", "_rels/.rels")
_ODS = b"opendocument.spreadsheet"
_PREVIEWS = ("docProps/thumbnail.", "Thumbnails/")
"""Small pictures of the first page, whose text is in the document."""
_FONTS = (".fntdata", ".odttf", ".ttf")
_SETTINGS = ("/printerSettings", "xl/worksheets/", "xl/sharedStrings.bin")
"""Binary parts that are no content, or that the reader of binary workbooks has shown."""


def read_ooxml(data: bytes, meter: Meter) -> Iterator[Item]:
    """Yield every part of a Word, Excel, PowerPoint or Visio document, hidden, deleted and embedded ones too."""
    try:
        archive = archives.open_zip(data)
    except zipfile.BadZipFile:
        yield from archives.read_zip(data, meter)
        return
    with archive:
        book = sheets.Workbook(archive, meter) if "xl/workbook.xml" in archive.namelist() else None
        for info in archives.zip_members(archive, meter):
            yield from _part(archive, info, meter, book)
        if book is not None:
            yield from book.orphans()


def _part(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, meter: Meter, book: sheets.Workbook | None
) -> Iterator[Item]:
    name = info.filename
    if info.flag_bits & 1:
        yield gap(name, Gap.ENCRYPTED, "the part has a password")
        return
    if book is not None and name == book.strings_part:
        return  # shown where the cells use them; what no cell uses comes at the end
    try:
        with archive.open(info) as stream:
            data, ended = bounded.read(stream, packed=info.compress_size, meter=meter)
    except (zipfile.BadZipFile, NotImplementedError, OSError) as error:
        yield gap(name, Gap.CORRUPT, f"opening failed with {type(error).__name__}")
        return
    if book is not None and name in book.sheets:
        yield from book.sheet(name, data)
    else:
        yield from _content(name, data, is_cut=ended is not None)
    yield from bounded.aftermath(name, ended)


def _content(name: str, data: bytes, *, is_cut: bool) -> Iterator[Item]:
    if name == "mimetype" or name.startswith(_PREVIEWS):
        return
    if name.startswith(_RAW) and name.endswith(".xml"):
        yield Inner(name, data, cut=is_cut)  # business data: element names are its keys
    elif name.endswith(".rels"):
        yield from _links(name, data)
    elif name.endswith(_XML):
        if not any(dull in name for dull in _DULL):
            yield from xmltext.read_part(data, name)
    elif name.endswith(".bin") and not data.startswith(b"\xd0\xcf\x11\xe0"):
        if not any(dull in name for dull in _SETTINGS) and (found := ole.strings(data)):
            yield Text(found, f"{name}#strings")
    elif not name.endswith(_FONTS):
        yield Inner(name, data, cut=is_cut)


def _links(name: str, data: bytes) -> Iterator[Item]:
    """Yield the targets of links that leave the document."""
    if b"External" in data:
        yield from xmltext.read_part(data, name)


def read_odf(data: bytes, meter: Meter) -> Iterator[Item]:
    """Yield every part of an OpenDocument text, sheet, presentation or drawing."""
    with zipfile.ZipFile(BytesIO(data)) as archive:
        if _is_encrypted(archive):
            yield gap("", Gap.ENCRYPTED, "the document has a password")
            return
        for info in archives.zip_members(archive, meter):
            if info.filename == "content.xml" and data.find(_ODS, 0, 200) > 0:
                yield from _sheets(archive, info, meter)
            yield from _part(archive, info, meter, None)


def _sheets(archive: zipfile.ZipFile, info: zipfile.ZipInfo, meter: Meter) -> Iterator[Item]:
    """Yield the tables of a spreadsheet with their rows and columns; the part itself follows for the rest."""
    with archive.open(info) as stream:
        yield from spreadsheet.read_sheets(bounded.read(stream, packed=info.compress_size, meter=meter)[0], meter)


def read_xlsb(data: bytes, meter: Meter) -> Iterator[Item]:
    """Yield the sheets of a binary workbook, then its other parts."""
    yield from sheets.read_calamine(data, meter)
    yield from read_ooxml(data, meter)


def _is_encrypted(archive: zipfile.ZipFile) -> bool:
    """OpenDocument lists the ciphers of its parts in its manifest (ODF 1.3 part 2, 3.4.1)."""
    try:
        with archive.open("META-INF/manifest.xml") as manifest:
            return b"encryption-data" in manifest.read(1 << 20)
    except KeyError:
        return False
