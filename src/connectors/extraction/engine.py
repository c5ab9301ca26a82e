"""Bytes to texts for one blob: fetch within the budget, plain text directly, the rest in the sandbox."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self

from connectors.errors import Transient
from connectors.extraction import charset, sniff
from connectors.extraction.extractor import Budget, Extractor, Text
from connectors.extraction.items import Inner, gap, over
from connectors.extraction.sandbox import Pool
from connectors.extraction.walk import PLAIN_READERS, walk
from connectors.model import Blob, Gap, UnitFailure

_DEFAULT = Budget()
_CHUNK = 1 << 20
_FAST = 1 << 20
"""Largest table, XML or JSON, in bytes, that the caller's process reads; plain text has no limit there."""


class Extraction:
    """Turns blobs into texts, holding each to `budget`. Safe to share between threads.

    Plain text is read in the caller's process. Everything that needs a parser goes to a sandboxed process,
    of which there is one per thread that is extracting at the moment; they start when first needed and stay
    until `close`. `extractors` are tried before the built-in readers of the same media type; they must be
    importable by name, because they run in the sandbox. `sandbox=False` runs everything in the caller's
    process: for tests.
    """

    def __init__(
        self, budget: Budget = _DEFAULT, *, extractors: Sequence[Extractor] = (), sandbox: bool = True
    ) -> None:
        self.budget = budget
        self._extractors = tuple(extractors)
        self._added = {kind for extractor in extractors for kind in extractor.media_types}
        self._sandbox = sandbox
        self._pool = Pool(budget, self._extractors)

    def extract(self, blob: Blob) -> Iterator[Text | UnitFailure]:
        """Yield every text in `blob`, and a failure for each part that was not read.

        `UnitFailure.part` is the path inside the blob, empty for the blob itself. What `blob.open()` raises
        of the product's own errors passes through; a download that breaks off is `Transient`.
        """
        if blob.size is not None and blob.size > self.budget.bytes_in:
            detail = f"{blob.size} bytes, the limit is {self.budget.bytes_in}"
            yield gap("", Gap.TOO_LARGE, detail)
            return
        data, cut = _fetch(blob, self.budget.bytes_in)
        yield from self._extract(Inner("", data, blob.name, blob.media_type, cut))

    def extract_bytes(self, data: bytes, name: str = "", media_type: str = "") -> Iterator[Text | UnitFailure]:
        """Yield every text in `data`, as `extract` does."""
        limit = self.budget.bytes_in
        yield from self._extract(Inner("", data[:limit], name, media_type, len(data) > limit))

    def _extract(self, source: Inner) -> Iterator[Text | UnitFailure]:
        if not source.data:
            return
        if found := self._simple(source):
            yield from walk(source, self.budget, extractors=self._extractors, found=found)
        elif not self._sandbox:
            yield from walk(source, self.budget, extractors=self._extractors)
        else:
            yield from self._pool.run(source)
        if source.cut:
            yield over("", "bytes_in", self.budget.bytes_in)

    def _simple(self, source: Inner) -> sniff.Sniffed | None:
        """Return what the file is when the caller's process reads it itself: UTF-8, and nothing to parse.

        Only such bytes are sniffed here; looking into a container is parsing, and belongs to the sandbox.
        """
        if sniff.signature(source.data) or not charset.is_plain_utf8(source.data):
            return None
        found = sniff.sniff(source.data, name=source.name, media_type=source.media_type)
        kind = found.media_type
        if kind in self._added or kind not in PLAIN_READERS:
            return None
        return found if kind == sniff.PLAIN or len(source.data) <= _FAST else None

    def close(self) -> None:
        """End the sandbox processes. A running extraction ends with its own file."""
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _fetch(blob: Blob, limit: int) -> tuple[bytes, bool]:
    """Read at most `limit` bytes of a blob, whatever size the app stated; say whether there were more."""
    try:
        with blob.open() as stream:
            chunks, size = [], 0
            while size <= limit and (chunk := stream.read(min(_CHUNK, limit + 1 - size))):
                chunks.append(chunk)
                size += len(chunk)
    except (OSError, EOFError) as error:
        raise Transient(f"the download broke off with {type(error).__name__}") from None
    return b"".join(chunks)[:limit], size > limit
