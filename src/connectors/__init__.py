"""Watch SaaS apps for sensitive data. The names here are the public API for plugin authors."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from connectors.contract import (
        API_VERSION,
        Budget,
        ConnectionConfig,
        Connector,
        Context,
        KnowsPeople,
        ReceivesWebhooks,
        Remediates,
        Rereads,
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
    "Rereads",
    "State",
    "Subscribes",
    "Syncs",
    "__version__",
    "hookimpl",
]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for, so that a scanner starts without HTTP and pydantic."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = import_module("connectors.hookspecs" if name == "hookimpl" else "connectors.contract")
    return getattr(home, name)
