"""Slack: messages, threads, files and canvases, by the Events API and the Web API."""

from collections.abc import Callable
from typing import Any

from connectors import Connector, hookimpl


@hookimpl
def register_connectors(register: Callable[[type[Connector[Any]]], None]) -> None:
    """Register the Slack connector."""
    from connectors_slack.connector import SlackConnector

    register(SlackConnector)
