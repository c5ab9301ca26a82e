"""One file and everything in it: dispatch by content, recursion, budget. Runs in the sandbox process."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib import import_module
from io import BytesIO
from typing import cast

from connectors.extraction import charset, sniff
from connectors.extraction.extractor import Budget, Extractor, Text
from connectors.extraction.items import Inner, Item, Meter, OverBudget, Reader, gap, over
from connectors.extraction.sniff import Sniffed
from connectors.model import Gap, UnitFailure

PLAIN_READERS: dict[str, str] = {
    sniff.PLAIN: "plain:read_text",
    "text/csv": "plain:read_table",
    "text/tab-separated-values": "plain:read_table",
    "application/json": "plain:read_json",
    sniff.JSON_LINES: "plain:read_json",
    "application/xml": "plain:read_xml",
    "image/svg+xml": "plain:read_xml",
}
"""Readers without a complex parser: they may run in the caller's own process."""
PARSERS: dict[str, str] = {
    "text/html": "markup:read_html",
    "message/rfc822": "mail:read_mail",
    "application/mbox": "mail:read_mbox",
    "application/rtf": "rtf:read_rtf",
    "application/pdf": "pdf:read_pdf",
    sniff.NOTEBOOK: "structured:read_notebook",
    "application/vnd.sqlite3": "structured:read_sqlite",
    "application/x-bplist": "structured:read_plist",
    "application/zip": "archives:read_zip",
    "application/epub+zip": "archives:read_zip",
    "application/x-tar": "archives:read_tar",
    "application/gzip": "archives:read_gzip",
    "application/x-bzip2": "archives:read_bzip2",
    "application/x-xz": "archives:read_xz",
    "application/x-lzma": "archives:read_xz",
    "application/zstd": "archives:read_zstd",
    "application/x-archive": "archives:read_ar",
    "application/x-7z-compressed": "archives:read_7z",
    sniff.OLE: "ole:read_ole",
    sniff.MSG: "ole:read_ole",
    "application/msword": "ole:read_ole",
    "application/vnd.ms-excel": "ole:read_ole",
    "application/vnd.ms-powerpoint": "ole:read_ole",
    sniff.XLSB: "office:read_xlsb",
    sniff.ODF: "office:read_odf",
    **dict.fromkeys((*sniff.OOXML.values(), sniff.OOXML_OTHER), "office:read_ooxml"),
    **dict.fromkeys(
        ("image/png", "image/jpeg", "image/gif", "image/tiff", "image/webp", "image/bmp"),
        "images:read_image",
    ),
}
"""Readers that only run in the sandbox."""
_SAYS_WHY = {
    sniff.ENCRYPTED: (Gap.ENCRYPTED, "the file is encrypted"),
    "application/vnd.rar": (Gap.UNSUPPORTED_TYPE, "RAR archives need a proprietary unpacker"),
    "image/heic": (Gap.NO_TEXT, "HEIC images cannot be read here"),
}
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]")
_PATH_LENGTH = 400
_MOST_FAILURES = 1_000


def walk(
    source: Inner, budget: Budget, *, extractors: Sequence[Extractor] = (), found: Sniffed | None = None
) -> Iterator[Text | UnitFailure]:
    """Yield every text of a file and of the files in it, and a failure for each part that was not read.

    Never raises for what the bytes hold: a part that a parser chokes on is `Gap.CORRUPT`, one that costs too
    much is `Gap.BUDGET` with the budget's name. `found` spares a second look when the caller has sniffed.
    """
    failures = items = 0
    found = found or _sniff(source)
    for item in _Walk(budget, extractors).read(source, found):
        items += 1
        failures += isinstance(item, UnitFailure)
        if isinstance(item, Text) or failures <= _MOST_FAILURES:
            yield item
    if failures > _MOST_FAILURES:
        yield gap("", Gap.BUDGET, f"{failures - _MOST_FAILURES} more parts were not read")
    if not items and found.media_type not in PLAIN_READERS:
        yield gap("", Gap.NO_TEXT, f"no text in {found.media_type}")


