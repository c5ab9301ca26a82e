"""A file's texts and bytes: name, description, properties, content, comments, labels, old versions."""

from __future__ import annotations

import html
import io
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from connectors.errors import Malformed, MissingScope
from connectors.model import JSON, Blob, Gap, PersonRef, ScanUnit, UnitFailure
from connectors_gdrive.answers import Refused
from connectors_gdrive.client import Drive
from connectors_gdrive.config import DriveConfig
from connectors_gdrive.events import whole

GOOGLE = "application/vnd.google-apps."
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"


@dataclass(frozen=True)
class Export:
    """How a kind of Google document leaves Drive: the format that keeps most, and one for big documents."""

    media_type: str
    extension: str
    smaller: str = ""
    lost: str = ""


EXPORTS: Mapping[str, Export] = {
    "document": Export(DOCX, ".docx", "text/plain", "headers, links and hidden text"),
    "spreadsheet": Export(XLSX, ".xlsx", "text/csv", "all sheets but the first"),
    "presentation": Export(PPTX, ".pptx", "text/plain", "speaker notes and hidden slides"),
    "drawing": Export("application/pdf", ".pdf"),
    "script": Export("application/vnd.google-apps.script+json", ".json"),
}
"""See https://developers.google.com/workspace/drive/api/guides/ref-export-formats."""

_REASONS = {
    "exportSizeLimitExceeded": (Gap.TOO_LARGE, "Google exports at most 10 MB"),
    "cannotDownloadFile": (Gap.MISSING_SCOPE, "the owner forbids downloads"),
    "cannotExportFile": (Gap.MISSING_SCOPE, "the owner forbids exports"),
    "fileNotDownloadable": (Gap.NOT_IN_API, "Google offers no content for this type"),
    "fileNotExportable": (Gap.NOT_IN_API, "Google offers no content for this type"),
    "downloadQuotaExceeded": (Gap.BUDGET, "the file's download quota is used up"),
    "cannotDownloadAbusiveFile": (
        Gap.NOT_IN_API,
        "marked as malware or spam: only its owner may download it",
    ),
}


def gap(part: str, error: Refused) -> UnitFailure:
    """Return the ledger entry for Google's refusal."""
    reason, detail = _REASONS.get(error.reason, (Gap.FETCH_FAILED, error.reason))
    return UnitFailure(part, reason, detail)


def units(drive: Drive, config: DriveConfig, payload: JSON) -> Iterator[ScanUnit | UnitFailure]:
    """Yield everything that is to be scanned of the file that an event's payload describes.

    Raises `Malformed` for a payload that is not of `events.event_of`.
    """
    try:
        subject, file = str(payload["as"]), payload["file"]
        file_id = str(file["id"])
    except (KeyError, TypeError):
        raise Malformed("not the payload of a Drive event") from None
    if not isinstance(file, Mapping):
        raise Malformed("not the payload of a Drive event")
    yield from metadata(file)
    kind = str(file.get("mimeType", ""))
    if kind == GOOGLE + "folder":
        return
    if kind == GOOGLE + "shortcut":
        yield UnitFailure("content", Gap.EXCLUDED, "a shortcut: its target is scanned where it stands")
        return
    yield from _content(drive, subject, file)
    yield from comments(drive, subject, file_id)
    if config.labels:
        yield from _labels(drive, subject, file_id)
    if config.old_revisions:
        yield from _revisions(drive, subject, file)


def metadata(file: Mapping[str, JSON]) -> Iterator[ScanUnit]:
    """Yield the texts that stand in the file's entry itself."""
    for part, text in (("name", file.get("name")), ("description", file.get("description"))):
        if text:
            yield ScanUnit(part, str(text), label=part)
    properties = file.get("properties")
    if isinstance(properties, Mapping) and properties:
        text = "\n".join(f"{key}: {value}" for key, value in sorted(properties.items()))
        yield ScanUnit("properties", text, label="properties")


