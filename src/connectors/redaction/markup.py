"""XML and XHTML by their tokens: text is redacted across tags, and everything else stays to the letter.

Nothing is parsed into a tree, so that undeclared prefixes and HTML entities, as in Confluence's storage format,
are no obstacle, and no entity of the document's own is ever expanded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import unescape
from urllib.parse import quote
from xml.sax.saxutils import escape

from connectors.redaction.structured import Rewritten
from connectors.redaction.text import Redactor

_TAG = re.compile(r"""<(?:[^<>"']++|"[^"]*+"|'[^']*+')*+>""")
_SECTIONS = (("<!--", "-->"), ("<![CDATA[", "]]>"), ("<?", "?>"))
_NAME = re.compile(r"</?\s*([\w:.-]+)")
_ATTRIBUTE = re.compile(r"""([\w:.-]+)(\s*=\s*)("[^"]*+"|'[^']*+')""")
_CDATA, _CDATA_END = "<![CDATA[", "]]>"
_INLINE = frozenset(
    {"a", "abbr", "b", "big", "bdo", "cite", "code", "del", "dfn", "em", "font", "i", "ins", "kbd", "mark", "q", "s",
     "samp", "small", "span", "strike", "strong", "sub", "sup", "tt", "u", "var", "inline-comment-marker"}
)  # fmt: skip
_TELLING = frozenset({"alt", "title", "href", "src", "value", "content", "placeholder", "data", "summary", "label"})
_LINKS = frozenset({"href", "src", "Target"})


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a markup language reads: which tags end a stretch of text, and which attributes hold content.

    With `runs` set, the end of any other element ends a stretch when text stands right before it.
    """

    breaks: Callable[[str], bool]
    telling: frozenset[str]
    runs: frozenset[str] = frozenset()

    def ends(self, tag: str, *, before: str) -> bool:
        """Say whether `tag` ends a stretch of text; `before` is the token in front of it."""
        match = _NAME.match(tag)
        if match is None:
            return False
        name = match.group(1)
        is_leaf = bool(self.runs) and tag.startswith("</") and not before.startswith("<")
        return self.breaks(name) or (is_leaf and name.rpartition(":")[2] not in self.runs)


def _breaks_html(name: str) -> bool:
    return name.rpartition(":")[2].lower() not in _INLINE


STORAGE = Dialect(_breaks_html, _TELLING)
"""Confluence's storage format, and XHTML."""


def redact_markup(document: str, redactor: Redactor, dialect: Dialect = STORAGE) -> Rewritten[str]:
    """Redact the text, the CDATA sections, the comments and the telling attributes of a document."""
    tokens = list(_tokens(document))
    replaced = 0
    for run in _runs(tokens, dialect):
        replaced += _redact_run(tokens, run, redactor)
    for index, token in enumerate(tokens):
        if token.startswith("<!--"):
            redacted = redactor.text(token[4:-3])
            tokens[index] = f"<!--{redacted.text.replace('--', '__')}-->" if redacted.replacements else token
            replaced += len(redacted.replacements)
        elif token.startswith("<") and "=" in token and not token.startswith(("<?", "<!")):
            tokens[index], count = _attributes(token, redactor, dialect)
            replaced += count
    return Rewritten("".join(tokens), replaced)


def _tokens(document: str) -> Iterator[str]:
    """Split a document into tags, sections and the text between; a `<` that opens nothing is text.

    In linear time: the end of a kind of section that was not found once is never searched for again.
    """
    at = 0
    missing: set[str] = set()
    while at < len(document):
        end = document.find("<", at) if document[at] != "<" else _end(document, at, missing)
        end = len(document) if end < 0 else end
        yield document[at:end]
        at = end


def _end(document: str, at: int, missing: set[str]) -> int:
    """Return where the token that starts with the `<` at `at` ends."""
    for opening, closing in _SECTIONS:
        if document.startswith(opening, at) and closing not in missing:
            end = document.find(closing, at + len(opening))
            if end >= 0:
                return end + len(closing)
            missing.add(closing)
    match = _TAG.match(document, at)
    return match.end() if match else at + 1


def _runs(tokens: list[str], dialect: Dialect) -> Iterator[list[int]]:
    """Yield the indices of the texts that read as one: no breaking tag stands between them."""
    run: list[int] = []
    for index, token in enumerate(tokens):
        if token[0] != "<" or len(token) == 1 or token.startswith(_CDATA):
            run.append(index)
        elif run and dialect.ends(token, before=tokens[index - 1]):
            yield run
            run = []
    if run:
        yield run


def _redact_run(tokens: list[str], run: list[int], redactor: Redactor) -> int:
    shown = [_shown(tokens[index]) for index in run]
    texts, replaced = redactor.texts(shown)
    if replaced:
        for index, before, after in zip(run, shown, texts, strict=True):
            if before != after:
                tokens[index] = _written(after, tokens[index])
    return replaced


def _shown(token: str) -> str:
    return token[len(_CDATA) : -len(_CDATA_END)] if token.startswith(_CDATA) else unescape(token)


def _written(text: str, token: str) -> str:
    if token.startswith(_CDATA):
        return _CDATA + text.replace(_CDATA_END, "]]]]><![CDATA[>") + _CDATA_END
    return escape(text)


def _attributes(tag: str, redactor: Redactor, dialect: Dialect) -> tuple[str, int]:
    replaced = 0

    def rewrite(match: re.Match[str]) -> str:
        nonlocal replaced
        name, equals, quoted = match.groups()
        if name.rpartition(":")[2] not in dialect.telling:
            return match.group()
        redacted = redactor.text(unescape(quoted[1:-1]))
        if not redacted.replacements:
            return match.group()
        replaced += len(redacted.replacements)
        text = quote(redacted.text, safe="/:?#@!$&'()*+,;=%~") if name in _LINKS else redacted.text
        return f'{name}{equals}"{escape(text, {chr(34): "&quot;"})}"'

    return _ATTRIBUTE.sub(rewrite, tag), replaced
