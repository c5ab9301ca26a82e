"""Readers of texts that need no parser: prose, code, tables, JSON and XML as they stand."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace

from connectors.extraction import charset, tables
from connectors.extraction.extractor import Text
from connectors.extraction.items import Item, Meter

# Possessive, and with an optional end: neither a flood of backslashes nor an open string may be scanned twice.
_STRING = re.compile(r'"(?:[^"\\\n]++|\\.)*+"?')
_REFERENCE = re.compile(r"&(?:#(\d{1,7})|#x([0-9a-fA-F]{1,6})|(lt|gt|amp|quot|apos));")
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"', "apos": "'"}
_MIXED = re.compile(r"\w</?[A-Za-z][^<>]{0,200}>\w")
_TAG = re.compile(r"<!--|-->|<!\[CDATA\[|\]\]>|<[/?!]?[A-Za-z][^<>]*>")


def read_text(data: bytes, _: Meter) -> Iterator[Item]:
    """Yield the text as it stands."""
    yield Text(charset.decode(data))


def read_table(data: bytes, _: Meter) -> Iterator[Item]:
    """Yield delimited text as it stands, with its header and the start of each row."""
    text = charset.decode(data)
    mark = tables.delimiter(text, hinted=True)
    media_type = "text/tab-separated-values" if mark == "\t" else "text/csv"
    yield tables.table(text, mark=mark, media_type=media_type) if mark else Text(text, media_type=media_type)


def read_json(data: bytes, _: Meter) -> Iterator[Item]:
    """Yield JSON as it stands, so that keys give context, and its escaped strings once more, unescaped."""
    text = charset.decode(data)
    yield Text(text, media_type="application/json")
    if "\\" in text and (plain := "\n".join(_unescaped(text))):
        yield Text(plain, "#strings", "application/json")


def _unescaped(text: str) -> Iterator[str]:
    for match in _STRING.finditer(text):
        if "\\" in match.group():
            try:
                value = json.loads(match.group(), strict=False)
            except ValueError:
                continue
            yield value.encode("utf-8", "replace").decode()  # a lone surrogate is no text


def read_xml(data: bytes, _: Meter) -> Iterator[Item]:
    """Yield XML as it stands, with character references decoded, and without tags where they split words.

    Element and attribute names stay, because `<password>` is what tells what stands in it. Nothing is parsed,
    so entities of the document's own are shown and never expanded.
    """
    text = charset.decode(data)
    shown = Text(_REFERENCE.sub(_decoded, text), media_type="application/xml")
    yield shown
    if _MIXED.search(text):
        yield replace(shown, text=_REFERENCE.sub(_decoded, _TAG.sub("", text)), path="#text")


def _decoded(match: re.Match[str]) -> str:
    decimal, hexadecimal, name = match.groups()
    if name:
        return _NAMED[name]
    code = int(decimal) if decimal else int(hexadecimal, 16)
    return chr(code) if code < 0x110000 and not 0xD800 <= code < 0xE000 else match.group()
