"""Files as LibreOffice writes them, and an XLSB as Excel lays it out: every planted word is found."""

from __future__ import annotations

import re
import struct
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from connectors.extraction import ocr

FOLDER = Path(__file__).parent / "office"
_NOT_THERE = {"text.pdf": {"markcomment", "markcustomprop", "markdescription", "markhidden"}}
"""What a format does not carry over: a PDF shows no comments, hidden text or own properties."""


def planted(name: str) -> set[str]:
    source = next(FOLDER.glob(f"{name.partition('.')[0]}.fod*")).read_text("utf-8")
    found = set(re.findall(r">(mark[a-zäü]+)|: (mark[a-z]+)", source))
    return {a or b for a, b in found} - {"markmaster", "markformulax"}


@pytest.mark.parametrize(
    "name", ["text.doc", "text.rtf", "text.odt", "text.pdf", "sheet.xls", "sheet.ods", "slides.ppt.gz"]
)
def test_every_planted_word_is_found(read, name):
    texts, gaps = read((FOLDER / name).read_bytes(), name)
    whole = "\n".join(texts.values())
    assert sorted(word for word in planted(name) - _NOT_THERE.get(name, set()) if word not in whole) == []
    assert not gaps


def test_a_sheet_of_excel_97_is_a_table_with_its_card(read):
    texts, _ = read((FOLDER / "sheet.xls").read_bytes())
    assert "4539578763621486" in texts["markvisiblesheet"]
    assert "markhiddensheet" in texts["Hidden"]


def record(kind: int, body: bytes = b"") -> bytes:
    """Return a record of [MS-XLSB] 2.1.4: its number and its size, seven bits to a byte."""
    number = bytes([kind]) if kind < 0x80 else bytes([kind & 0xFF, kind >> 8])
    size = len(body)
    return number + (bytes([size]) if size < 0x80 else bytes([size & 0x7F | 0x80, size >> 7])) + body


def wide(text: str) -> bytes:
    return struct.pack("<I", len(text)) + text.encode("utf-16-le")


def xlsb(sheets: dict[str, tuple[str, int]]) -> bytes:
    """Return a workbook with one text per sheet, given with the sheet's state: 0 shown, 1 hidden, 2 very hidden."""
    bundle = b"".join(
        record(0x019C, struct.pack("<II", state, number) + wide(f"rId{number}") + wide(name))
        for number, (name, (_, state)) in enumerate(sheets.items(), 1)
    )
    relation = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    relations = "".join(
        f'<Relationship Id="rId{n}" Type="{relation}/worksheet" Target="worksheets/sheet{n}.bin"/>'
        for n in range(1, len(sheets) + 1)
    )
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(
            "[Content_Types].xml",
            '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="bin" '
            'ContentType="application/vnd.ms-excel.sheet.binary.macroEnabled.main"/></Types>',
        )
        archive.writestr(
            "xl/_rels/workbook.bin.rels",
            f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{relations}'
            "</Relationships>",
        )
        archive.writestr(
            "xl/workbook.bin",
            record(0x0183) + record(0x018F) + bundle + record(0x0190) + record(0x0184),
        )
        for number, (text, _) in enumerate(sheets.values(), 1):
            row = record(0x00, struct.pack("<IIHBBBI", 0, 0, 300, 0, 0, 0, 0))
            cell = record(0x06, struct.pack("<II", 0, 0) + wide(text))
            archive.writestr(
                f"xl/worksheets/sheet{number}.bin",
                record(0x0181)
                + record(0x0194, struct.pack("<IIII", 0, 0, 0, 0))
                + record(0x0191)
                + row
                + cell
                + record(0x0192)
                + record(0x0182),
            )
    return out.getvalue()


def test_every_sheet_of_an_xlsb_is_read_hidden_ones_too(read):
    texts, gaps = read(xlsb({"Open": ("in the open", 0), "Away": ("märk away", 1), "Deep": ("deep down", 2)}))
    assert (texts["Open"], texts["Away"], texts["Deep"]) == ("in the open", "märk away", "deep down")
    assert not gaps


@pytest.mark.skipif(not ocr.is_available(), reason="tesseract is not installed: no picture was read")
@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", ["upright.png", "turned.png", "scan.pdf"])
def test_pictures_and_scans_are_read(read, name):
    texts, gaps = read((FOLDER / name).read_bytes(), name)
    whole = "\n".join(texts.values())
    assert [said for said in ("4539 5787 6362 1486", "532-48-7291", "jo.doe@acme.test") if said not in whole] == []
    assert not gaps
    assert name != "scan.pdf" or "page two" in texts["page 2#ocr"]
