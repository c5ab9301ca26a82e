"""Small documents built in code, for tests of extraction and redaction: nothing binary rests in the repository."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from xml.sax.saxutils import escape

_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_A = "http://schemas.openxmlformats.org/drawingml/2006/main"
_R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
_TYPES = (
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="xml" ContentType="application/xml"/></Types>'
)


def zip_of(parts: Mapping[str, str | bytes], *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a ZIP archive of the named parts."""
    out = BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, body in parts.items():
            archive.writestr(name, body)
    return out.getvalue()


def word(xml: str) -> str:
    """Return a WordprocessingML part with `xml` as its body."""
    return f'<?xml version="1.0"?><w:document xmlns:w="{_W}" xmlns:r="{_R}"><w:body>{xml}</w:body></w:document>'


def paragraph(*runs: str) -> str:
    """Return a Word paragraph with one run per string."""
    return "<w:p>" + "".join(f"<w:r><w:t>{escape(run)}</w:t></w:r>" for run in runs) + "</w:p>"


def docx(*paragraphs: str, extra: Mapping[str, str | bytes] | None = None) -> bytes:
    """Return a Word document with one paragraph per string, and `extra` parts."""
    body = "".join(text if text.startswith("<w:") else paragraph(text) for text in paragraphs)
    return zip_of({"[Content_Types].xml": _TYPES, "word/document.xml": word(body), **(extra or {})})


def xlsx(
    sheets: Mapping[str, Sequence[Sequence[str | int | float]]],
    *,
    styles: str = "",
    extra: Mapping[str, str | bytes] | None = None,
) -> bytes:
    """Return a workbook with inline numbers and shared strings. A cell `(style, number)` is not offered here:
    give `styles` and write the sheet part through `extra` for that.
    """
    strings: list[str] = []
    parts: dict[str, str | bytes] = {"[Content_Types].xml": _TYPES}
    names, relations = [], []
    for index, (name, rows) in enumerate(sheets.items(), 1):
        parts[f"xl/worksheets/sheet{index}.xml"] = _sheet(rows, strings)
        names.append(f'<sheet name="{escape(name)}" sheetId="{index}" r:id="rId{index}"/>')
        relations.append(f'<Relationship Id="rId{index}" Target="worksheets/sheet{index}.xml"/>')
    relations.append('<Relationship Id="rIdS" Target="sharedStrings.xml"/>')
    shared = "".join(f"<si><t>{escape(text)}</t></si>" for text in strings)
    parts["xl/workbook.xml"] = f'<workbook xmlns="{SHEET}" xmlns:r="{_R}"><sheets>{"".join(names)}</sheets></workbook>'
    parts["xl/_rels/workbook.xml.rels"] = f'<Relationships xmlns="{_PACKAGE}">{"".join(relations)}</Relationships>'
    parts["xl/sharedStrings.xml"] = f'<sst xmlns="{SHEET}">{shared}</sst>'
    if styles:
        parts["xl/styles.xml"] = f'<styleSheet xmlns="{SHEET}">{styles}</styleSheet>'
    return zip_of({**parts, **(extra or {})})


def _sheet(rows: Sequence[Sequence[str | int | float]], strings: list[str]) -> str:
    lines = []
    for number, row in enumerate(rows, 1):
        cells = []
        for index, value in enumerate(row):
            place = f"{chr(65 + index)}{number}"
            if isinstance(value, str):
                strings.append(value)
                cells.append(f'<c r="{place}" t="s"><v>{len(strings) - 1}</v></c>')
            else:
                cells.append(f'<c r="{place}"><v>{value!r}</v></c>')
        lines.append(f'<row r="{number}">{"".join(cells)}</row>')
    return f'<worksheet xmlns="{SHEET}"><sheetData>{"".join(lines)}</sheetData></worksheet>'


def pptx(*slides: str, notes: Sequence[str] = ()) -> bytes:
    """Return a presentation with one text per slide, and speaker notes."""
    parts: dict[str, str | bytes] = {"[Content_Types].xml": _TYPES, "ppt/presentation.xml": "<p/>"}
    for index, text in enumerate(slides, 1):
        parts[f"ppt/slides/slide{index}.xml"] = _slide(text)
    for index, text in enumerate(notes, 1):
        parts[f"ppt/notesSlides/notesSlide{index}.xml"] = _slide(text)
    return zip_of(parts)


def _slide(text: str) -> str:
    return f'<sld xmlns:a="{_A}"><a:p><a:r><a:t>{escape(text)}</a:t></a:r></a:p></sld>'


def odt(*paragraphs: str) -> bytes:
    """Return an OpenDocument text."""
    body = "".join(f"<text:p>{escape(text)}</text:p>" for text in paragraphs)
    space = 'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"'
    return zip_of(
        {
            "mimetype": "application/vnd.oasis.opendocument.text",
            "content.xml": f"<document {space}>{body}</document>",
        },
        method=zipfile.ZIP_STORED,
    )


