"""HTML: what a reader sees, and what stands in attributes, comments and scripts."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Any, cast
from urllib.parse import unquote_to_bytes

from lxml import etree

from connectors.extraction import charset
from connectors.extraction.extractor import Text
from connectors.extraction.items import Inner, Item, Meter, OverBudget

_TYPE = "text/html"
_BLOCKS = frozenset({
    "address", "article", "aside", "blockquote", "body", "br", "caption", "dd", "div", "dl", "dt", "fieldset",
    "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "head", "header", "hr", "li",
    "main", "nav", "ol", "option", "p", "pre", "section", "select", "summary", "table", "tbody", "tfoot",
    "thead", "title", "tr", "ul",
})  # fmt: skip
_CELLS = frozenset({"td", "th"})
_SCRIPTS = frozenset({"script", "style", "template", "noscript"})
_TELLING = frozenset({
    "href", "src", "content", "value", "alt", "title", "placeholder", "action", "label", "summary", "cite",
    "data", "srcdoc", "poster", "aria-label", "datetime",
})  # fmt: skip
_DATA_URI = re.compile(r"data:([\w/+.-]*)(?:;[\w=-]+)*?(;base64)?,(.*)", re.DOTALL)
_DOCUMENT = re.compile(r"<!doctype html|<html", re.IGNORECASE)
_META_CHARSET = re.compile(rb"<meta[^>]{0,200}charset=[\"']?\s*([\w-]+)", re.IGNORECASE)


def read_html(data: bytes, meter: Meter) -> Iterator[Item]:
    """Yield the visible text, then attributes, comments and scripts as parts of their own."""
    hint = _META_CHARSET.search(data[:4096])
    text = charset.decode(data, hint=hint.group(1).decode() if hint else "")
    page = _Page(meter)
    # A tree of any depth is fine here: HTML has no entities of its own to expand.
    parser = etree.HTMLParser(target=cast("Any", page), encoding="utf-8", no_network=True, huge_tree=True)
    ended: OverBudget | None = None
    try:
        etree.fromstring(text.encode("utf-8", "replace"), parser)
    except OverBudget as error:
        ended = error
    yield Text(page.text(), media_type=_TYPE)
    for name, pieces in page.hidden.items():
        if pieces:
            yield Text("\n".join(dict.fromkeys(pieces)), f"#{name}", _TYPE)
    yield from page.inner
    if not _DOCUMENT.search(text, 0, 4096):
        yield Text(text, "#raw", _TYPE)  # a piece of HTML may be no HTML: nothing in angle brackets is lost
    if ended is not None:
        raise ended


class _Page:
    """An lxml parser target that sorts what it sees."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._shown: list[str] = []
        self._scripts = 0
        self.hidden: dict[str, list[str]] = {"attributes": [], "comments": [], "scripts": []}
        self.inner: list[Inner] = []

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag in _SCRIPTS:
            self._scripts += 1
        elif tag in _BLOCKS:
            self._shown.append("\n")
        elif tag in _CELLS:
            self._shown.append("\t")
        for name, value in attributes.items():
            if value and (name in _TELLING or name.startswith("data-")):
                self._attribute(tag, name, value)

    def _attribute(self, tag: str, name: str, value: str) -> None:
        if match := _DATA_URI.match(value):
            self._meter.member()
            self.inner.append(Inner(f"{tag}[{len(self.inner) + 1}]", _embedded(match), "", match.group(1)))
        else:
            named = name if name not in ("content", "value") else ""
            self.hidden["attributes"].append(f"{named}: {value}" if named.startswith("data-") else value)

    def end(self, tag: str) -> None:
        if tag in _SCRIPTS:
            self._scripts -= 1
        elif tag in _BLOCKS:
            self._shown.append("\n")

    def data(self, text: str) -> None:
        if self._scripts > 0:
            self.hidden["scripts"].append(text)
        else:
            self._shown.append(text)

    def comment(self, text: str) -> None:
        self.hidden["comments"].append(text)

    def close(self) -> None:
        """End the page; lxml asks for it."""

    def text(self) -> str:
        lines = "".join(self._shown).split("\n")
        return re.sub(r"\n{3,}", "\n\n", "\n".join(line.strip(" \r\f\v") for line in lines)).strip()


def _embedded(match: re.Match[str]) -> bytes:
    raw = unquote_to_bytes(match.group(3))
    if not match.group(2):
        return raw
    try:
        return base64.b64decode(raw)
    except binascii.Error:
        return b""
