"""Alerts: grouping, rendering and the places they go to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from connectors.alerts.destination import Destination


def destinations() -> tuple[type[Destination[Any]], ...]:
    """Return the built-in destination classes. Imported only when asked for, with their clients."""
    from connectors.alerts.console import ConsoleDestination
    from connectors.alerts.jira import JiraDestination
    from connectors.alerts.mail import EmailDestination
    from connectors.alerts.pagerduty import PagerDutyDestination
    from connectors.alerts.slack import SlackDestination
    from connectors.alerts.splunk import SplunkDestination
    from connectors.alerts.syslog import SyslogDestination
    from connectors.alerts.teams import TeamsDestination
    from connectors.alerts.webhook import WebhookDestination

    return (
        ConsoleDestination,
        EmailDestination,
        JiraDestination,
        PagerDutyDestination,
        SlackDestination,
        SplunkDestination,
        SyslogDestination,
        TeamsDestination,
        WebhookDestination,
    )
