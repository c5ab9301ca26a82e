"""What the scanner passes around: sources of text, and what was found in them."""

from __future__ import annotations

from dataclasses import dataclass, field

from connectors.export.record import Region
from connectors.model import Confidence, Gap, Severity


@dataclass(frozen=True, slots=True)
class Source:
    """One thing to scan: a file on disk, or bytes or lines taken from a git object.

    `path` is relative, with slashes, as reports show it. `lines` limits findings to these lines (1-based) of the
    content: those that a commit adds. `numbers` maps lines of the content to lines of the file.
    """

    path: str
    file: str = ""
    """Where to read it; empty when `content` holds it."""
    content: bytes = field(default=b"", repr=False)
    commit: str = ""
    author: str = ""
    date: str = ""
    lines: frozenset[int] | None = field(default=None, repr=False)
    numbers: tuple[int, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Found:
    """One value found in a file. Holds a redacted preview, never the value.

    `print` is its stable fingerprint: the same after lines move, another one in another file.
    `inner` is the path inside an archive or document.
    """

    path: str
    detector: str
    name: str
    family: str
    confidence: Confidence
    severity: Severity
    preview: str
    print: str
    region: Region | None = None
    inner: str = ""
    commit: str = ""
    author: str = ""
    date: str = ""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file, or a part of one, that was not scanned, and why."""

    path: str
    reason: Gap
    detail: str = ""


@dataclass(slots=True)
class Report:
    """What came of a scan."""

    found: list[Found] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    files: int = 0
    bytes: int = 0
    allowed: int = 0
    """Findings that a comment in the file, or the file of allowed paths, allows."""
    known: int = 0
    """Findings that the baseline knows."""
    seconds: float = 0.0

    def add(self, other: Report) -> None:
        """Take in what another part of the scan found."""
        self.found += other.found
        self.skipped += other.skipped
        self.files += other.files
        self.bytes += other.bytes
        self.allowed += other.allowed
