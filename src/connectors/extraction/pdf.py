"""PDF: the text of every page, and what stands beside it: forms, notes, links, properties, attachments."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium

from connectors.extraction import ocr
from connectors.extraction.extractor import Text
from connectors.extraction.items import Inner, Item, Meter, gap
from connectors.model import Gap

_TYPE = "application/pdf"
_PASSWORD = 4
"""FPDF_ERR_PASSWORD of https://pdfium.googlesource.com/pdfium/+/main/public/fpdfview.h"""
_XMP = re.compile(rb"<x:xmpmeta.*?</x:xmpmeta>", re.DOTALL)
_NOTE_KEYS = (b"Contents", b"V", b"T", b"TU", b"RC", b"Subj")
_HYPHEN = "\ufffe"
"""What pdfium makes of a hyphen at the end of a line."""
_LONGEST = 1 << 20
_LOGO = 0.05
"""Pictures on at most this share of a page are logos, no scans or screenshots."""
_PIXELS = 12_000_000
"""What a page is rendered to at most for OCR: a page may claim to be a kilometre wide."""


def read_pdf(data: bytes, meter: Meter) -> Iterator[Item]:
    """Yield each page as `page N`, then forms, notes, properties and attached files."""
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError:
        if pdfium.FPDF_GetLastError() == _PASSWORD:
            yield gap("", Gap.ENCRYPTED, "the PDF has a password")
            return
        yield from _with_pypdf(data, meter)
        return
    try:
        yield from _about(document, data)
        yield from _attachments(document, meter)
        yield from _fields(document, data)
        yield from _pages(document, meter)
    finally:
        document.close()


def _pages(document: pypdfium2.PdfDocument, meter: Meter) -> Iterator[Item]:
    scanned: list[int] = []
    for number in range(1, len(document) + 1):
        meter.page()
        try:
            page = document[number - 1]
        except pypdfium2.PdfiumError:
            yield gap(f"page {number}", Gap.CORRUPT, "the page cannot be loaded")
            continue
        try:
            text = page.get_textpage().get_text_range()
            yield Text(text.replace("\r\n", "\n").replace(_HYPHEN, "-"), f"page {number}", _TYPE)
            if notes := "\n".join(_notes(page)):
                yield Text(notes, f"page {number}#notes", _TYPE)
            if _pictures(page) > _LOGO:
                if ocr.is_available() and meter.ocr_page():
                    yield from ocr.read(_rendered(page), f"page {number}#ocr", meter)
                else:
                    scanned.append(number)
        finally:
            page.close()
    if scanned:
        word = "page" if len(scanned) == 1 else "pages"
        yield gap(f"{word} {_ranges(scanned)}", Gap.NO_TEXT, ocr.why_not(meter))


def _pictures(page: pypdfium2.PdfPage) -> float:
    """Return the share of the page that its pictures cover: a scan, in one or in strips, covers all of it."""
    width, height = page.get_size()
    covered = 0.0
    for picture in page.get_objects(filter=(pdfium.FPDF_PAGEOBJ_IMAGE,), max_depth=3):
        left, bottom, right, top = picture.get_bounds()
        covered += (right - left) * (top - bottom)
    return float(covered / max(width * height, 1.0))


def _rendered(page: pypdfium2.PdfPage) -> bytes:
    """Render a page as a PGM image of about 200 dpi, smaller when the page is huge."""
    width, height = page.get_size()
    scale = min(200 / 72, (_PIXELS / max(width * height, 1)) ** 0.5)
    bitmap = page.render(scale=scale, grayscale=True)
    rows = bytes(bitmap.buffer)
    if bitmap.stride != bitmap.width:
        rows = b"".join(rows[y * bitmap.stride :][: bitmap.width] for y in range(bitmap.height))
    return b"P5 %d %d 255\n" % (bitmap.width, bitmap.height) + rows


