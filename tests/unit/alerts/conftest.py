"""Findings and alerts that tests change as they need."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.alerts.destination import Alert
from connectors.model import (
    Confidence,
    Container,
    Finding,
    Person,
    Place,
    Resource,
    Severity,
    Visibility,
)

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


def resource(**changes: Any) -> Resource:
    values: dict[str, Any] = {
        "id": "C1/171.5",
        "kind": "message",
        "container": Container("C1", "#general", Visibility.INTERNAL),
        "label": "message in #general",
        "url": "https://acme.example/archives/C1/p1715",
        "visibility": Visibility.INTERNAL,
    }
    return Resource(**{**values, **changes})


def finding(number: int = 1, **changes: Any) -> Finding:
    values: dict[str, Any] = {
        "id": f"f{number}",
        "connection": "acme-chat",
        "app": "chat",
        "resource": resource(),
        "part": "body",
        "detector": "payment_card",
        "family": "payment_card",
        "confidence": Confidence.VERY_LIKELY,
        "severity": Severity.HIGH,
        "fingerprint": f"fp{number}",
        "preview": "4242…••42",
        "places": (Place(0, 16),),
        "policies": ("cards",),
        "version": 7,
    }
    return Finding(**{**values, **changes})


def alert(**changes: Any) -> Alert:
    values: dict[str, Any] = {
        "id": "alert-0123",
        "tenant": "default",
        "policy": "cards",
        "severity": Severity.HIGH,
        "app": "chat",
        "connection": "acme-chat",
        "resource": resource(),
        "findings": (finding(),),
        "created_at": NOW,
        "author": Person("U1", "Robin Example", "robin@acme.example"),
        "message": "Cards never belong in chat.",
        "links": {"review": "https://dlp.acme.example/r/abc", "dashboard": "https://dlp.acme.example/f/1"},
    }
    return Alert(**{**values, **changes})


@pytest.fixture
def make_finding() -> Callable[..., Finding]:
    return finding


@pytest.fixture
def make_resource() -> Callable[..., Resource]:
    return resource


@pytest.fixture
def make_alert() -> Callable[..., Alert]:
    return alert
