"""Archives: every member is a file of its own, bounded in number, size, ratio and depth."""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from io import BytesIO

from connectors.extraction import bounded
from connectors.extraction.extractor import Text
from connectors.extraction.items import Item, Meter, gap
from connectors.model import Gap

_LOCAL_HEADER = 30
_ENCRYPTED = 0x1
_BROKEN = (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, ValueError, EOFError, struct.error)
_METHODS = frozenset({0, 8, 12, 14})
_TAR_KINDS = {tarfile.LNKTYPE: "hard link", tarfile.SYMTYPE: "link"}


def read_zip(data: bytes, meter: Meter) -> Iterator[Item]:
    """Yield the names, the comment and every member of a ZIP archive."""
    try:
        archive = open_zip(data)
    except _BROKEN:
        yield gap("", Gap.CORRUPT, "the directory of the archive is broken; its members were searched for")
        yield from salvage(data, meter)
        return
    with archive:
        yield from _names([info.filename for info in archive.infolist()])
        if archive.comment:
            yield Text(archive.comment.decode("utf-8", "replace"), "#comment")
        for info in zip_members(archive, meter):
            yield from unpack(archive, info, meter)


def open_zip(data: bytes) -> zipfile.ZipFile:
    """Open a ZIP archive; `BadZipFile` when it is broken or its members lie over one another, which is a bomb."""
    archive = zipfile.ZipFile(BytesIO(data))
    _refuse_overlap(archive.infolist())
    return archive


def zip_members(archive: zipfile.ZipFile, meter: Meter) -> Iterator[zipfile.ZipInfo]:
    """Yield the file members, each charged."""
    for info in archive.infolist():
        meter.member()
        if not info.is_dir():
            yield info


def _refuse_overlap(infos: list[zipfile.ZipInfo]) -> None:
    end = 0
    for info in sorted(infos, key=lambda info: info.header_offset):
        if info.header_offset < end:
            raise zipfile.BadZipFile("members overlap")
        end = info.header_offset + _LOCAL_HEADER + info.compress_size


def unpack(archive: zipfile.ZipFile, info: zipfile.ZipInfo, meter: Meter) -> Iterator[Item]:
    """Yield one member, or the failure that says why it stays closed."""
    if info.flag_bits & _ENCRYPTED:
        yield gap(info.filename, Gap.ENCRYPTED, "the archive member has a password")
    elif info.compress_type not in _METHODS:
        yield gap(info.filename, Gap.UNSUPPORTED_TYPE, f"compression method {info.compress_type}")
    else:
        try:
            stream = archive.open(info)
        except (zipfile.BadZipFile, OSError, ValueError) as error:
            yield gap(info.filename, Gap.CORRUPT, f"opening failed with {type(error).__name__}")
            return
        with stream:
            yield from bounded.member(stream, info.filename, packed=info.compress_size, meter=meter)


def salvage(data: bytes, meter: Meter) -> Iterator[Item]:
    """Yield what can be unpacked member by member when the directory at the end is cut off or wrong."""
    at = 0
    while (at := data.find(b"PK\x03\x04", at)) >= 0 and at + _LOCAL_HEADER <= len(data):
        meter.member()
        flags, method, packed, name_size, extra_size = struct.unpack_from("<6xHH8xI4xHH", data, at)
        start = at + _LOCAL_HEADER + name_size + extra_size
        name = data[at + _LOCAL_HEADER :][:name_size].decode("utf-8", "replace")
        at = start + packed
        if flags & _ENCRYPTED:
            yield gap(name, Gap.ENCRYPTED, "the archive member has a password")
        elif method in (0, 8):
            stream = BytesIO(data[start : start + packed]) if method == 0 else _Deflated(data[start:])
            yield from bounded.member(stream, name, packed=packed or len(data) - start, meter=meter)


class _Deflated:
    """A raw deflate stream that knows its end by itself."""

    def __init__(self, data: bytes) -> None:
        self._rest, self._unpacker = data, zlib.decompressobj(-15)

    def read(self, size: int, /) -> bytes:
        out = self._unpacker.decompress(self._rest, size)
        self._rest = self._unpacker.unconsumed_tail
        return out


def _names(names: list[str]) -> Iterator[Item]:
    """Yield the member names as one text: people write account numbers into file names, too."""
    if names:
        yield Text("\n".join(names).encode("utf-8", "replace").decode(), "#names")


def read_tar(data: bytes, meter: Meter) -> Iterator[Item]:
    """Yield the names and every file of a TAR archive. Links are names, nothing is followed."""
    names: list[str] = []
    try:
        with tarfile.open(fileobj=BytesIO(data), mode="r:") as archive:
            for info in archive:
                meter.member()
                names.append(f"{info.name} -> {info.linkname}" if info.type in _TAR_KINDS else info.name)
                stream = archive.extractfile(info) if info.isreg() else None
                if stream is not None:
                    yield from bounded.member(stream, info.name, packed=len(data), meter=meter)
    finally:
        names = names[: meter.budget.members]
    yield from _names(names)


def read_gzip(data: bytes, meter: Meter) -> Iterator[Item]:
    """Yield the file that gzip packed."""
    with gzip.GzipFile(fileobj=BytesIO(data)) as stream:
        yield from bounded.member(stream, "", packed=len(data), meter=meter)


def read_bzip2(data: bytes, meter: Meter) -> Iterator[Item]:
    """Yield the file that bzip2 packed."""
    with bz2.BZ2File(BytesIO(data)) as stream:
        yield from bounded.member(stream, "", packed=len(data), meter=meter)


def read_xz(data: bytes, meter: Meter) -> Iterator[Item]:
    """Yield the file that xz or lzma packed."""
    with lzma.LZMAFile(BytesIO(data)) as stream:
        yield from bounded.member(stream, "", packed=len(data), meter=meter)


def read_zstd(data: bytes, meter: Meter) -> Iterator[Item]:
    """Yield the file that zstd packed."""
    try:
        from compression import zstd  # type: ignore[import-not-found,unused-ignore] # from Python 3.14
    except ImportError:
        from backports import zstd
    with zstd.ZstdFile(BytesIO(data)) as stream:
        yield from bounded.member(stream, "", packed=len(data), meter=meter)


def read_ar(data: bytes, meter: Meter) -> Iterator[Item]:
    """Yield the members of a Unix archive: Debian packages, static libraries."""
    at = 8
    while len(header := data[at : at + 60]) == 60 and header[58:] == b"`\n":
        meter.member()
        size = int(header[48:58])
        name = header[:16].decode("ascii", "replace").strip().rstrip("/")
        body = data[at + 60 : at + 60 + size]
        yield from bounded.member(BytesIO(body), name or "member", packed=size, meter=meter)
        at += 60 + size + size % 2


def read_7z(data: bytes, meter: Meter) -> Iterator[Item]:
    """Yield the members of a 7z archive, when the extra that reads them is installed."""
    try:
        from connectors.extraction.sevenzip import read_7z as read
    except ImportError:
        yield gap("", Gap.UNSUPPORTED_TYPE, "7z archives need the extra: pip install 'connectors[sevenzip]'")
        return
    yield from read(data, meter)