def pdf(*pages: str, attachment: tuple[str, bytes] | None = None, extra: str = "") -> bytes:
    """Return a PDF with one line of text per page. `extra` goes into the dictionary of every page."""
    objects = ["", "", "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"]
    kids = []
    for text in pages:
        stream = f"BT /F1 12 Tf 72 720 Td ({_pdf_string(text)}) Tj ET"
        objects.append(f"<</Length {len(stream)}>>stream\n{stream}\nendstream")
        objects.append(
            f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Resources<</Font<</F1 3 0 R>>>>"
            f"/Contents {len(objects)} 0 R{extra}>>"
        )
        kids.append(f"{len(objects)} 0 R")
    names = ""
    if attachment is not None:
        name, body = attachment
        objects.append(f"<</Type/EmbeddedFile/Length {len(body)}>>stream\n{body.decode('latin-1')}\nendstream")
        objects.append(f"<</Type/Filespec/F({name})/UF({name})/EF<</F {len(objects)} 0 R>>>>")
        names = f"/Names<</EmbeddedFiles<</Names[({name}) {len(objects)} 0 R]>>>>"
    objects[0] = f"<</Type/Catalog/Pages 2 0 R{names}>>"
    objects[1] = f"<</Type/Pages/Count {len(pages)}/Kids[{' '.join(kids)}]>>"
    return pdf_file(objects)


def _pdf_string(text: str) -> str:
    return text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")


def pdf_file(objects: Sequence[str]) -> bytes:
    """Return a PDF of the given objects, the first of which is the catalog."""
    out = bytearray(b"%PDF-1.7\n")
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n".encode("latin-1")
    start = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    out += b"".join(f"{place:010d} 00000 n \n".encode() for place in places)
    out += f"trailer<</Size {len(objects) + 1}/Root 1 0 R>>\nstartxref\n{start}\n%%EOF".encode()
    return bytes(out)


def png(*, width: int = 64, height: int = 64, texts: Mapping[str, str] | None = None) -> bytes:
    """Return a grey picture with text chunks."""
    rows = zlib.compress((b"\0" + b"\x80" * width) * height)
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))]
    chunks += [(b"tEXt", f"{key}\0{text}".encode("latin-1")) for key, text in (texts or {}).items()]
    chunks += [(b"IDAT", rows), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


def ole(streams: Mapping[str, bytes]) -> bytes:
    """Return an OLE container with the named streams; `Macros/VBA/Module` stands in storages of its own.

    Streams are kept out of the mini stream, whose border is 4096 bytes, by padding: readers see a smaller one
    with trailing NULs.
    """
    sectors: list[bytes] = []
    chain: list[int] = []
    entries = [_Entry("Root Entry", 5)]
    for path, body in streams.items():
        *storages, name = path.split("/")
        parent = 0
        for storage in storages:
            parent = _ole_child(entries, parent, storage, 1)
        entry = entries[_ole_child(entries, parent, name, 2)]
        entry.start, entry.size = len(sectors), max(len(body), 4096)
        _ole_append(sectors, chain, body.ljust(entry.size, b"\0"))
    directory_start = len(sectors)
    _ole_append(sectors, chain, b"".join(entry.packed() for entry in entries))
    fat_sectors = -(-(len(chain) + 1) // 127)
    fat_start = len(sectors)
    chain += [0xFFFFFFFD] * fat_sectors
    fat = struct.pack(f"<{len(chain)}I", *chain).ljust(fat_sectors * 512, b"\xff")
    header = struct.pack(
        "<8s16xHHHHH6xIIIIIIIII",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 0x3E, 3, 0xFFFE, 9, 6, 0, fat_sectors, directory_start, 0, 4096,
        _END, 0, _END, 0,
    )  # fmt: skip
    difat = [*range(fat_start, fat_start + fat_sectors)]
    table = struct.pack("<109I", *(difat + [_NONE] * (109 - len(difat))))
    return header + table + b"".join(sectors) + fat


_NONE, _END = 0xFFFFFFFF, 0xFFFFFFFE


@dataclass
class _Entry:
    """One entry of the directory; the children of a storage hang on one another's right."""

    name: str
    kind: int
    child: int = _NONE
    right: int = _NONE
    start: int = _END
    size: int = 0

    def packed(self) -> bytes:
        name = (self.name + "\0").encode("utf-16-le")
        return struct.pack(
            "<64sHBBIII16xIQQIQ",
            name, len(name), self.kind, 1, _NONE, self.right, self.child, 0, 0, 0, self.start, self.size,
        )  # fmt: skip


def _ole_child(entries: list[_Entry], parent: int, name: str, kind: int) -> int:
    """Return the index of a child, made when it is not there yet."""
    index, last = entries[parent].child, _NONE
    while index != _NONE:
        if entries[index].name == name:
            return index
        index, last = entries[index].right, index
    entries.append(_Entry(name, kind))
    if last == _NONE:
        entries[parent].child = len(entries) - 1
    else:
        entries[last].right = len(entries) - 1
    return len(entries) - 1


def _ole_append(sectors: list[bytes], chain: list[int], body: bytes) -> None:
    start = len(sectors)
    padded = body.ljust(-(-len(body) // 512) * 512, b"\0")
    sectors += [padded[at : at + 512] for at in range(0, len(padded), 512)]
    chain += [*range(start + 1, len(sectors)), _END]
