"""Alerts as PagerDuty incidents, by the Events API v2.

https://developer.pagerduty.com/docs/events-api-v2-overview
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

from pydantic import Field, SecretStr

from connectors.alerts import render
from connectors.alerts.answers import settle
from connectors.alerts.destination import Alert, Delivered, Destination, DestinationConfig
from connectors.alerts.web import WebConfig
from connectors.model import Severity

_SEVERITIES: Final = {
    Severity.INFO: "info",
    Severity.LOW: "info",
    Severity.MEDIUM: "warning",
    Severity.HIGH: "error",
    Severity.CRITICAL: "critical",
}
_HINT: Final = "check the routing key of the service's Events API v2 integration"


class PagerDutyConfig(WebConfig):
    """Options of the `pagerduty` destination."""

    addresses: ClassVar[tuple[str, ...]] = ("base_url",)

    routing_key: SecretStr = Field(
        description="Integration key of the service's Events API v2 integration.",
        examples=["${env:PAGERDUTY_ROUTING_KEY}"],
    )
    base_url: str = Field(
        default="https://events.pagerduty.com",
        description="The events endpoint of your service region.",
        examples=["https://events.eu.pagerduty.com"],
    )


class PagerDutyDestination(Destination[PagerDutyConfig]):
    """Triggers one alert per alert id, and resolves it; PagerDuty drops doubles by `dedup_key`."""

    kind: ClassVar[str] = "pagerduty"
    Config: ClassVar[type[DestinationConfig]] = PagerDutyConfig

    def deliver(self, alert: Alert) -> Delivered:
        """Trigger."""
        links = [("Where it was found", alert.resource.url), ("Dashboard", alert.links.get("dashboard", ""))]
        payload = {
            "summary": render.title(alert, 1024),
            "source": render.clean(f"{alert.app}/{alert.connection}"),
            "severity": _SEVERITIES[alert.severity],
            "timestamp": alert.created_at.isoformat(),
            "component": render.clean(alert.resource.container.name),
            "group": render.clean(alert.policy),
            "class": render.clean(alert.findings[0].family) if alert.findings else "notice",
            "custom_details": render.data(alert),
        }
        spelled = [{"href": url, "text": text} for text, raw in links if (url := render.safe_url(raw))]
        return self._send(alert, "trigger", payload=payload, links=spelled, client="connectors")

    def resolve(self, alert: Alert) -> Delivered:
        """Resolve what `deliver` triggered."""
        return self._send(alert, "resolve")

    def probe(self) -> str:
        """Say that nothing was sent: the Events API has no way to test a key without an alert."""
        return "not contacted; PagerDuty offers no test without an alert"

    def _send(self, alert: Alert, action: str, **content: Any) -> Delivered:
        event = {
            "routing_key": self.config.routing_key.get_secret_value(),
            "event_action": action,
            "dedup_key": alert.id[:255],
            **content,
        }
        url = self.config.base_url.rstrip("/") + "/v2/enqueue"
        with self.context.session() as session:
            response = session.post(url, json=event, allow_redirects=False)
        settle(response, hint=_HINT)
        return Delivered(reference=alert.id[:255], recipient=self.context.name)
