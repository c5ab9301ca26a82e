"""JSON, CSV and Atlassian documents: values go, structure and formatting stay."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from io import StringIO
from itertools import pairwise
from typing import Generic, TypeVar

from connectors.extraction import tables
from connectors.model import JSON
from connectors.redaction.text import Redactor

T = TypeVar("T")
_TOKEN = re.compile(r'("(?:[^"\\]++|\\.)*+")(\s*:)?|-?\d[\d.eE+-]*', re.DOTALL)
_TEXTUAL = ("text", "url", "href", "title", "alt", "caption", "label")
_NOT_TEXT = frozenset({"type", "id", "localId", "collection", "version", "layout"})


@dataclass(frozen=True, slots=True)
class Rewritten(Generic[T]):
    """A redacted document, how many values were replaced, and the parts that could not be redacted."""

    content: T = field(repr=False)
    replaced: int = 0
    untouched: tuple[str, ...] = ()


def redact_json(document: str, redactor: Redactor) -> Rewritten[str]:
    """Redact the strings, keys and numbers of a JSON text, or of JSON lines; the rest stays to the letter.

    A number in which something was found becomes a string. Raises `ValueError` for a text that is no JSON.
    """
    _check_json(document)
    pieces: list[str] = []
    at = replaced = 0
    key = ""
    for match in _TOKEN.finditer(document):
        string, colon = match.group(1), match.group(2)
        value = str(json.loads(string, strict=False)) if string else match.group()
        redacted = redactor.text(value, "" if colon else key)
        key = value if colon else key
        if redacted.replacements:
            end = match.end(1) if string else match.end()
            pieces += (document[at : match.start()], json.dumps(redacted.text, ensure_ascii=not _has_wide(string)))
            at, replaced = end, replaced + len(redacted.replacements)
    return Rewritten("".join((*pieces, document[at:])), replaced)


def _check_json(document: str) -> None:
    try:
        json.loads(document)
    except ValueError:
        for line in filter(str.strip, document.splitlines()):
            json.loads(line)


def _has_wide(string: str | None) -> bool:
    """Say whether a string was written with its characters rather than with their escapes."""
    return bool(string) and not str(string).isascii()


def redact_csv(document: str, redactor: Redactor, *, delimiter: str = "") -> Rewritten[str]:
    """Redact the cells of a delimited text, each with its header as context. Untouched rows stay to the letter."""
    mark = delimiter or tables.delimiter(document, hinted=True) or ","
    table = tables.table(document, mark=mark, media_type="text/csv")
    starts = [*table.rows, len(document)]
    out: list[str] = []
    replaced = 0
    for start, end in pairwise(starts):
        row, count = _row(document[start:end], redactor, mark, table.columns if start else ())
        out.append(row)
        replaced += count
    return Rewritten("".join(out) or document, replaced)


def _row(raw: str, redactor: Redactor, mark: str, columns: tuple[str, ...]) -> tuple[str, int]:
    cells, replaced = [], 0
    for index, cell in enumerate(next(csv.reader([*raw.splitlines(keepends=True)], delimiter=mark), [])):
        redacted = redactor.text(cell, columns[index] if index < len(columns) else "")
        cells.append(redacted.text)
        replaced += len(redacted.replacements)
    if not replaced:
        return raw, 0
    ending = raw[len(raw.rstrip("\r\n")) :]
    out = StringIO()
    csv.writer(out, delimiter=mark, lineterminator=ending).writerow(cells)
    return out.getvalue(), replaced


def redact_adf(document: Mapping[str, JSON], redactor: Redactor) -> Rewritten[dict[str, JSON]]:
    """Redact an Atlassian Document Format tree: text, also over several marks, and the links in it.

    https://developer.atlassian.com/cloud/jira/platform/apis/document/structure/ - a text node is never empty,
    so that one which lost all of its text is removed.
    """
    copy: dict[str, JSON] = deepcopy(dict(document))
    return Rewritten(copy, sum(_node(node, redactor) for node in _nodes(copy)))


def _nodes(root: JSON) -> Iterator[dict[str, JSON]]:
    """Yield every object of a tree, without recursion."""
    stack: list[JSON] = [root]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            yield node
            stack.extend(node.values())
        elif isinstance(node, list):
            stack.extend(node)


def _node(node: dict[str, JSON], redactor: Redactor) -> int:
    replaced = _inline(node, redactor)
    attributes = node.get("attrs")
    if isinstance(attributes, dict):
        for name, value in attributes.items():
            if isinstance(value, str) and name in _TEXTUAL and name not in _NOT_TEXT:
                redacted = redactor.text(value)
                attributes[name] = redacted.text
                replaced += len(redacted.replacements)
    return replaced


def _inline(node: dict[str, JSON], redactor: Redactor) -> int:
    """Redact the text children of a node as one text; a child of another kind parts them like a line break."""
    children = node.get("content")
    if not isinstance(children, list):
        return 0
    replaced = 0
    run: list[dict[str, JSON]] = []
    for child in [*children, None]:
        if isinstance(child, dict) and child.get("type") == "text" and isinstance(child.get("text"), str):
            run.append(child)
            continue
        if run:
            texts, count = redactor.texts([str(text["text"]) for text in run])
            for text, new in zip(run, texts, strict=True):
                text["text"] = new
            replaced += count
        run = []
    node["content"] = [child for child in children if not (isinstance(child, dict) and _is_emptied(child))]
    return replaced


def _is_emptied(child: dict[str, JSON]) -> bool:
    return child.get("type") == "text" and child.get("text") == ""
