"""The messages between a caller and its sandbox process: a JSON header and a body of bytes.

The process behind a frame has parsed hostile bytes, so nothing that comes from it is unpickled or trusted.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import Any

from connectors.extraction.extractor import Text
from connectors.model import Gap, UnitFailure

_SIZES = struct.Struct("!II")
_HEADER_LIMIT = 256 << 20
Bytes = bytes | bytearray
BODY_LIMIT = (1 << 32) - 1


class BadFrame(Exception):
    """The other side sent what no frame looks like."""


def pack(header: dict[str, Any], body: bytes = b"") -> tuple[bytes, bytes]:
    """Encode one frame, to be written in these two pieces: joining them would copy a large body."""
    head = json.dumps(header, separators=(",", ":")).encode()
    return _SIZES.pack(len(head), len(body)) + head, body


def unpack(read: Callable[[int], Bytes], *, limit: int = BODY_LIMIT) -> tuple[dict[str, Any], Bytes]:
    """Read one frame by `read(size)`, which returns exactly `size` bytes or raises `EOFError`."""
    head_size, body_size = _SIZES.unpack(read(_SIZES.size))
    if head_size > _HEADER_LIMIT or body_size > limit:
        raise BadFrame
    try:
        header = json.loads(read(head_size))
    except (ValueError, RecursionError):
        raise BadFrame from None
    if not isinstance(header, dict):
        raise BadFrame
    return header, read(body_size)


def pack_item(item: Text | UnitFailure) -> tuple[bytes, bytes]:
    """Encode one result."""
    if isinstance(item, UnitFailure):
        return pack({"kind": "gap", "part": item.part, "reason": item.reason, "detail": item.detail})
    header = {
        "kind": "text",
        "path": item.path,
        "media_type": item.media_type,
        "columns": item.columns,
        "rows": item.rows,
        "delimiter": item.delimiter,
        "mismatch": item.mismatch,
    }
    return pack(header, item.text.encode("utf-8", "replace"))


def to_item(header: dict[str, Any], body: Bytes) -> Text | UnitFailure:
    """Decode one result, checking every field."""
    try:
        if header["kind"] == "gap":
            return UnitFailure(str(header["part"]), Gap(header["reason"]), str(header["detail"]))
        return Text(
            body.decode("utf-8", "replace"),
            str(header["path"]),
            str(header["media_type"]),
            columns=tuple(map(str, header["columns"])),
            rows=tuple(map(int, header["rows"])),
            delimiter=str(header["delimiter"]),
            mismatch=str(header["mismatch"]),
        )
    except (KeyError, TypeError, ValueError):
        raise BadFrame from None
