"""Alerts in Splunk, by the HTTP Event Collector.

https://help.splunk.com/en/splunk-enterprise/get-data-in/collect-http-event-data
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

import requests
from pydantic import Field, SecretStr

from connectors.alerts import render
from connectors.alerts.answers import settle
from connectors.alerts.destination import Alert, Delivered, Destination, DestinationConfig
from connectors.alerts.web import WebConfig
from connectors.errors import Transient
from connectors.model import JSON

_HINT: Final = "check the HEC token, its allowed indexes and that the collector is enabled"


class SplunkConfig(WebConfig):
    """Options of the `splunk_hec` destination."""

    url: str = Field(
        description="Base URL of the collector, with its port and without a path.",
        examples=["https://splunk.example.com:8088"],
        pattern=r"^https?://[^/?#@\s]+/?$",
    )
    token: SecretStr = Field(description="HEC token.", examples=["${env:SPLUNK_HEC_TOKEN}"])
    index: str = Field(default="", description="Index to write to; empty for the token's own.", examples=["dlp"])
    source: str = Field(default="connectors", description="Splunk's `source`.", examples=["connectors"])
    sourcetype: str = Field(
        default="connectors:alert", description="Splunk's `sourcetype`.", examples=["connectors:alert"]
    )
    ca_file: str = Field(
        default="", description="CA bundle for a collector with a private certificate.", examples=["/etc/ssl/corp.pem"]
    )


class SplunkDestination(Destination[SplunkConfig]):
    """Sends one event per alert. Splunk keeps doubles: search with `dedup alert_id` where they matter."""

    kind: ClassVar[str] = "splunk_hec"
    Config: ClassVar[type[DestinationConfig]] = SplunkConfig

    def deliver(self, alert: Alert) -> Delivered:
        """Send one event of an alert."""
        return self._send(alert, "created", {**render.data(alert), "state": "created"})

    def resolve(self, alert: Alert) -> Delivered:
        """Send an event that says that every finding of the alert is resolved."""
        return self._send(alert, "resolved", {"id": alert.id, "policy": alert.policy, "state": "resolved"})

    def probe(self) -> str:
        """Ask the collector whether it takes events; the token is judged at the first alert."""
        with self._session() as session:
            response = session.get(self._url("/services/collector/health"), allow_redirects=False)
        if response.status_code == requests.codes.bad_request:
            raise Transient("the collector does not take events now")
        settle(response)
        return "the collector takes events"

    def _send(self, alert: Alert, state: str, event: dict[str, JSON]) -> Delivered:
        created = state == "created"
        moment = alert.created_at if created else self.context.now()
        envelope: dict[str, Any] = {
            "time": round(moment.timestamp(), 3),
            "source": self.config.source,
            "sourcetype": self.config.sourcetype,
            "event": event,
            "fields": {"alert_id": alert.id, "state": state},
        }
        if self.config.index:
            envelope["index"] = self.config.index
        authorization = f"Splunk {self.config.token.get_secret_value()}"
        with self._session() as session:
            response = session.post(
                self._url("/services/collector/event"),
                json=envelope,
                headers={"Authorization": authorization},
                allow_redirects=False,
            )
        settle(response, hint=_HINT)
        return Delivered(reference=alert.id, recipient=self.config.index or self.context.name)

    def _session(self) -> requests.Session:
        session = self.context.session()
        if self.config.ca_file:
            session.verify = self.config.ca_file
        return session

    def _url(self, path: str) -> str:
        return self.config.url.rstrip("/") + path
