"""Text of XML document parts: every text node in order, with the breaks that the element names imply.

Entities stay unresolved, nothing is loaded, and no tree is built: a part costs its text, not its markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import Any, cast

from lxml import etree

from connectors.extraction.extractor import Text
from connectors.extraction.items import Item, gap
from connectors.model import Gap

_LINE = frozenset({"p", "h", "tr", "br", "cr", "table-row", "line-break", "row", "property", "docVar", "lastRow",
                   "list-item", "note", "comment", "text", "definedName", "entry", "file-entry", "si"})  # fmt: skip
_CELL = frozenset({"tab", "tc", "table-cell", "covered-table-cell"})
_SPACE = frozenset({"s"})
RUNS = frozenset({"t", "delText", "instrText", "delInstrText", "r", "span", "a", "rt", "rb", "s", "tab"})
"""Elements of OOXML and OpenDocument whose text goes on in the next one."""
_TELLING = frozenset({
    "descr", "title", "tooltip", "alt", "alias", "tag", "author", "creator", "userId", "display", "Target", "href",
    "initials", "string-value", "string", "formula", "email", "providerId", "connection", "command", "url",
    "sourceFile", "password", "prompt", "error",
})  # fmt: skip
_TELLING_BY_VAL = frozenset({"alias", "tag", "connectString", "query", "dataSource"})
"""Elements of Word whose `val` is content: content controls, and the database behind a mail merge."""
_NAMED = frozenset({"property", "docVar", "user-defined", "definedName", "variable-set", "variable-decl"})
_TAG = re.compile(rb"<[^<>]*>")


def read_part(data: bytes, path: str) -> Iterator[Item]:
    """Yield the text of one XML part, and what its attributes tell as `#attributes`."""
    collector, is_whole = collect(data)
    if body := collector.body():
        yield Text(body, path, "application/xml")
    if told := "\n".join(dict.fromkeys(collector.told)):
        yield Text(told, f"{path}#attributes", "application/xml")
    if not is_whole:
        yield Text(unescape(_TAG.sub(b" ", data).decode("utf-8", "replace")), f"{path}#raw", "application/xml")
        yield gap(path, Gap.CORRUPT, "the XML is broken; its text was read without structure")


def collect(data: bytes) -> tuple[Collector, bool]:
    """Parse `data` and return what it holds, and whether the parser came to its end."""
    collector = Collector()
    parser = etree.XMLParser(
        target=cast("Any", collector),
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        recover=True,
    )
    try:
        etree.fromstring(data, parser)
    except etree.LxmlError:
        return collector, False
    return collector, not any(entry.level == etree.ErrorLevels.FATAL for entry in parser.error_log)


class Collector:
    """An lxml parser target that keeps text, in document order, and telling attributes."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._has_text = False
        self.told: list[str] = []

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Open an element: cells and blanks leave their mark, names of properties become text."""
        name = tag.rpartition("}")[2]
        self._has_text = False
        if name in _CELL:
            self._pieces.append("\t")
        elif name in _SPACE:
            self._pieces.append(" ")
        if attributes:
            self._attributes(name, attributes)

    def _attributes(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "Relationship" and attributes.get("TargetMode") != "External":
            return
        for key, value in attributes.items():
            name = key.rpartition("}")[2]
            if tag in _NAMED and name in ("name", "val"):
                self._pieces.append(value + "\t")
            elif (
                (name in _TELLING or (name == "val" and tag in _TELLING_BY_VAL))
                and value
                and not value.startswith(("../", "#", "http://schemas."))
            ):
                self.told.append(value)

    def end(self, tag: str) -> None:
        """Close an element: paragraphs and rows end their line, and so does a text that is no run of one."""
        name = tag.rpartition("}")[2]
        if name in _LINE or (self._has_text and name not in RUNS):
            self._pieces.append("\n")
        self._has_text = False

    def data(self, text: str) -> None:
        """Keep a text node."""
        self._pieces.append(text)
        self._has_text = self._has_text or not text.isspace()

    def comment(self, text: str) -> None:
        """Keep a comment: it is content that nobody sees."""
        self._pieces.append(f"\n{text}\n")

    def close(self) -> None:
        """End the document."""

    def body(self) -> str:
        """Return the text, without the runs of blank lines that markup leaves."""
        return re.sub(r"\n{3,}", "\n\n", "".join(self._pieces)).strip("\n")
