"""Texts and position in EXIF and TIFF directories (https://www.cipa.jp/std/documents/e/DC-X008-Translation-2019-E.pdf)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1, 9: 4, 10: 8}
_ASCII, _RATIONAL, _UNDEFINED = 2, 5, 7
_SUB_DIRECTORIES = (0x8769, 0x8825, 0xA005)
_USER_COMMENT = 0x9286
_WINDOWS = range(0x9C9B, 0x9CA0)
"""Title, comment, author, keywords and subject as Windows writes them, in UTF-16."""
_LATITUDE, _LONGITUDE, _GPS = 2, 4, 0x8825
_MOST_ENTRIES, _MOST_DIRECTORIES, _LONGEST = 1_000, 64, 1 << 16


def texts(data: bytes) -> Iterator[str]:
    """Yield the texts and the position that the directories of a TIFF structure hold."""
    order = {b"II": "<", b"MM": ">"}.get(data[:2], "")
    if not order or len(data) < 8:
        return
    seen: set[int] = set()
    waiting = [(struct.unpack_from(f"{order}I", data, 4)[0], 0)]
    while waiting and len(seen) < _MOST_DIRECTORIES:
        start, parent = waiting.pop()
        if start in seen:
            continue
        seen.add(start)
        for tag, kind, value in _entries(data, start, order):
            if tag in _SUB_DIRECTORIES and len(value) == 4:
                waiting.append((struct.unpack(f"{order}I", value)[0], tag))
            elif text := _text(tag, kind, value, order, parent):
                yield text


def _entries(data: bytes, start: int, order: str) -> Iterator[tuple[int, int, bytes]]:
    try:
        (total,) = struct.unpack_from(f"{order}H", data, start)
        for index in range(min(total, _MOST_ENTRIES)):
            at = start + 2 + 12 * index
            tag, kind, count = struct.unpack_from(f"{order}HHI", data, at)
            size = _SIZES.get(kind, 0) * count
            place = at + 8 if size <= 4 else struct.unpack_from(f"{order}I", data, at + 8)[0]
            yield tag, kind, data[place : place + min(size, _LONGEST)]
    except struct.error:
        return


def _text(tag: int, kind: int, value: bytes, order: str, parent: int) -> str:
    if tag in _WINDOWS:
        return value.decode("utf-16-le", "replace").strip("\0")
    if tag == _USER_COMMENT:
        return _comment(value, order)
    if kind == _ASCII:
        return value.decode("utf-8", "replace").strip("\0 ")
    if kind == _RATIONAL and parent == _GPS and tag in (_LATITUDE, _LONGITUDE):
        return _degrees("latitude" if tag == _LATITUDE else "longitude", value, order)
    return ""


def _comment(value: bytes, order: str) -> str:
    """Decode a user comment: eight bytes name its character code."""
    code, text = value[:8], value[8:]
    if code.startswith(b"UNICODE"):
        return text.decode("utf-16-le" if order == "<" else "utf-16-be", "replace").strip("\0 ")
    return text.decode("utf-8", "replace").strip("\0 ")


def _degrees(name: str, value: bytes, order: str) -> str:
    if len(value) < 24:
        return ""
    numbers = struct.unpack_from(f"{order}6I", value)
    parts = [numbers[index] / (numbers[index + 1] or 1) for index in (0, 2, 4)]
    return f"GPS {name}: {parts[0] + parts[1] / 60 + parts[2] / 3600:.6f}"
