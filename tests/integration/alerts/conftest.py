"""Findings and alerts that tests change as they need."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest

from connectors.alerts.destination import Alert
from connectors.model import Finding, Resource
from connectors.net import Guard, Session, connect
from connectors.testing.alerts import NOW, alert, finding, resource


@pytest.fixture
def make_finding() -> Callable[..., Finding]:
    return finding


@pytest.fixture
def make_resource() -> Callable[..., Resource]:
    return resource


@pytest.fixture
def make_alert() -> Callable[..., Alert]:
    return alert


class DestinationRun:
    """A `DestinationContext` over real sessions that may reach loopback."""

    name = "told"

    def __init__(self) -> None:
        self.waits: list[float] = []

    def session(self) -> Session:
        return connect(guard=Guard.of(["127.0.0.1"]), sleep=self.waits.append)

    def now(self) -> datetime:
        return NOW


@pytest.fixture
def context() -> DestinationRun:
    return DestinationRun()
