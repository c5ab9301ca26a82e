from __future__ import annotations

import io
import zipfile

import pytest

from connectors.errors import Malformed, MissingScope, NotFound, Transient
from connectors.model import Event, EventKind, Gap, ScanUnit, UnitFailure
from connectors.testing.fakeapps import Response
from connectors_gdrive.content import DOCX, XLSX, office_text

ANA = "ana@acme.example"


@pytest.fixture
def event_of(fake, drive, pages):
    """Return the event of the one file there is."""

    def find(file_id: str) -> Event:
        events = [event for page in pages(drive, f"user:{ANA}") for event in page.events]
        return next(event for event in events if event.resource.id == f"file:{file_id}")

    return find


def test_an_uploaded_file_is_fetched_only_when_opened(fake, drive, event_of):
    made = fake.add_file("report.txt", "the text")
    event = event_of(made)
    found = list(drive.units(event))
    blob = next(unit.blob for unit in found if unit.part == "content")
    assert (blob.name, blob.media_type, blob.size) == ("report.txt", "text/plain", 8)
    assert ("GET", f"/drive/v3/files/{made}") not in fake.calls
    with blob.open() as stream:
        assert stream.read() == b"the text"


def test_a_document_leaves_in_the_format_that_keeps_most(fake, drive, event_of):
    made = fake.add_file("plan", mime="document", exports={DOCX: b"docx bytes"})
    blob = next(unit.blob for unit in drive.units(event_of(made)) if unit.part == "content")
    assert (blob.name, blob.media_type, blob.size) == ("plan.docx", DOCX, 10)


@pytest.mark.parametrize(("mime", "small"), [("document", "text/plain"), ("spreadsheet", "text/csv")])
def test_a_document_over_the_export_limit_is_read_as_text_and_says_so(fake, drive, event_of, units, mime, small):
    fake.export_limit = 20
    made = fake.add_file("plan", mime=mime, exports={DOCX: b"x" * 30, XLSX: b"x" * 30, small: b"the text"})
    found = units(drive, event_of(made))
    assert found["content"] == "the text"
    assert found["content:rest"].reason is Gap.TOO_LARGE


def test_a_document_that_is_too_big_as_text_too_is_a_gap(fake, drive, event_of, units):
    fake.export_limit = 20
    made = fake.add_file("plan", mime="document", exports={DOCX: b"x" * 30, "text/plain": b"x" * 30})
    assert units(drive, event_of(made))["content"].reason is Gap.TOO_LARGE


@pytest.mark.parametrize(
    ("mime", "entry", "reason"),
    [
        ("shortcut", {}, Gap.EXCLUDED),
        ("form", {}, Gap.NOT_IN_API),
        ("text/plain", {"capabilities": {"canDownload": False}}, Gap.MISSING_SCOPE),
    ],
)
def test_what_has_no_content_is_a_gap_with_its_reason(fake, drive, event_of, units, mime, entry, reason):
    made = fake.add_file("named", mime=mime, **entry)
    found = units(drive, event_of(made))
    assert found["name"] == "named"
    assert found["content"].reason is reason


def test_a_folder_is_its_name(fake, drive, event_of, units):
    made = fake.add_file("Invoices", mime="folder", description="of 2026")
    assert units(drive, event_of(made)) == {"name": "Invoices", "description": "of 2026"}


def test_malware_is_read_too(fake, drive, event_of, units):
    made = fake.add_file("a.exe", "payload", abusive=True)
    assert units(drive, event_of(made))["content"] == "payload"


def test_deleted_comments_are_silent_and_others_come_to_the_last_page(fake, drive, event_of, units):
    made = fake.add_file("a")
    first, second = fake.add_comment(made, "one", quote="a &amp; b", replies=["re"]), fake.add_comment(made, "two")
    fake.delete_comment(made, fake.add_comment(made, "gone"))
    event = event_of(made)
    fake.page_size = 1
    found = {part: text for part, text in units(drive, event).items() if part.startswith("comment:")}
    reply = next(part for part in found if "/reply:" in part)
    assert found == {
        f"comment:{first}": "one",
        f"comment:{first}/quote": "a & b",
        reply: "re",
        f"comment:{second}": "two",
    }


def test_a_comment_has_its_own_author(fake, drive, event_of):
    made = fake.add_file("a")
    fake.add_comment(made, "one", author="ben@acme.example")
    unit = next(one for one in drive.units(event_of(made)) if one.part.startswith("comment:"))
    assert isinstance(unit, ScanUnit)
    assert unit.author.email == "ben@acme.example"


def test_comments_that_may_not_be_read_are_a_gap(fake, drive, event_of, units):
    made = fake.add_file("a", "the text")
    event = event_of(made)
    fake.fail(Response(403), path=".*/comments")
    found = units(drive, event)
    assert found["comments"].reason is Gap.MISSING_SCOPE
    assert found["content"] == "the text"


def test_old_versions_and_labels_are_read_on_request(fake, connect, event_of, units):
    made = fake.add_file("a.txt", "first")
    fake.edit_file(made, "second")
    fake.files[made].labels = [{"id": "l1", "fields": {"f1": {"valueType": "text", "text": ["labelled"]}}}]
    found = units(connect(old_revisions=True, labels=True), event_of(made))
    assert found["label:l1/f1"] == "labelled"
    assert [text for part, text in found.items() if part.startswith("revision:")] == ["first"]


def test_a_file_deleted_meanwhile_is_not_found(fake, drive, event_of, units):
    made = fake.add_file("a")
    event = event_of(made)
    fake.delete_file(made)
    with pytest.raises(NotFound):
        units(drive, event)


def test_a_download_refused_late_says_why(fake, drive, event_of):
    made = fake.add_file("a")
    event = event_of(made)
    fake.files[made].entry["capabilities"] = {"canDownload": False}
    blob = next(unit.blob for unit in drive.units(event) if unit.part == "content")
    with pytest.raises(MissingScope):
        blob.open()


def test_a_cut_download_is_transient(fake, drive, event_of):
    made = fake.add_file("a", "content")
    event = event_of(made)
    blob = next(unit.blob for unit in drive.units(event) if unit.part == "content")
    cut = Response(200, b"half", {"Content-Encoding": "gzip"})
    fake.fail(cut, path=f"/drive/v3/files/{made}")
    with pytest.raises(Transient), blob.open() as stream:
        stream.read()


@pytest.mark.parametrize("payload", [None, {}, [], "x", {"as": "a"}, {"as": "a", "file": []}, {"as": "a", "file": "x"}])
def test_a_payload_of_another_shape_is_malformed(drive, event_of, fake, payload):
    resource = event_of(fake.add_file("a")).resource
    with pytest.raises(Malformed):
        list(drive.units(Event(EventKind.CHANGED, resource, 1, payload)))


def test_office_text_joins_runs_and_survives_rubbish():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("word/document.xml", "<w:p><w:r><w:t>AB</w:t></w:r><w:r><w:t>&amp;CD</w:t></w:r></w:p>")
    assert "AB&CD" in office_text(stream.getvalue())
    assert office_text(b"PK\x03\x04rubbish") is None


def test_a_failure_of_metadata_alone_is_no_failure_at_all(fake, drive, event_of, units):
    made = fake.add_file("a", "text", properties={"ticket": "OPS-1"})
    found = units(drive, event_of(made))
    assert not [one for one in found.values() if isinstance(one, UnitFailure)]
    assert found["properties"] == "ticket: OPS-1"
