"""Google Drive connector: the door."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from connectors import Connector, hookimpl


@hookimpl
def register_connectors(register: Callable[[type[Connector[Any]]], None]) -> None:
    """Register the Google Drive connector."""
    from connectors_gdrive.connector import DriveConnector

    register(DriveConnector)
