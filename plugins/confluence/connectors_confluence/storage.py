"""Confluence storage format: to plain text with positions, and back after a redaction.

The format is XHTML with Confluence's own elements (`ac:`, `ri:`); the text of one block stands together, so that a
value split by markup is one value, and blocks are separated by line breaks. Positions point into the raw string:
a redaction rewrites the characters of the value and not one character of the markup.
https://confluence.atlassian.com/doc/confluence-storage-format-790796544.html
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

Change = tuple[int, int, str]
"""Start and end in the text (code points) and what stands there instead."""

_TAG = re.compile(r"""<[/?!]?([A-Za-z][\w:.-]*)((?:[^<>"']|"[^"]*"|'[^']*')*+)>""")
_ATTRIBUTE = re.compile(r"""([A-Za-z_][\w:.-]*)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_INLINE = frozenset(
    {
        "a", "abbr", "b", "big", "cite", "code", "del", "em", "font", "i", "ins", "kbd", "mark", "q", "s", "samp",
        "small", "span", "strike", "strong", "sub", "sup", "time", "tt", "u", "var", "ac:emoticon",
        "ac:inline-comment-marker", "ac:link", "ac:link-body", "ac:plain-text-link-body", "ac:image", "ac:placeholder",
    }
)  # fmt: skip
_QUIET = frozenset(
    {
        "ac:align", "ac:height", "ac:layout", "ac:local-id", "ac:macro-id", "ac:name", "ac:ref", "ac:schema-version",
        "ac:thumbnail", "ac:width", "class", "colspan", "data-layout", "height", "id", "local-id", "ri:account-id",
        "ri:content-id", "ri:space-key", "ri:userkey", "ri:version-at-save", "rowspan", "start", "style", "width",
        "xmlns",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of the text and where it stands in the raw string. `kind` is text, cdata or attribute.

    A run is either as long as its raw characters, or one entity (`&nbsp;`) that gives all of it.
    """

    start: int
    end: int
    raw_start: int
    raw_end: int
    kind: str

    @property
    def whole(self) -> bool:
        """Say whether the run is an entity, which can only be replaced as a whole."""
        return self.end - self.start != self.raw_end - self.raw_start


@dataclass(frozen=True, slots=True)
class Flat:
    """A body as plain text, and where each stretch of it comes from."""

    text: str
    runs: tuple[Run, ...]


def flatten(raw: str) -> Flat:
    """Return the text of a storage-format body with its runs. Broken markup is text."""
    return _Writer(raw).write()


def apply(raw: str, changes: Sequence[Change]) -> str:
    """Return `raw` with `changes` made in the characters that hold those stretches of its text.

    What replaces a value that markup splits goes where the value begins; the markup stays.
    """
    made = raw
    flat = flatten(raw)
    edits = [edit for change in changes for edit in _edits(flat.runs, change)]
    for raw_start, raw_end, instead in sorted(edits, reverse=True):
        made = made[:raw_start] + instead + made[raw_end:]
    return made


def changes_between(old: str, new: str, spans: Sequence[tuple[int, int]]) -> tuple[Change, ...]:
    """Return what was done to `old` to get `new`, given the `spans` (start, end) that were to be replaced.

    Falls back to one change over everything that differs when `new` cannot be explained by the spans.
    """
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    kept = [old[a:b] for a, b in zip([0, *(e for _, e in merged)], [*(s for s, _ in merged), len(old)], strict=True)]
    found = re.fullmatch("(.*?)".join(re.escape(part) for part in kept), new, re.DOTALL) if merged else None
    if found:
        return tuple((s, e, r) for (s, e), r in zip(merged, found.groups(), strict=True))
    return _difference(old, new)


def _difference(old: str, new: str) -> tuple[Change, ...]:
    if old == new:
        return ()
    limit = min(len(old), len(new))
    head = next((i for i in range(limit) if old[i] != new[i]), limit)
    tail = next((i for i in range(limit - head) if old[-1 - i] != new[-1 - i]), limit - head)
    return ((head, len(old) - tail, new[head : len(new) - tail]),)


def _edits(runs: Sequence[Run], change: Change) -> Iterator[Change]:
    """Yield the edits of the raw string that one change of the text needs."""
    start, end, instead = change
    for run in runs:
        if run.start >= end or run.end <= start:
            continue
        low, high = run.raw_start, run.raw_end
        if not run.whole:
            low, high = low + max(0, start - run.start), high - max(0, run.end - end)
        yield low, high, _escaped(instead, run.kind)
        instead = ""


def _escaped(value: str, kind: str) -> str:
    if kind == "cdata":
        return value.replace("]]>", "]]]]><![CDATA[>")
    return html.escape(value, quote=kind == "attribute")


class _Writer:
    """Walks the raw string once, token by token."""

    def __init__(self, raw: str) -> None:
        self.raw = raw
        self.parts: list[str] = []
        self.runs: list[Run] = []
        self.length = 0
        self.later: list[tuple[int, int]] = []

    def write(self) -> Flat:
        at, size = 0, len(self.raw)
        while at < size:
            tag = self.raw.find("<", at)
            if tag < 0:
                break
            self.add(at, tag, "text")
            at = self.token(tag)
        self.add(at, size, "text")
        self.end_block()
        return Flat("".join(self.parts), tuple(self.runs))

    def token(self, at: int) -> int:
        """Take the token at `at` and return where the next one begins; what is no token is text to its end."""
        for opening, closing, kind in (("<![CDATA[", "]]>", "cdata"), ("<!--", "-->", "text")):
            if self.raw.startswith(opening, at):
                end = self.raw.find(closing, at + len(opening))
                end = len(self.raw) if end < 0 else end
                self.add(at + len(opening), end, kind)
                return min(end + len(closing), len(self.raw))
        tag = _TAG.match(self.raw, at)
        if tag is None:
            self.add(at, at + 1, "text")
            return at + 1
        name = tag.group(1).lower()
        if name not in _INLINE and not name.startswith("ri:"):
            self.end_block()
        for found in _ATTRIBUTE.finditer(self.raw, *tag.span(2)):
            if found.group(1).lower() not in _QUIET:
                self.later.append(found.span(2 if found.group(2) is not None else 3))
        return tag.end()

    def add(self, start: int, end: int, kind: str) -> None:
        """Write raw characters, entity by entity except in CDATA."""
        at = start
        if kind != "cdata":
            for entity in _ENTITY.finditer(self.raw, start, end):
                meaning = html.unescape(entity.group())
                if meaning != entity.group():
                    self.run(at, entity.start(), self.raw[at : entity.start()], kind)
                    self.run(*entity.span(), meaning, kind)
                    at = entity.end()
        self.run(at, end, self.raw[at:end], kind)

    def run(self, raw_start: int, raw_end: int, value: str, kind: str) -> None:
        if value:
            self.runs.append(Run(self.length, self.length + len(value), raw_start, raw_end, kind))
            self.put(value)

    def put(self, value: str) -> None:
        self.parts.append(value)
        self.length += len(value)

    def end_block(self) -> None:
        """Break the line, and write the attributes that would tear a value apart inside it (links, file names)."""
        pending, self.later = self.later, []
        self.break_line()
        for start, end in pending:
            self.add(start, end, "attribute")
            self.break_line()

    def break_line(self) -> None:
        if self.parts and not self.parts[-1].endswith("\n"):
            self.put("\n")
