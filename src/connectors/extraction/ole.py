"""OLE containers: Word 97, PowerPoint 97, Excel 97, macros, packed files, and text in streams nobody names."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from io import BytesIO

import olefile

from connectors.extraction import ole_native, outlook, sheets, vba
from connectors.extraction.extractor import Text
from connectors.extraction.items import Inner, Item, Meter, gap
from connectors.model import Gap

_DOC, _PPT = "application/msword", "application/vnd.ms-powerpoint"
_RUNS = re.compile(rb"(?:[\x20-\x7e\t]\x00){5,}|[\x20-\x7e\t]{6,}")
_MARKS = {0x0D: "\n", 0x0B: "\n", 0x0C: "\n", 0x07: "\t", 0x13: " ", 0x14: " ", 0x15: " ", 0x01: None,
          0x08: None, 0x02: None, 0x05: None}  # fmt: skip
_KNOWN = ("WordDocument", "0Table", "1Table", "Workbook", "Book", "PowerPoint Document", "Current User",
          "Pictures", "Data", "Ole10Native", "CompObj", "ObjInfo", "PROJECT", "_VBA_PROJECT", "dir",
          "EncryptedPackage", "EncryptionInfo")  # fmt: skip
_STREAM_LIMIT = 64 << 20


def read_ole(data: bytes, meter: Meter) -> Iterator[Item]:
    """Yield the text of every stream of an OLE container that holds any."""
    with olefile.OleFileIO(BytesIO(data)) as container:
        streams = container.listdir(streams=True, storages=False)
        if any(path[-1].startswith("__properties_version1.0") for path in streams):
            yield from outlook.read_message(container, streams, meter)
            return
        yield from _properties(container)
        if ["Workbook"] in streams or ["Book"] in streams:
            yield from sheets.read_calamine(data, meter)
        for path in streams:
            meter.member()
            yield from _stream(container, path, meter)


def stream(container: olefile.OleFileIO, path: list[str], meter: Meter) -> bytes:
    """Read one stream within the budget; a broken one is as long as its chain goes."""
    with container.openstream(path) as source:
        data = bytes(source.read(_STREAM_LIMIT))
    meter.unpack(len(data))
    return data


def _properties(container: olefile.OleFileIO) -> Iterator[Item]:
    found = container.get_metadata()
    values = [getattr(found, name, None) for name in (*found.SUMMARY_ATTRIBS, *found.DOCSUM_ATTRIBS)]
    texts = [_as_text(value) for value in values if isinstance(value, bytes | str)]
    texts += _own_properties(container)
    if shown := "\n".join(text for text in texts if text):
        yield Text(shown, "#properties")


_PROPERTIES = "\x05DocumentSummaryInformation"


def _own_properties(container: olefile.OleFileIO) -> list[str]:
    """Return the strings of the properties that a user added: the second section, which olefile leaves out.

    [MS-OLEPS] 2.21 has the layout: a header of 28 bytes, then an identifier and an offset per section.
    """
    if not container.exists(_PROPERTIES):
        return []
    with container.openstream(_PROPERTIES) as source:
        data = bytes(source.read(_STREAM_LIMIT))
    if len(data) < 68 or struct.unpack_from("<I", data, 24)[0] < 2:
        return []
    (start,) = struct.unpack_from("<I", data, 64)
    return strings(data[start:]).splitlines()


def _as_text(value: bytes | str) -> str:
    text = value.decode("cp1252", "replace") if isinstance(value, bytes) else value
    return text.strip("\0 ")


def _stream(container: olefile.OleFileIO, path: list[str], meter: Meter) -> Iterator[Item]:
    name, shown = path[-1].lstrip("\x01\x02\x03\x05"), "/".join(path)
    data = stream(container, path, meter)
    if name == "WordDocument":
        yield from _word(container, path, data, meter)
    elif name == "PowerPoint Document":
        yield Text("\n".join(_slides(data, meter)), shown, _PPT)
    elif name == "Ole10Native":
        label, inner = ole_native.from_stream(data)
        yield Inner(label or shown, inner)
    elif name in ("Package", "CONTENTS"):
        yield Inner(shown, data)
    elif "VBA" in path and (source := vba.source(data)):
        yield Text(source, shown, "text/x-vba")
    elif _is_scanned(name) and (text := strings(data)):
        yield Text(text, f"{shown}#strings")


def _is_scanned(name: str) -> bool:
    """Say whether a stream is searched for readable runs: workbooks for comments, and what has no reader."""
    return name in ("Workbook", "Book") or (name not in _KNOWN and not name.endswith("SummaryInformation"))


def strings(data: bytes) -> str:
    """Return the runs of readable characters in `data`, in UTF-16 or one byte each."""
    runs = (match.group() for match in _RUNS.finditer(data))
    return "\n".join(run.replace(b"\0", b"").decode("ascii") for run in runs)


def _word(container: olefile.OleFileIO, path: list[str], data: bytes, meter: Meter) -> Iterator[Item]:
    """Yield the text of a Word 97 document by its piece table ([MS-DOC] 2.4.1), all stories in one."""
    shown = "/".join(path)
    flags = struct.unpack_from("<H", data, 0x0A)[0]
    if flags & 0x0100:
        yield gap(shown, Gap.ENCRYPTED, "the document has a password")
        return
    table = [*path[:-1], "1Table" if flags & 0x0200 else "0Table"]
    if container.exists(table):
        start, size = struct.unpack_from("<II", data, 0x01A2)
        clx = stream(container, table, meter)[start : start + size]
        text = "".join(_pieces(data, clx)).translate(_MARKS)
    else:
        text = strings(data)
    yield Text(text, shown, _DOC)


def _pieces(data: bytes, clx: bytes) -> Iterator[str]:
    at = 0
    while at < len(clx) and clx[at] == 1:
        at += 3 + struct.unpack_from("<H", clx, at + 1)[0]
    if clx[at : at + 1] != b"\x02":
        raise ValueError("no piece table")
    (size,) = struct.unpack_from("<I", clx, at + 1)
    plc = clx[at + 5 : at + 5 + size]
    count = (len(plc) - 4) // 12
    ends = struct.unpack_from(f"<{count + 1}I", plc)
    for index in range(count):
        (place,) = struct.unpack_from("<I", plc, 4 * (count + 1) + 8 * index + 2)
        length = max(ends[index + 1] - ends[index], 0)
        if place & 0x40000000:
            start = (place & 0x3FFFFFFF) // 2
            yield data[start : start + length].decode("cp1252", "replace")
        else:
            yield data[place : place + 2 * length].decode("utf-16-le", "replace")


def _slides(data: bytes, meter: Meter) -> Iterator[str]:
    """Yield the text atoms of a PowerPoint 97 stream ([MS-PPT] 2.3.1), notes and deleted slides included."""
    at = 0
    while at + 8 <= len(data):
        meter.tick()
        options, kind, size = struct.unpack_from("<HHI", data, at)
        at += 8
        if options & 0xF == 0xF or kind == 0x138B:
            continue  # a container, or a tag that packs one, such as a comment's: its records follow
        body = data[at : at + size]
        if kind in (0x0FA0, 0x0FBA):
            yield body.decode("utf-16-le", "replace").replace("\r", "\n")
        elif kind == 0x0FA8:
            yield body.decode("latin-1").replace("\r", "\n")
        at += size
