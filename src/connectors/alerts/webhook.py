"""Alerts as signed webhooks, as the Standard Webhooks specification describes them.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import json
from datetime import datetime
from typing import ClassVar, Final

from pydantic import Field, SecretStr, field_validator
from standardwebhooks.webhooks import Webhook

from connectors.alerts import render
from connectors.alerts.answers import settle
from connectors.alerts.destination import Alert, Delivered, Destination, DestinationConfig
from connectors.alerts.web import WebConfig
from connectors.model import JSON

_LEAST_KEY: Final = 24


class WebhookConfig(WebConfig):
    """Options of the `webhook` destination."""

    url: SecretStr = Field(
        description="Where to post. A secret, because receivers often put a token into it.",
        examples=["https://hooks.example.com/alerts"],
    )
    secret: SecretStr = Field(
        description="Signing secret: `whsec_` and at least 24 random bytes in base64.",
        examples=["${env:ALERT_WEBHOOK_SECRET}"],
    )
    previous_secret: SecretStr | None = Field(
        default=None,
        description="The secret before this one; while it is set, every alert carries both signatures.",
        examples=["${env:ALERT_WEBHOOK_SECRET_OLD}"],
    )

    @field_validator("secret", "previous_secret")
    @classmethod
    def _strong(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None and len(_key(secret)) < _LEAST_KEY:
            raise ValueError("the secret must be `whsec_` and at least 24 random bytes in base64")
        return secret


def _key(secret: SecretStr) -> bytes:
    text = secret.get_secret_value().removeprefix("whsec_")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        return b""


class WebhookDestination(Destination[WebhookConfig]):
    """Posts alerts, signed, with the alert's id as `webhook-id` so that the receiver can drop doubles."""

    kind: ClassVar[str] = "webhook"
    Config: ClassVar[type[DestinationConfig]] = WebhookConfig

    def deliver(self, alert: Alert) -> Delivered:
        """Post one alert. Succeeds on any 2xx."""
        return self._post("alert.created", alert.id, render.data(alert))

    def resolve(self, alert: Alert) -> Delivered:
        """Post that every finding of the alert is resolved."""
        data: dict[str, JSON] = {"id": alert.id, "policy": alert.policy, "connection": alert.connection}
        return self._post("alert.resolved", f"{alert.id}-resolved", data)

    def probe(self) -> str:
        """Judge the URL without posting to it: receivers have no way to tell a test from an alert."""
        return "not contacted; the address is judged at the first alert"

    def _post(self, kind: str, id: str, data: dict[str, JSON]) -> Delivered:  # noqa: A002 (the specification's word)
        now = self.context.now()
        payload = {"type": kind, "timestamp": now.isoformat(), "data": data}
        body = json.dumps(payload, separators=(",", ":"), ensure_ascii=False)
        with self.context.session() as session:
            response = session.post(
                self.config.url.get_secret_value(),
                data=body.encode(),
                headers=self._headers(id, now, body),
                allow_redirects=False,
            )
        settle(response)
        return Delivered(reference=str(response.status_code), recipient=self.context.name)

    def _headers(self, id: str, now: datetime, body: str) -> dict[str, str]:  # noqa: A002 (the specification's word)
        secrets = [self.config.secret, self.config.previous_secret]
        signatures = (Webhook(_key(s)).sign(id, now, body) for s in secrets if s is not None)
        return {
            "Content-Type": "application/json",
            "webhook-id": id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(signatures),
        }