def _ranges(numbers: list[int]) -> str:
    """Write page numbers the way people do: 1-4, 7."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ", ".join(f"{first}-{last}" if first < last else str(first) for first, last in spans[:50])


def _about(document: pypdfium2.PdfDocument, data: bytes) -> Iterator[Item]:
    """Yield the document properties, bookmarks and XMP packets."""
    properties = document.get_metadata_dict(skip_empty=True)
    lines = [f"{key}: {value}" for key, value in properties.items() if key not in ("CreationDate", "ModDate")]
    lines += [bookmark.get_title() for bookmark in document.get_toc(max_depth=10)]
    if lines:
        yield Text("\n".join(lines), "#properties", _TYPE)
    for number, match in enumerate(_XMP.finditer(data), 1):
        yield Inner(f"xmp {number}", match.group(), media_type="application/xml")


def _attachments(document: pypdfium2.PdfDocument, meter: Meter) -> Iterator[Item]:
    for number in range(document.count_attachments()):
        meter.member()
        try:
            attachment = document.get_attachment(number)
            body = bytes(attachment.get_data())
        except pypdfium2.PdfiumError:
            yield gap(f"attachment {number + 1}", Gap.CORRUPT, "the attachment cannot be read")
            continue
        meter.unpack(len(body))
        yield Inner(attachment.get_name() or f"attachment {number + 1}", body)


def _notes(page: pypdfium2.PdfPage) -> Iterator[str]:
    """Yield what annotations hold: comments, field values, link targets."""
    for index in range(pdfium.FPDFPage_GetAnnotCount(page)):
        annotation = pdfium.FPDFPage_GetAnnot(page, index)
        if not annotation:
            continue
        try:
            yield from filter(None, (_string(annotation, key) for key in _NOTE_KEYS))
            if uri := _uri(page.pdf, annotation):
                yield uri
        finally:
            pdfium.FPDFPage_CloseAnnot(annotation)


def _string(annotation: Any, key: bytes) -> str:
    size = pdfium.FPDFAnnot_GetStringValue(annotation, key, None, 0)
    if not 2 < size < _LONGEST:
        return ""
    buffer = ctypes.create_string_buffer(size)
    pdfium.FPDFAnnot_GetStringValue(annotation, key, ctypes.cast(buffer, ctypes.POINTER(ctypes.c_ushort)), size)
    return buffer.raw[: size - 2].decode("utf-16-le", "replace")


def _uri(document: pypdfium2.PdfDocument, annotation: Any) -> str:
    link = pdfium.FPDFAnnot_GetLink(annotation)
    action = pdfium.FPDFLink_GetAction(link) if link else None
    size = pdfium.FPDFAction_GetURIPath(document, action, None, 0) if action else 0
    if not 1 < size < _LONGEST:
        return ""
    buffer = ctypes.create_string_buffer(size)
    pdfium.FPDFAction_GetURIPath(document, action, buffer, size)
    return buffer.raw[: size - 1].decode("utf-8", "replace")


def _fields(document: pypdfium2.PdfDocument, data: bytes) -> Iterator[Item]:
    """Yield form fields with their names, by pypdf: pdfium shows a field only through the page that draws it."""
    if document.get_formtype() == pdfium.FORMTYPE_NONE:
        return
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    try:
        found = PdfReader(BytesIO(data)).get_fields() or {}
    except (PyPdfError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RuntimeError) as error:
        # pypdf trips over forms that pdfium draws: the pages are read all the same.
        yield gap("#fields", Gap.CORRUPT, f"the form's fields cannot be read ({type(error).__name__})")
        return
    lines = [f"{name}: {field.get('/V')}" for name, field in found.items() if field.get("/V")]
    if lines:
        yield Text("\n".join(lines), "#fields", _TYPE)


def _with_pypdf(data: bytes, meter: Meter) -> Iterator[Item]:
    """Read a PDF that pdfium refuses: pypdf forgives more."""
    from pypdf import PdfReader

    reader = PdfReader(BytesIO(data), strict=False)
    if reader.is_encrypted and not reader.decrypt(""):
        yield gap("", Gap.ENCRYPTED, "the PDF has a password")
        return
    for number, page in enumerate(reader.pages, 1):
        meter.page()
        yield Text(page.extract_text(), f"page {number}", _TYPE)
