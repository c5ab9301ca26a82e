"""Atlassian Document Format: to plain text with a pointer for every run, and back after a redaction.

A document is a tree of nodes; inline nodes of one block stand side by side in the text, so that a value split
over several nodes (half of it bold) is still one value. Blocks are separated by line breaks.
https://developer.atlassian.com/cloud/jira/platform/apis/document/structure/
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Path = tuple[str | int, ...]
Change = tuple[int, int, str]
"""Start and end in the text (code points) and what stands there instead."""

_QUIET_ATTRS = frozenset(
    {
        "accessLevel", "collection", "color", "extensionKey", "extensionType", "id", "language", "layout", "localId",
        "occurrenceKey", "shortName", "state", "style", "timestamp", "type", "userType", "version", "width",
    }
)  # fmt: skip
_INLINE = frozenset({"text", "mention", "emoji", "date", "status", "inlineCard", "placeholder", "hardBreak"})


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of the text that stands in one string of the document: `text[start:end]` is at `path`."""

    start: int
    end: int
    path: Path

    @property
    def pointer(self) -> str:
        """Return the JSON pointer of the string (RFC 6901)."""
        return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in self.path)


@dataclass(frozen=True, slots=True)
class Flat:
    """A document as plain text, and where each stretch of it comes from."""

    text: str
    runs: tuple[Run, ...]


def is_document(value: Any) -> bool:
    """Say whether `value` looks like an ADF document."""
    return isinstance(value, Mapping) and value.get("type") == "doc"


def flatten(document: Any) -> Flat:
    """Return the text of an ADF document with its runs. Unknown nodes and attributes give their texts too."""
    return _Writer().write(document)


def apply(document: Any, changes: Sequence[Change]) -> Any:
    """Return a copy of the document with `changes` made in the strings that hold those stretches.

    What replaces a value split over several strings goes into the first of them. Text nodes left empty are
    removed, as the format forbids them; everything else stays as it was.
    """
    made = copy.deepcopy(document)
    flat = flatten(document)
    for run in reversed(flat.runs):
        old = flat.text[run.start : run.end]
        new = _rewritten(run, old, flat.runs, changes)
        if new != old:
            _put(made, run.path, new)
    return made


def changes_between(old: str, new: str, spans: Sequence[tuple[int, int]]) -> tuple[Change, ...]:
    """Return what was done to `old` to get `new`, given the `spans` (start, end) that were to be replaced.

    Falls back to one change over everything that differs when `new` cannot be explained by the spans.
    """
    merged = _merged(spans)
    kept = [old[a:b] for a, b in zip([0, *(e for _, e in merged)], [*(s for s, _ in merged), len(old)], strict=True)]
    found = re.fullmatch("(.*?)".join(re.escape(part) for part in kept), new, re.DOTALL) if merged else None
    if found:
        return tuple((s, e, r) for (s, e), r in zip(merged, found.groups(), strict=True))
    return _difference(old, new)


def _merged(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _difference(old: str, new: str) -> tuple[Change, ...]:
    if old == new:
        return ()
    limit = min(len(old), len(new))
    head = next((i for i in range(limit) if old[i] != new[i]), limit)
    tail = next((i for i in range(limit - head) if old[-1 - i] != new[-1 - i]), limit - head)
    return ((head, len(old) - tail, new[head : len(new) - tail]),)


def _rewritten(run: Run, old: str, runs: Sequence[Run], changes: Sequence[Change]) -> str:
    for start, end, instead in reversed(changes):
        if start >= run.end or end <= run.start:
            continue
        first = next(r for r in runs if r.end > start)
        low, high = max(start, run.start) - run.start, min(end, run.end) - run.start
        old = old[:low] + (instead if first == run else "") + old[high:]
    return old


def _put(document: Any, path: Path, value: str) -> None:
    """Put `value` at `path`; an empty `text` takes its node away. Later paths of the same parent go first."""
    holders = [document]
    for step in path[:-1]:
        holders.append(holders[-1][step])
    if value == "" and path[-1] == "text" and len(path) > 1 and isinstance(path[-2], int):
        del holders[-2][path[-2]]
    else:
        holders[-1][path[-1]] = value


class _Writer:
    """Walks a document without recursion, so that nesting cannot exhaust the stack."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.runs: list[Run] = []
        self.length = 0
        self.later: list[tuple[Path, str]] = []

    def write(self, document: Any) -> Flat:
        stack: list[tuple[Any, Path, bool]] = [(document, (), False)]
        while stack:
            node, path, closing = stack.pop()
            if closing:
                self.end_block()
            elif isinstance(node, Mapping):
                stack.extend(reversed(self.node(node, path)))
        self.end_block()
        return Flat("".join(self.parts), tuple(self.runs))

    def node(self, node: Mapping[str, Any], path: Path) -> list[tuple[Any, Path, bool]]:
        kind = str(node.get("type"))
        block = kind not in _INLINE
        if block:
            self.break_line()
        if isinstance(node.get("text"), str):
            self.add(node["text"], (*path, "text"))
        elif kind == "hardBreak":
            self.add("\n", None)
        for at, value in strings(node.get("attrs"), (*path, "attrs")):
            if kind in _INLINE:
                self.add(value, at)
            else:
                self.later.append((at, value))
        for index, mark in enumerate(_list(node.get("marks"))):
            self.later.extend(
                strings(mark.get("attrs") if isinstance(mark, Mapping) else None, (*path, "marks", index, "attrs"))
            )
        children = [(child, (*path, "content", index), False) for index, child in enumerate(_list(node.get("content")))]
        return [*children, (None, path, True)] if block else children

    def add(self, value: str, path: Path | None) -> None:
        if not value:
            return
        if path is not None:
            self.runs.append(Run(self.length, self.length + len(value), path))
        self.parts.append(value)
        self.length += len(value)

    def break_line(self) -> None:
        if self.parts and not self.parts[-1].endswith("\n"):
            self.add("\n", None)

    def end_block(self) -> None:
        """Write the attributes that would tear a value apart if they stood between its nodes (links, titles)."""
        pending, self.later = self.later, []
        for path, value in pending:
            self.break_line()
            self.add(value, path)


def strings(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """Yield every string below `value` with its path, leaving out attributes that never hold people's text."""
    stack: list[tuple[Any, Path]] = [(value, path)]
    while stack:
        item, at = stack.pop()
        if isinstance(item, str):
            yield at, item
        elif isinstance(item, Mapping):
            stack.extend((v, (*at, k)) for k, v in reversed(list(item.items())) if k not in _QUIET_ATTRS)
        elif isinstance(item, list):
            stack.extend((v, (*at, i)) for i, v in reversed(list(enumerate(item))))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