def _content(drive: Drive, subject: str, file: Mapping[str, JSON]) -> Iterator[ScanUnit | UnitFailure]:
    kind = str(file.get("mimeType", ""))
    may = file.get("capabilities")
    if isinstance(may, Mapping) and may.get("canDownload") is False:
        yield UnitFailure("content", Gap.MISSING_SCOPE, "the owner forbids downloads")
    elif not kind.startswith(GOOGLE):
        yield ScanUnit(
            "content",
            blob=Blob(
                name=str(file.get("name", "")),
                media_type=kind,
                size=whole(file.get("size")),
                open=_opener(drive, subject, file_id=str(file["id"])),
            ),
            label="content",
        )
    elif kind.removeprefix(GOOGLE) in EXPORTS:
        yield from _exported(drive, subject, file)
    else:
        yield UnitFailure("content", Gap.NOT_IN_API, f"Google exports no {kind.removeprefix(GOOGLE)[:40]}")


def _opener(drive: Drive, subject: str, *, file_id: str, revision: str = "") -> Callable[[], BinaryIO]:
    def fetch() -> BinaryIO:
        try:
            return drive.download(subject, file_id, revision=revision)
        except Refused as error:
            # Only a download tells; the part is a unit by now, so the reason travels as a missing right.
            raise MissingScope(gap("content", error).detail) from None

    return fetch


def _exported(drive: Drive, subject: str, file: Mapping[str, JSON]) -> Iterator[ScanUnit | UnitFailure]:
    """Export now: only the answer tells whether the document is small enough, and it has at most 10 MB."""
    export = EXPORTS[str(file["mimeType"]).removeprefix(GOOGLE)]
    file_id, name = str(file["id"]), str(file.get("name", ""))
    try:
        data = drive.export(subject, file_id, export.media_type)
        yield ScanUnit("content", blob=_held(name + export.extension, export.media_type, data), label="content")
        return
    except Refused as error:
        if error.reason != "exportSizeLimitExceeded" or not export.smaller:
            yield gap("content", error)
            return
    try:
        data = drive.export(subject, file_id, export.smaller)
    except Refused as error:
        yield gap("content", error)
        return
    yield ScanUnit("content", blob=_held(name + ".txt", export.smaller, data), label="content")
    yield UnitFailure(
        "content:rest",
        Gap.TOO_LARGE,
        f"over Google's 10 MB export limit: read as text, without {export.lost}",
    )


def _held(name: str, media_type: str, data: bytes) -> Blob:
    return Blob(name=name, media_type=media_type, size=len(data), open=lambda: io.BytesIO(data))


def comments(drive: Drive, subject: str, file_id: str) -> Iterator[ScanUnit | UnitFailure]:
    """Yield comments, the passages they quote, and replies; deleted ones have no text any more."""
    try:
        for comment in drive.comments(subject, file_id):
            try:
                found = list(_comment(comment))
            except (TypeError, AttributeError, KeyError) as error:
                yield UnitFailure("comments", Gap.MALFORMED, f"of another shape ({type(error).__name__})")
            else:
                yield from found
    except MissingScope as error:
        yield UnitFailure("comments", Gap.MISSING_SCOPE, str(error))
    except Refused as error:
        yield gap("comments", error)


def _comment(comment: Mapping[str, JSON]) -> Iterator[ScanUnit]:
    part = f"comment:{comment['id']}"
    yield from _said(part, comment)
    quote = (comment.get("quotedFileContent") or {}).get("value")
    if quote and not comment.get("deleted"):
        yield ScanUnit(f"{part}/quote", html.unescape(str(quote)), label="passage quoted by a comment")
    for reply in comment.get("replies") or ():
        yield from _said(f"{part}/reply:{reply['id']}", reply)


def _said(part: str, said: Mapping[str, JSON]) -> Iterator[ScanUnit]:
    text = said.get("content")
    if text and not said.get("deleted"):
        author = said.get("author") or {}
        email = str(author.get("emailAddress") or "").lower()
        ref = PersonRef(id=email, name=str(author.get("displayName", "")), email=email) if author else None
        yield ScanUnit(part, str(text), label="reply" if "/reply:" in part else "comment", author=ref)


