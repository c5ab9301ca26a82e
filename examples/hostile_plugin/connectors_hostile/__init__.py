"""The door of the hostile plugin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from connectors import Connector, hookimpl


@hookimpl
def register_connectors(register: Callable[[type[Connector[Any]]], None]) -> None:
    """Register a connector that logs content and believes every webhook."""
    from connectors_hostile.defects import Worst

    register(Worst)
