"""Findings and alerts that tests change as they need."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from connectors.alerts.destination import Alert
from connectors.model import Finding, Resource
from connectors.testing.alerts import alert, finding, resource


@pytest.fixture
def make_finding() -> Callable[..., Finding]:
    return finding


@pytest.fixture
def make_resource() -> Callable[..., Resource]:
    return resource


@pytest.fixture
def make_alert() -> Callable[..., Alert]:
    return alert
