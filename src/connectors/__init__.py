"""Watch SaaS apps for sensitive data. The names here are the public API for plugin authors."""

from connectors.contract import (
    API_VERSION,
    Budget,
    ConnectionConfig,
    Connector,
    Context,
    KnowsPeople,
    ReceivesWebhooks,
    Remediates,
    State,
    Subscribes,
    Syncs,
)
from connectors.hookspecs import hookimpl

__all__ = [
    "API_VERSION",
    "Budget",
    "ConnectionConfig",
    "Connector",
    "Context",
    "KnowsPeople",
    "ReceivesWebhooks",
    "Remediates",
    "State",
    "Subscribes",
    "Syncs",
    "__version__",
    "hookimpl",
]

__version__ = "0.1.0"
