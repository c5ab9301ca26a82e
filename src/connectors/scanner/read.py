"""From a source to the texts in it. Text files are read as they stand; documents go through extraction."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from connectors.model import Gap, UnitFailure
from connectors.scanner.model import Skipped, Source

if TYPE_CHECKING:
    # Imported where a file needs it: a scan of plain text starts sooner.
    from connectors.extraction import Extraction, Text

MOST = 50 * 2**20
"""Bytes of one file."""

DOCUMENTS = (
    b"PK\x03\x04",  # zip: OOXML, ODF, jar, wheel
    b"%PDF",
    b"\xd0\xcf\x11\xe0",  # OLE: doc, xls, msg
    b"\x1f\x8b",
    b"BZh",
    b"\xfd7zXZ\x00",
    b"7z\xbc\xaf",
    b"\x28\xb5\x2f\xfd",
    b"{\\rtf",
)
"""How files begin that hold texts but are none."""
IMAGES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"II*\x00", b"MM\x00*")
LOOKED_AT = 8_192


def read(source: Source) -> bytes | Skipped:
    """Return the content of a source, or why it is not scanned."""
    if not source.file:
        return source.content
    try:
        with Path(source.file).open("rb") as file:
            data = file.read(MOST + 1)
    except OSError as error:
        return Skipped(source.path, Gap.FETCH_FAILED, error.strerror or "cannot be read")
    if len(data) > MOST:
        return Skipped(source.path, Gap.TOO_LARGE, f"more than {MOST} bytes")
    return data


def plain(data: bytes) -> str | None:
    """Return the text of a text file, or None for anything else."""
    head = data[:LOOKED_AT]
    if b"\0" not in head:
        if head.startswith(DOCUMENTS):
            return None
        try:
            return data.decode()
        except UnicodeDecodeError:
            pass
    from connectors.extraction import charset

    return charset.decode(data) if charset.is_text(data) else None


def document(data: bytes, *, images: bool) -> bool:
    """Tell whether extraction may find texts in a file that is none: by how it begins, tar by its mark."""
    return data.startswith(DOCUMENTS) or data[257:262] == b"ustar" or (images and data.startswith(IMAGES))


def texts(source: Source, data: bytes, extraction: Extraction) -> Iterator[Text | Skipped]:
    """Yield the texts in a document, and what of it was not read."""
    for part in extraction.extract_bytes(data, name=source.path.rsplit("/", 1)[-1]):
        if isinstance(part, UnitFailure):
            path = f"{source.path}!{part.part}" if part.part else source.path
            yield Skipped(path, part.reason, part.detail)
        else:
            yield part
