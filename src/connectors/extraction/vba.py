"""Source of Office macros, unpacked from its run-length coding ([MS-OVBA] 2.4.1)."""

from __future__ import annotations

import struct

_FIRST_LINE = b"\x00Attribut"
_CHUNK = 4096


def source(data: bytes) -> str:
    """Return the source in a module stream; empty when there is none. Every module opens with `Attribute`."""
    start = data.find(_FIRST_LINE)
    if start < 3:
        return ""
    return _unpack(data[start - 3 :]).decode("cp1252", "replace")


def _unpack(data: bytes) -> bytes:
    out, at = bytearray(), 1
    while at + 2 <= len(data):
        (header,) = struct.unpack_from("<H", data, at)
        end = at + 3 + (header & 0x0FFF)
        if header & 0x8000:
            _chunk(data[at + 2 : end], out)
        else:
            out += data[at + 2 : end]
        at = end
    return bytes(out)


def _chunk(data: bytes, out: bytearray) -> None:
    """Unpack one chunk: a flag byte, then eight literals or copies of what the chunk has written so far."""
    start, at = len(out), 0
    while at < len(data):
        flags, at = data[at], at + 1
        for bit in range(8):
            if at >= len(data) or len(out) - start > _CHUNK:
                return
            if not flags >> bit & 1:
                out.append(data[at])
                at += 1
            elif at + 2 <= len(data):
                _copy(struct.unpack_from("<H", data, at)[0], out, written=len(out) - start)
                at += 2
            else:
                return


def _copy(token: int, out: bytearray, *, written: int) -> None:
    bits = max((written - 1).bit_length(), 4)
    length = (token & (0xFFFF >> bits)) + 3
    offset = (token >> (16 - bits)) + 1
    for _ in range(length if offset <= len(out) else 0):
        out.append(out[-offset])
