"""GitHub: code, issues, pull requests, reviews, discussions, wikis, releases, by webhooks, REST and GraphQL."""

from collections.abc import Callable
from typing import Any

from connectors import Connector, hookimpl


@hookimpl
def register_connectors(register: Callable[[type[Connector[Any]]], None]) -> None:
    """Register the GitHub connector."""
    from connectors_github.connector import GitHubConnector

    register(GitHubConnector)
