"""The dashboard: server-rendered pages over the database, for admins, analysts, and people who were alerted."""

from connectors.dashboard.app import routes
from connectors.dashboard.firewall import link_alerts
from connectors.dashboard.jobs import HANDLERS
from connectors.dashboard.signing import announce

__all__ = ["HANDLERS", "announce", "link_alerts", "routes"]
