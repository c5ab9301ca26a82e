"""Outlook messages: every text property, the bodies, and the attachments ([MS-OXMSG])."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

import olefile

from connectors.extraction.extractor import Text
from connectors.extraction.items import Inner, Item, Meter

_MSG = "application/vnd.ms-outlook"
_HTML, _RTF, _DATA, _NAMES = "1013", "1009", "3701", ("3707", "3704", "3001")
_LZFU_START = (
    b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern "
    b"\\fscript \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0"
    b"\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx"
)


def read_message(container: olefile.OleFileIO, streams: Sequence[Sequence[str]], meter: Meter) -> Iterator[Item]:
    """Yield the text properties of a message, of its recipients and of messages in it, then the files."""
    properties: dict[str, dict[str, bytes]] = {}
    for path in streams:
        meter.member()
        if path[-1].startswith("__substg1.0_"):
            with container.openstream(list(path)) as source:
                data = bytes(source.read())
            meter.unpack(len(data))
            properties.setdefault("/".join(path[:-1]), {})[path[-1][12:20].upper()] = data
    for place, values in properties.items():
        if not place.startswith("__nameid"):
            yield from _storage(place, values)


def _storage(place: str, values: dict[str, bytes]) -> Iterator[Item]:
    """Yield one storage's texts as one, then its bodies and its attached file."""
    texts = {key[:4]: _text(key, value) for key, value in values.items() if key.endswith(("001F", "001E"))}
    if shown := "\n".join(text for text in texts.values() if text):
        yield Text(shown, place or "message", _MSG)
    for key, value in values.items():
        tag, kind = key[:4], key[4:]
        if kind != "0102":
            continue
        if tag == _HTML:
            yield Inner(_under(place, "body.html"), value, media_type="text/html")
        elif tag == _RTF:
            yield Inner(_under(place, "body.rtf"), unpack_rtf(value), media_type="application/rtf")
        elif tag == _DATA:
            name = next((texts[tag] for tag in _NAMES if texts.get(tag)), "attachment")
            yield Inner(_under(place, name), value, name=name)


def _under(place: str, name: str) -> str:
    return f"{place}/{name}" if place else name


def _text(key: str, value: bytes) -> str:
    encoding = "utf-16-le" if key.endswith("001F") else "cp1252"
    return value.decode(encoding, "replace").strip("\0")


def unpack_rtf(data: bytes) -> bytes:
    """Unpack compressed RTF ([MS-OXRTFCP] 2.2): a 4 KB ring of what was written, primed with common words."""
    _, size, magic = struct.unpack_from("<III", data)
    if magic == 0x414C454D:
        return data[16 : 16 + size]
    ring = bytearray(_LZFU_START.ljust(4096, b"\0"))
    write, out, at = len(_LZFU_START), bytearray(), 16
    while at < len(data):
        flags, at = data[at], at + 1
        for bit in range(8):
            if not flags >> bit & 1:
                chunk, at = data[at : at + 1], at + 1
            else:
                token = int.from_bytes(data[at : at + 2], "big")
                at += 2
                offset, length = token >> 4, (token & 0xF) + 2
                if offset == write % 4096:
                    return bytes(out)
                chunk = b""
                for step in range(length):
                    byte = ring[(offset + step) % 4096]
                    ring[write % 4096] = byte
                    write += 1
                    out.append(byte)
                continue
            if not chunk:
                return bytes(out)
            ring[write % 4096] = chunk[0]
            write += 1
            out += chunk
    return bytes(out)
