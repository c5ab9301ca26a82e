"""Records from rows of the store, and where a file of a repository stands."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.export.record import as_values, iso, record_of, repository_path
from connectors.model import Confidence, FindingState, Place, Severity, Validity, Visibility

ROW: dict[str, Any] = {
    "id": uuid.UUID(int=7), "tenant": "acme", "residency": "eu", "connection": "acme-code", "app": "code",
    "resource_key": uuid.UUID(int=8), "resource_id": "file:77:main:src/a.py", "resource_kind": "file",
    "container": "77", "container_name": "acme/api", "label": "file src/a.py in acme/api",
    "url": "https://code.example/acme/api/blob/main/src/a.py", "author_id": "U1", "author": "Robin",
    "author_email": "robin@acme.example", "visibility": Visibility.PUBLIC, "part": "content",
    "detector": "example_token", "family": "secret", "confidence": 5, "severity": 4, "policies": ["secrets"],
    "fingerprint": "fp", "preview": "ex••42", "places": [{"start": 0, "end": 4}, {"start": 9, "end": 13, "row": 2}],
    "count": 2, "state": "open", "revision": 1, "version": 3, "note": "canary-note",
    "first_seen": datetime(2026, 3, 4, tzinfo=UTC), "last_seen": datetime(2026, 3, 5, tzinfo=UTC),
    "resolved_at": None, "updated_at": datetime(2026, 3, 5, tzinfo=UTC), "expires_at": None,
    "validity": "active", "validity_checked_at": datetime(2026, 3, 5, tzinfo=UTC),
    "validity_evidence": {"vendor": "example", "status": 200},
}  # fmt: skip


def test_a_row_becomes_a_record() -> None:
    record = record_of(ROW)
    assert record.id == str(uuid.UUID(int=7))
    assert (record.confidence, record.severity) == (Confidence.VERY_LIKELY, Severity.HIGH)
    assert (record.state, record.visibility) == (FindingState.OPEN, Visibility.PUBLIC)
    assert record.places == (Place(0, 4), Place(9, 13, row=2))
    assert record.path == "src/a.py"
    assert record.validity is Validity.ACTIVE
    assert as_values(record)["validity_evidence"] == {"vendor": "example", "status": 200}
    assert "canary-note" not in json.dumps(as_values(record))


def test_the_columns_of_the_store_are_those_that_a_row_needs() -> None:
    from connectors.store.tables.findings import finding

    assert set(ROW) == {column.name for column in finding.columns}


@pytest.mark.parametrize(
    ("kind", "label", "url", "path"),
    [
        ("file", "file a b.py in acme/api", "https://h.example/acme/api/blob/main/a%20b.py", "a b.py"),
        ("file", "file y/z.py on branch f/x in r", "https://h.example/acme/api/blob/f/x/y/z.py", "y/z.py"),
        ("file", "file src/a.py", "https://h.example/acme/api/-/blob/main/src/a.py?x=1", "src/a.py"),
        ("file", "something else", "https://h.example/acme/api/blob/main/src/a.py", "src/a.py"),
        ("file", "budget.xlsx", "https://drive.example/file/d/1/view", ""),
        ("issue", "issue 1", "https://h.example/acme/api/blob/main/src/a.py", ""),
        ("file", "file", "https://h.example/acme/api/blob/main", ""),
        ("file", "file", "", ""),
    ],
)
def test_the_path_in_a_repository(kind: str, label: str, url: str, path: str) -> None:
    assert repository_path(kind, label, url) == path


def test_times_are_utc_to_the_millisecond() -> None:
    assert iso(datetime.fromisoformat("2026-03-04T07:00:00.123456+02:00")) == "2026-03-04T05:00:00.123Z"
    assert iso(None) is None


def test_text_that_is_no_unicode_is_replaced(make_record: Callable[..., Any]) -> None:
    record = make_record(path=b"src/\xff\xfe.py".decode("utf-8", "surrogateescape"), preview="ü")
    assert record.path == "src/??.py"
    assert record.preview == "ü"
