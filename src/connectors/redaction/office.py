"""OOXML and OpenDocument: redacted part by part, so that the document opens as before."""

from __future__ import annotations

import re
import zipfile
from datetime import datetime
from io import BytesIO

from connectors.extraction import numbers
from connectors.extraction.xmltext import RUNS
from connectors.redaction.markup import Dialect, redact_markup
from connectors.redaction.structured import Rewritten
from connectors.redaction.text import Redactor

_XML = (".xml", ".rels", ".vml")
_NOT_CONTENT = ("[Content_Types].xml", "META-INF/manifest.xml")
_BREAKING = frozenset(
    {"p", "h", "tr", "tc", "tab", "br", "cr", "si", "c", "row", "v", "f", "text", "comment", "property", "definedName",
     "lpwstr", "table-cell", "line-break", "s", "title", "subject", "creator", "keywords", "description",
     "lastModifiedBy", "category", "contentStatus", "Company", "Manager", "oddHeader", "oddFooter"}
)  # fmt: skip
_TELLING = frozenset(
    {
        "descr",
        "title",
        "tooltip",
        "alt",
        "alias",
        "author",
        "Target",
        "href",
        "display",
        "string-value",
        "string",
        "formula",
    }
)
_CELL = re.compile(r"<((?:\w+:)?)c\b((?:[^<>\"]++|\"[^\"]*+\")*+)(?<!/)>((?:[^<]++|<(?!/?(?:\w+:)?c[\s/>]))*+)</\1c>")
_VALUE = re.compile(r"<((?:\w+:)?)v>([^<]*)</\1v>")
_FORMULA = re.compile(r"<((?:\w+:)?)f\b[^<>]*+>(?:[^<]*+</\1f>)?")
_TYPE = re.compile(r"\st=\"(\w+)\"")
_EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001 - sheets know no zone
_MOST = 512 << 20
_DEPTH = 3

OFFICE = Dialect(lambda name: name.rpartition(":")[2] in _BREAKING, _TELLING, RUNS)
"""Parts of OOXML and OpenDocument. Their names and ids are no content and stay."""


def redact_office(data: bytes, redactor: Redactor) -> Rewritten[bytes]:
    """Redact a DOCX, XLSX, PPTX or OpenDocument file, documents embedded in it included.

    `untouched` names the parts that were kept as they are and may hold more: pictures, macros, binary objects.
    A digital signature in the document becomes invalid. Raises `ValueError` for a file that cannot be rewritten:
    no such document, encrypted, or larger than 512 MB unpacked.
    """
    return _redact(data, redactor, depth=0)


def _redact(data: bytes, redactor: Redactor, *, depth: int) -> Rewritten[bytes]:
    out = BytesIO()
    replaced = 0
    untouched: list[str] = []
    try:
        with zipfile.ZipFile(BytesIO(data)) as source, zipfile.ZipFile(out, "w") as target:
            if sum(info.file_size for info in source.infolist()) > _MOST:
                raise ValueError("the document is too large to be rewritten")
            for info in source.infolist():
                part = _part(info.filename, source.read(info), redactor, depth)
                target.writestr(info, part.content)
                replaced += part.replaced
                untouched += part.untouched
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError) as error:
        raise ValueError(f"the document cannot be rewritten: {type(error).__name__}") from None
    return Rewritten(out.getvalue(), replaced, tuple(untouched))


def _part(name: str, data: bytes, redactor: Redactor, depth: int) -> Rewritten[bytes]:
    if name.endswith("/") or name == "mimetype" or name in _NOT_CONTENT:
        return Rewritten(data)
    if name.endswith(_XML):
        return _xml(name, data, redactor)
    if data.startswith(b"PK\x03\x04") and depth < _DEPTH:
        inner = _redact(data, redactor, depth=depth + 1)
        return Rewritten(inner.content, inner.replaced, tuple(f"{name}/{part}" for part in inner.untouched))
    return Rewritten(data, 0, (name,))


def _xml(name: str, data: bytes, redactor: Redactor) -> Rewritten[bytes]:
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
    try:
        document = data.decode(encoding)
    except UnicodeDecodeError:
        return Rewritten(data, 0, (name,))
    replaced = 0
    if "/worksheets/" in name:
        document, replaced = _cells(document, redactor)
    rewritten = redact_markup(document, redactor, OFFICE)
    if not replaced and not rewritten.replaced:
        return Rewritten(data)
    return Rewritten(rewritten.content.encode(encoding), replaced + rewritten.replaced)


def _cells(document: str, redactor: Redactor) -> tuple[str, int]:
    """Redact the numbers of a sheet. A cell that held one becomes text, and loses the formula that made it."""
    replaced = 0

    def rewrite(match: re.Match[str]) -> str:
        nonlocal replaced
        prefix, attributes, inner = match.groups()
        value = _VALUE.search(inner)
        kind = _TYPE.search(attributes)
        if value is None or (kind is not None and kind.group(1) in ("s", "b", "e")):
            return match.group()
        redacted = redactor.text(numbers.shown(value.group(2), "", _EPOCH))
        if not redacted.replacements:
            return match.group()
        replaced += len(redacted.replacements)
        inner = _FORMULA.sub("", inner.replace(value.group(), ""))
        shown = f'<{prefix}is><{prefix}t xml:space="preserve">{_escaped(redacted.text)}</{prefix}t></{prefix}is>'
        return f'<{prefix}c{_TYPE.sub("", attributes)} t="inlineStr">{shown}{inner}</{prefix}c>'

    return _CELL.sub(rewrite, document), replaced


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
