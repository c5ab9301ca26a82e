"""What workers do for the dashboard."""

from __future__ import annotations

from collections.abc import Mapping

from connectors.work.job import Handler

HANDLERS: Mapping[str, Handler] = {}
"""Job handlers by queue."""
