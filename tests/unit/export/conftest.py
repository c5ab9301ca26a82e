"""Records that tests change as they need."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.export.record import FindingRecord
from connectors.model import Confidence, FindingState, Place, Severity, Visibility

SEEN = datetime(2026, 3, 4, 5, 6, 7, 891_000, tzinfo=UTC)


def record(number: int = 1, **changes: Any) -> FindingRecord:
    values: dict[str, Any] = {
        "id": f"f{number}",
        "tenant": "acme",
        "residency": "eu",
        "connection": "acme-code",
        "app": "code",
        "resource_id": f"file:77:main:src/app{number}.py",
        "resource_kind": "file",
        "resource_label": f"file src/app{number}.py in acme/api",
        "resource_url": f"https://code.example/acme/api/blob/main/src/app{number}.py",
        "container_id": "77",
        "container": "acme/api",
        "part": "content",
        "detector": "example_token",
        "family": "secret",
        "confidence": Confidence.VERY_LIKELY,
        "severity": Severity.HIGH,
        "state": FindingState.OPEN,
        "policies": ("secrets", "everything"),
        "preview": "ex••••••42",
        "fingerprint": f"fp{number}",
        "first_seen": SEEN,
        "last_seen": SEEN + timedelta(hours=1),
        "author_id": "U1",
        "author": "Robin Example",
        "author_email": "robin@acme.example",
        "visibility": Visibility.INTERNAL,
        "places": (Place(10, 30), Place(50, 70)),
        "path": f"src/app{number}.py",
    }
    return FindingRecord(**{**values, **changes})


@pytest.fixture
def make_record() -> Callable[..., FindingRecord]:
    return record