class _Walk:
    def __init__(self, budget: Budget, extractors: Sequence[Extractor]) -> None:
        self._meter = Meter(budget)
        self._budget = budget
        self._added = {kind: extractor for extractor in extractors for kind in extractor.media_types}

    def read(self, source: Inner, found: Sniffed) -> Iterator[Text | UnitFailure]:
        """Yield what one file holds; an exhausted budget ends the whole walk with one failure."""
        try:
            yield from self._read(source, found, depth=0)
        except OverBudget as error:
            yield gap(source.path, Gap.BUDGET, str(error))

    def _read(self, source: Inner, found: Sniffed, *, depth: int) -> Iterator[Text | UnitFailure]:
        for item in self._items(source, found.media_type):
            if isinstance(item, Inner):
                yield from self._descend(source.path, item, depth=depth)
            elif isinstance(item, Text):
                path = join(source.path, item.path)
                yield from self._text(replace(item, path=path, mismatch=found.mismatch))
            else:
                yield replace(item, part=join(source.path, item.part))

    def _descend(self, outer: str, item: Inner, *, depth: int) -> Iterator[Text | UnitFailure]:
        inner = replace(item, path=join(outer, item.path), name=item.name or item.path)
        if not item.data:
            return
        if depth >= self._budget.depth:
            yield over(inner.path, "depth", self._budget.depth)
            return
        yield from self._read(inner, _sniff(inner), depth=depth + 1)

    def _text(self, item: Text) -> Iterator[Text | UnitFailure]:
        kept = self._meter.cut(item.text)
        if kept.strip():
            rows = tuple(start for start in item.rows if start <= len(kept))
            yield item if len(kept) == len(item.text) else replace(item, text=kept, rows=rows)
        if self._meter.full:
            raise OverBudget("text", self._budget.text)

    def _items(self, source: Inner, media_type: str) -> Iterator[Item]:
        """Run the reader of a media type inside the sandbox's wall."""
        try:
            yield from self._reader(source, media_type)(source.data, self._meter)
        except (OverBudget, GeneratorExit):
            raise
        except MemoryError:
            yield over("", "memory", self._budget.memory)
        except Exception as error:  # noqa: BLE001 - parsers raise anything on hostile bytes; this is their wall
            reason = "cut short" if source.cut else f"the reader failed with {type(error).__name__}"
            if charset.is_plain_utf8(source.data):
                yield Text(source.data.decode(), "#raw", media_type)
            yield gap("", Gap.CORRUPT, f"{media_type}: {reason}")

    def _reader(self, source: Inner, media_type: str) -> Reader:
        if media_type in self._added:
            return self._plugin(self._added[media_type], source)
        kind = sniff.ODF if media_type.startswith(sniff.ODF) else media_type
        if reader := PLAIN_READERS.get(kind) or PARSERS.get(kind):
            return load(reader)
        return _unread(media_type)

    def _plugin(self, extractor: Extractor, source: Inner) -> Reader:
        def read(data: bytes, _: Meter) -> Iterator[Item]:
            yield from extractor.extract(BytesIO(data), source.name, self._budget)

        return read


def load(reader: str) -> Reader:
    """Import a reader when it is first needed: most workers never see most formats."""
    module, _, function = reader.partition(":")
    return cast("Reader", getattr(import_module(f"connectors.extraction.{module}"), function))


def _sniff(source: Inner) -> Sniffed:
    return sniff.sniff(source.data, name=source.name or source.path, media_type=source.media_type)


def _unread(media_type: str) -> Reader:
    reason, detail = _SAYS_WHY.get(media_type, (Gap.UNSUPPORTED_TYPE, f"no reader for {media_type}"))

    def read(_data: bytes, _meter: Meter) -> Iterator[Item]:
        yield gap("", reason, detail)

    return read


def join(outer: str, inner: str) -> str:
    """Join two paths, keeping them printable and short: member names are written by anybody."""
    slash = "/" if outer and inner and inner[0] != "#" else ""
    path = outer + slash + inner
    return _UNPRINTABLE.sub("?", path)[:_PATH_LENGTH]
