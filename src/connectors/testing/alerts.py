"""An alert with its finding and resource, for the tests of destinations: change what the test is about."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from connectors.alerts.destination import Alert
from connectors.model import Confidence, Container, Finding, Person, Place, Resource, Severity, Visibility

__all__ = ["NOW", "alert", "finding", "resource"]

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
"""When the alert was made."""


def resource(**changes: Any) -> Resource:
    """Return a message in a channel, with `changes` to its fields."""
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
    """Return the `number`th finding, a card in a message, with `changes` to its fields."""
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
    """Return an alert of one finding, as a destination is given it, with `changes` to its fields."""
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
