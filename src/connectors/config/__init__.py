"""The configuration: one YAML file, checked whole before anything starts."""

from connectors.config.load import load_config, parse_config
from connectors.config.models import (
    Config,
    ConnectionSettings,
    DestinationSettings,
    PolicySettings,
)

__all__ = [
    "Config",
    "ConnectionSettings",
    "DestinationSettings",
    "PolicySettings",
    "load_config",
    "parse_config",
]
