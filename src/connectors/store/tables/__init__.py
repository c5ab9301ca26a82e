"""Every table, by the part of the house that writes it. `metadata` is what the migrations must arrive at."""

from connectors.store.columns import confine
from connectors.store.tables import dashboard, findings, intake, platform, routing, syncs
from connectors.store.tables.base import metadata

confine(metadata)

__all__ = ["dashboard", "findings", "intake", "metadata", "platform", "routing", "syncs"]
