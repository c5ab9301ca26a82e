"""7z archives, by the optional py7zr. Imported only when such an archive is met."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

import py7zr
from py7zr.io import Py7zIO, WriterFactory

from connectors.extraction.items import Inner, Item, Meter, OverBudget, gap
from connectors.model import Gap


class _Member(Py7zIO):
    """One member being unpacked, charged as it grows."""

    def __init__(self, meter: Meter, limit: int) -> None:
        self._meter, self._limit = meter, limit
        self.data = bytearray()

    def write(self, data: bytes | bytearray) -> int:
        self._meter.unpack(len(data))
        if len(self.data) + len(data) > self._limit:
            raise OverBudget("ratio", self._meter.budget.ratio)
        self.data += data
        return len(data)

    def read(self, size: int | None = None) -> bytes:
        return bytes(self.data[:size])

    def seek(self, offset: int, whence: int = 0) -> int:
        return offset + whence

    def flush(self) -> None:
        """Nothing waits."""

    def size(self) -> int:
        return len(self.data)


class _Members(WriterFactory):
    def __init__(self, meter: Meter, limit: int) -> None:
        self._meter, self._limit = meter, limit
        self.made: dict[str, _Member] = {}

    def create(self, filename: str) -> _Member:
        self._meter.member()
        self.made[filename] = _Member(self._meter, self._limit)
        return self.made[filename]


def read_7z(data: bytes, meter: Meter) -> Iterator[Item]:
    """Yield every member of a 7z archive; what was unpacked before a budget ended is kept."""
    members = _Members(meter, max(len(data) * meter.budget.ratio, 1 << 20))
    ended: OverBudget | None = None
    try:
        with py7zr.SevenZipFile(BytesIO(data)) as archive:
            if archive.needs_password():
                yield gap("", Gap.ENCRYPTED, "the archive has a password")
                return
            archive.extractall(factory=members)
    except py7zr.PasswordRequired:
        yield gap("", Gap.ENCRYPTED, "the archive has a password")
        return
    except OverBudget as error:
        ended = error
    for name, member in members.made.items():
        yield Inner(name, bytes(member.data), cut=ended is not None)
    if ended is not None:
        raise ended
