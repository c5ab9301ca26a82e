"""A marked secret in every kind of place: the sync and the push hint must bring each one to a scan unit."""

from __future__ import annotations

import io
import zipfile

import pytest

from connectors.model import Delivery, EventKind
from connectors_gdrive.content import DOCX, PPTX, XLSX

ANA, BEN = "ana@acme.example", "ben@acme.example"


def office(text: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("word/document.xml", f"<w:p>{text}</w:p>")
    return stream.getvalue()


def seed(fake):
    """Put one marker into each place; return {place: marker}."""
    shared = fake.add_drive("Sales", [BEN])
    many = fake.add_file("many comments", "")
    for n in range(3):
        fake.add_comment(many, f"on another page: MARK-commentpage{n}")
    noted = fake.add_file("noted", "")
    fake.add_comment(noted, "MARK-comment", quote="MARK-quote", replies=["first", "MARK-reply"])
    outside = fake.add_file("from outside", "MARK-sharedwithme", owner="eve@other.example")
    fake.share(outside, type="user", emailAddress=BEN)
    fake.add_file("MARK-name", "")
    fake.add_file("described", "", description="MARK-description")
    fake.add_file("tagged", "", properties={"key": "MARK-property"})
    fake.add_file("a.txt", "MARK-upload")
    fake.add_file("up.docx", office("MARK-office"), mime=DOCX)
    fake.add_file("doc", mime="document", exports={DOCX: office("MARK-document")})
    fake.add_file("sheet", mime="spreadsheet", exports={XLSX: office("MARK-sheet")})
    fake.add_file("slides", mime="presentation", exports={PPTX: office("MARK-slides")})
    fake.add_file("drawing", mime="drawing", exports={"application/pdf": b"MARK-drawing"})
    fake.add_file("code", mime="script", exports={"application/vnd.google-apps.script+json": b"MARK-script"})
    fake.add_file("MARK-folder", mime="folder")
    fake.add_file("MARK-shortcut", mime="shortcut")
    fake.add_file("in the drive", "MARK-shareddrive", drive=shared)
    fake.add_file("of ben", "MARK-otheruser", owner=BEN)
    old = fake.add_file("rewritten", "MARK-oldversion")
    fake.edit_file(old, "clean now")
    labelled = fake.add_file("labelled", "")
    fake.files[labelled].labels = [{"id": "l", "fields": {"f": {"text": ["MARK-label"]}}}]


PLACES = [
    "name", "description", "property", "upload", "office", "document", "sheet", "slides", "drawing", "script",
    "folder", "shortcut", "comment", "quote", "reply", "commentpage0", "commentpage1", "commentpage2", "sharedwithme",
    "shareddrive", "otheruser", "oldversion", "label",
]  # fmt: skip


def texts(connector, events):
    for event in events:
        for unit in connector.units(event) if event.kind is EventKind.CHANGED else ():
            if getattr(unit, "text", None):
                yield unit.text
            elif getattr(unit, "blob", None):
                with unit.blob.open() as stream:
                    data = stream.read()
                if data[:2] == b"PK":
                    with zipfile.ZipFile(io.BytesIO(data)) as archive:
                        yield "".join(archive.read(name).decode() for name in archive.namelist())
                else:
                    yield data.decode()


@pytest.fixture
def whole(connect):
    return connect(old_revisions=True, labels=True)


def test_a_sync_reads_every_place(fake, whole):
    seed(fake)
    fake.page_size = 2
    events = [e for part in whole.partitions() for page in whole.read(part, None) for e in page.events]
    seen = "\n".join(texts(whole, events))
    assert [place for place in PLACES if f"MARK-{place}" not in seen] == []


def test_push_hints_lead_to_every_place(fake, whole, context):
    fake.add_drive("Sales", [BEN])
    partitions = {part.id: part for part in whole.partitions()}
    cursors = {name: [*whole.read(part, None)][-1].cursor for name, part in partitions.items()}
    whole.subscribe("https://dlp.example/webhooks/acme-drive", None)
    seed(fake)
    shared = next(reversed(fake.drives))
    partitions |= {part.id: part for part in whole.partitions()}
    hinted = {f"drive:{shared}"}  # made after the channels: the next renewal opens its own
    for posted in fake.notifications:
        headers = {name.lower(): value for name, value in posted.headers.items()}
        receipt = whole.receive(Delivery("acme-drive", headers, posted.body), context.now())
        hinted |= {event.partition.id for event in receipt.events}
    events = [e for name in hinted for page in whole.read(partitions[name], cursors.get(name)) for e in page.events]
    seen = "\n".join(texts(whole, events))
    assert [place for place in PLACES if f"MARK-{place}" not in seen] == []
