"""Confluence for connectors: the door through which the host finds it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from connectors import Connector, hookimpl


@hookimpl
def register_connectors(register: Callable[[type[Connector[Any]]], None]) -> None:
    """Register the Confluence connector."""
    from connectors_confluence.connector import ConfluenceConnector

    register(ConfluenceConnector)
