"""Files packed into OLE objects: OLE 1.0 objects of RTF, and the `Ole10Native` stream of OLE 2."""

from __future__ import annotations

import struct

_EMBEDDED = 2


def from_ole1(data: bytes) -> tuple[str, bytes]:
    """Return the name and the bytes of an OLE 1.0 object ([MS-OLEDS] 2.2); other bytes come back as they are."""
    try:
        version, kind = struct.unpack_from("<II", data)
        if version & 0xFFFF != 0x0501 or kind != _EMBEDDED:
            return "", data
        at = 8
        for _ in range(3):  # class, topic and item names
            (length,) = struct.unpack_from("<I", data, at)
            at += 4 + length
        (size,) = struct.unpack_from("<I", data, at)
    except struct.error:
        return "", data
    native = data[at + 4 : at + 4 + size]
    return _package(native) or ("", native)


def from_stream(data: bytes) -> tuple[str, bytes]:
    """Return the name and the bytes of an `Ole10Native` stream: a size, then the package."""
    return _package(data[4:]) or ("", data[4:])


def _package(data: bytes) -> tuple[str, bytes] | None:
    """Read a Packager object: flags, label, path, flags, path, size, bytes."""
    try:
        if struct.unpack_from("<H", data)[0] != _EMBEDDED:
            return None
        label_end = data.index(b"\0", 2)
        path_end = data.index(b"\0", label_end + 1)
        at = path_end + 5
        (length,) = struct.unpack_from("<I", data, at)
        at += 4 + length
        (size,) = struct.unpack_from("<I", data, at)
    except (struct.error, ValueError):
        return None
    return data[2:label_end].decode("cp1252", "replace"), data[at + 4 : at + 4 + size]
