"""Alerts: grouping, rendering and the places they go to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from connectors.alerts.destination import Destination


def destinations() -> tuple[type[Destination[Any]], ...]:
    """Return the built-in destination classes. Imported only when asked for, with their clients."""
    from connectors.alerts.console import ConsoleDestination
    from connectors.alerts.mail import EmailDestination
    from connectors.alerts.slack import SlackDestination
    from connectors.alerts.webhook import WebhookDestination

    return (ConsoleDestination, EmailDestination, SlackDestination, WebhookDestination)