def _labels(drive: Drive, subject: str, file_id: str) -> Iterator[ScanUnit | UnitFailure]:
    try:
        for label in drive.labels(subject, file_id):
            try:
                found = [
                    ScanUnit(f"label:{label['id']}/{name}", "\n".join(map(str, field["text"])), label="label")
                    for name, field in sorted((label.get("fields") or {}).items())
                    if field.get("text")
                ]
            except (TypeError, AttributeError, KeyError) as error:
                yield UnitFailure("labels", Gap.MALFORMED, f"of another shape ({type(error).__name__})")
            else:
                yield from found
    except MissingScope as error:
        yield UnitFailure("labels", Gap.MISSING_SCOPE, str(error))
    except Refused as error:
        yield gap("labels", error)


def _revisions(drive: Drive, subject: str, file: Mapping[str, JSON]) -> Iterator[ScanUnit | UnitFailure]:
    file_id = str(file["id"])
    try:
        old = drive.revisions(subject, file_id)[:-1]
    except MissingScope as error:
        yield UnitFailure("revisions", Gap.MISSING_SCOPE, str(error))
        return
    except Refused as error:
        yield gap("revisions", error)
        return
    for one in old:
        part, kind = f"revision:{one.get('id')}", str(one.get("mimeType", ""))
        if kind.startswith(GOOGLE):
            yield UnitFailure(part, Gap.NOT_IN_API, "Google hands out no old versions of its own documents")
            continue
        blob = Blob(
            name=str(one.get("originalFilename") or file.get("name", "")),
            media_type=kind,
            size=whole(one.get("size")),
            open=_opener(drive, subject, file_id=file_id, revision=str(one.get("id"))),
        )
        yield ScanUnit(part, blob=blob, label="old version")


# -- reading one part again, for actions

PEEK = 20 * 2**20
"""Bytes up to which an action reads a file again."""


def peek(drive: Drive, subject: str, file: Mapping[str, JSON], *, part: str) -> str | None:
    """Return the current text of one part for the re-check of an action; None where this cannot be told.

    Texts and office files are read; of PDFs, pictures and the like it cannot be told. A part that is not there
    any more is ''.
    """
    if part in ("name", "description", "properties"):
        return _text_of(list(metadata(file)), part)
    if part.startswith("comment:"):
        return _text_of(list(comments(drive, subject, str(file["id"]))), part)
    unit = next((one for one in _content(drive, subject, file) if isinstance(one, ScanUnit)), None)
    if part != "content" or unit is None or unit.blob is None:
        return None
    with unit.blob.open() as stream:
        data = stream.read(PEEK + 1)
    if len(data) > PEEK:
        return None
    if unit.blob.media_type in (DOCX, XLSX, PPTX):
        return office_text(data)
    if unit.blob.media_type.startswith("text/") or unit.blob.media_type.endswith(("json", "xml", "yaml")):
        return data.decode("utf-8", "replace")
    return None


def _text_of(found: list[ScanUnit] | list[ScanUnit | UnitFailure], part: str) -> str | None:
    if any(isinstance(one, UnitFailure) for one in found):
        return None
    return next((one.text or "" for one in found if isinstance(one, ScanUnit) and one.part == part), "")


_ENDS = re.compile(r"</(?:w:p|a:p|si|c|row|w:tr)>")
_TAGS = re.compile(r"<[^>]*>")


def office_text(data: bytes) -> str | None:
    """Return the text of every XML part of an office file, roughly; None for a file that is none or too big.

    Good enough to see whether a value still stands there; findings come from the host's own extraction.
    """
    texts: list[str] = []
    budget = 10 * PEEK
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for member in archive.infolist():
                budget -= member.file_size
                if budget < 0:
                    return None
                if member.filename.endswith(".xml"):
                    xml = archive.read(member).decode("utf-8", "replace")
                    texts.append(html.unescape(_TAGS.sub("", _ENDS.sub("\n", xml))))
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError):
        return None
    return "\n".join(texts)
