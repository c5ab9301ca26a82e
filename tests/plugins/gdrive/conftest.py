from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.model import Event, Page, Partition, ScanUnit, UnitFailure
from connectors.testing.context import MemoryContext
from connectors.testing.fakeapps import FakeApps
from connectors.testing.fakeapps.gdrive import FakeDrive, service_account
from connectors_gdrive.config import DriveConfig
from connectors_gdrive.connector import DriveConnector

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def fake() -> FakeDrive:
    return FakeDrive()


@pytest.fixture
def url(fake: FakeDrive) -> Iterator[str]:
    with FakeApps(fake).running() as server:
        yield server.url("gdrive")


@pytest.fixture
def context() -> MemoryContext:
    return MemoryContext("acme-drive", now=lambda: NOW)


@pytest.fixture
def connect(url: str, context: MemoryContext) -> Callable[..., DriveConnector]:
    """Make a connector; keyword arguments go into its config."""

    def make(**config: Any) -> DriveConnector:
        defaults = {
            "service_account": service_account(url),
            "users": ["ana@acme.example", "ben@acme.example"],
            "webhook_secret": "shared-by-nobody-else",
            "api_url": url,
        }
        return DriveConnector(DriveConfig.model_validate(defaults | config), context)

    return make


@pytest.fixture
def drive(connect: Callable[..., DriveConnector]) -> DriveConnector:
    return connect()


def _pages(connector: DriveConnector, partition: str, cursor: Any = None) -> list[Page]:
    return list(connector.read(Partition(partition), cursor))


@pytest.fixture
def pages() -> Callable[..., list[Page]]:
    """Read a partition to its end."""
    return _pages


@pytest.fixture
def units() -> Callable[..., dict[str, str | UnitFailure]]:
    """Return an event's units as {part: text or failure}; blobs are read as UTF-8."""

    def collect(connector: DriveConnector, event: Event) -> dict[str, str | UnitFailure]:
        found: dict[str, str | UnitFailure] = {}
        for unit in connector.units(event):
            if isinstance(unit, UnitFailure):
                found[unit.part] = unit
            elif unit.blob is not None:
                with unit.blob.open() as stream:
                    found[unit.part] = stream.read().decode()
            else:
                assert isinstance(unit, ScanUnit)
                found[unit.part] = unit.text or ""
        return found

    return collect
