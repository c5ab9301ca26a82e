"""Pictures: their metadata without decoding a pixel, and their text by OCR."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator

from connectors.extraction import exif, ocr
from connectors.extraction.extractor import Text
from connectors.extraction.items import Item, Meter, gap
from connectors.model import Gap

_XMP = re.compile(rb"<x:xmpmeta.*?</x:xmpmeta>", re.DOTALL)
_TEXT_LIMIT = 4 << 20
_PIXELS = 100_000_000
_SMALL = 24
"""Icons and spacers up to this many pixels a side hold no text, and no gap is worth a line about them."""


def read_image(data: bytes, meter: Meter) -> Iterator[Item]:
    """Yield the texts in a picture's metadata, then the text in the picture itself."""
    told = dict.fromkeys(filter(None, (text.strip() for text in _metadata(data))))
    if told:
        yield Text("\n".join(told), "#metadata", "image/metadata")
    width, height = _size(data)
    if max(width, height) <= _SMALL and width:
        return
    if width * height > _PIXELS:
        yield gap("", Gap.BUDGET, f"over the budget of {_PIXELS} pixels for OCR")
    elif ocr.is_available() and meter.ocr_page():
        yield from ocr.read(data, "", meter)
    else:
        yield gap("", Gap.NO_TEXT, ocr.why_not(meter))


def _metadata(data: bytes) -> Iterator[str]:
    if data.startswith(b"\x89PNG"):
        yield from _png(data)
    elif data.startswith(b"\xff\xd8"):
        yield from _jpeg(data)
    elif data.startswith(b"RIFF"):
        yield from _webp(data)
    elif data.startswith((b"II*\0", b"MM\0*")):
        yield from exif.texts(data)
    elif data.startswith(b"GIF8"):
        yield from _gif(data)
    for packet in _XMP.findall(data):
        yield packet.decode("utf-8", "replace")


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 8
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        yield kind, data[at + 8 : at + 8 + size]
        at += 12 + size


def _png(data: bytes) -> Iterator[str]:
    """Yield the text chunks (https://www.w3.org/TR/png-3/#11textinfo), and what hides behind the end."""
    for kind, body in _png_chunks(data):
        key, _, rest = body.partition(b"\0")
        name = key.decode("latin-1")
        if kind == b"tEXt":
            yield f"{name}: {rest.decode('latin-1')}"
        elif kind == b"zTXt":
            yield f"{name}: {_inflate(rest[1:]).decode('latin-1')}"
        elif kind == b"iTXt" and len(rest) > 2:
            yield f"{name}: {_international(rest)}"
        elif kind == b"eXIf":
            yield from exif.texts(body)
        elif kind == b"IEND":
            return


def _international(rest: bytes) -> str:
    is_packed = rest[0] == 1
    text = rest[2:].split(b"\0", 2)[-1]
    return (_inflate(text) if is_packed else text).decode("utf-8", "replace")


def _inflate(data: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, _TEXT_LIMIT)
    except zlib.error:
        return b""


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xDA:
        (size,) = struct.unpack_from(">H", data, at + 2)
        yield data[at + 1], data[at + 4 : at + 2 + size]
        at += 2 + max(size, 2)


def _jpeg(data: bytes) -> Iterator[str]:
    """Yield comments, EXIF texts and IPTC captions."""
    for marker, body in _jpeg_segments(data):
        if marker == 0xFE:
            yield body.decode("utf-8", "replace")
        elif marker == 0xE1 and body.startswith(b"Exif\0\0"):
            yield from exif.texts(body[6:])
        elif marker == 0xED:
            yield from _iptc(body)


def _iptc(body: bytes) -> Iterator[str]:
    """Yield the application records (IIM 4.2: 0x1C, record 2, data set, size)."""
    for match in re.finditer(rb"\x1c\x02[\x00-\xff]", body):
        start = match.end() + 2
        (size,) = struct.unpack(">H", body[match.end() : start].rjust(2, b"\0"))
        if 2 < size < 0x8000:
            yield body[start : start + size].decode("utf-8", "replace")


def _webp(data: bytes) -> Iterator[str]:
    at = 12
    while at + 8 <= len(data):
        kind, size = struct.unpack_from("<4sI", data, at)
        if kind == b"EXIF":
            yield from exif.texts(data[at + 8 : at + 8 + size].removeprefix(b"Exif\0\0"))
        at += 8 + size + size % 2


def _gif(data: bytes) -> Iterator[str]:
    """Yield comment extensions: 0x21 0xFE, then blocks with a size byte each."""
    for match in re.finditer(rb"\x21\xfe", data):
        at, blocks = match.end(), []  # type: int, list[bytes]
        while at < len(data) and data[at]:
            blocks.append(data[at + 1 : at + 1 + data[at]])
            at += 1 + data[at]
        text = b"".join(blocks)
        if text and not text.translate(None, bytes(range(9, 127))):
            yield text.decode("ascii")


def _size(data: bytes) -> tuple[int, int]:
    """Return width and height as the header states them; zeros when it is not understood."""
    try:
        if data.startswith(b"\x89PNG"):
            return struct.unpack_from(">II", data, 16)
        if data.startswith(b"GIF8"):
            return struct.unpack_from("<HH", data, 6)
        if data.startswith(b"BM"):
            width, height = struct.unpack_from("<ii", data, 18)
            return abs(width), abs(height)
        if data.startswith(b"\xff\xd8"):
            return _jpeg_size(data)
    except struct.error:
        pass
    return 0, 0


def _jpeg_size(data: bytes) -> tuple[int, int]:
    for marker, body in _jpeg_segments(data):
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", body, 1)
            return width, height
    return 0, 0
