"""Alerts in Microsoft Teams, as an Adaptive Card posted to a workflow's webhook.

https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

from pydantic import Field, SecretStr

from connectors.alerts import render
from connectors.alerts.answers import settle
from connectors.alerts.destination import Alert, Delivered, Destination, DestinationConfig
from connectors.alerts.web import WebConfig
from connectors.model import Severity

_COLORS: Final = {
    Severity.INFO: "Default",
    Severity.LOW: "Accent",
    Severity.MEDIUM: "Warning",
    Severity.HIGH: "Attention",
    Severity.CRITICAL: "Attention",
}


class TeamsConfig(WebConfig):
    """Options of the `teams` destination."""

    url: SecretStr = Field(
        description="URL of a workflow with the trigger *When a Teams webhook request is received*.",
        examples=["${env:TEAMS_WORKFLOW_URL}"],
    )


class TeamsDestination(Destination[TeamsConfig]):
    """Posts cards of about 10 KB at most (Teams takes 28).

    A workflow knows no idempotency key: when an answer is lost after Teams took the card, it is posted again,
    with the same alert id at its foot.
    """

    kind: ClassVar[str] = "teams"
    Config: ClassVar[type[DestinationConfig]] = TeamsConfig

    def deliver(self, alert: Alert) -> Delivered:
        """Post one card."""
        with self.context.session() as session:
            response = session.post(
                self.config.url.get_secret_value(), json=teams_message(alert), allow_redirects=False
            )
        settle(response, hint="make a new workflow webhook and put its URL into this destination")
        return Delivered(reference=str(response.status_code), recipient=self.context.name)

    def probe(self) -> str:
        """Say that nothing was sent: a workflow posts whatever reaches it."""
        return "not contacted; a workflow posts whatever reaches it"


def teams_message(alert: Alert) -> dict[str, Any]:
    """Return the message that a workflow posts. Pure.

    Texts of apps go into `TextRun`s, which, unlike `TextBlock` and `FactSet`, read no Markdown.
    """
    shape = render.card(alert)
    body: list[dict[str, Any]] = [
        _paragraph(_run(shape.title, weight="Bolder", size="Large", color=_COLORS[alert.severity])),
        *(_paragraph(_run(f"{name}: ", weight="Bolder"), _run(value)) for name, value in shape.facts),
        *(
            _paragraph(
                _run(f"{line.detector} ", weight="Bolder"),
                _run(line.preview, fontType="Monospace"),
                _run(f" ({line.sureness}) {line.place}"),
            )
            for line in shape.lines
        ),
    ]
    rest = [f"… and {shape.more} more" if shape.more else "", shape.message, shape.advice]
    body += [_paragraph(_run(text)) for text in rest if text]
    body.append(_paragraph(_run(f"Alert {shape.id}", isSubtle=True, size="Small")))
    links = [(f"Open in {render.clean(alert.app, 40)}", shape.url), *shape.links]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
        "actions": [{"type": "Action.OpenUrl", "title": title, "url": url} for title, url in links if url],
        "msteams": {"width": "Full"},
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def _paragraph(*runs: dict[str, Any]) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": list(runs)}


def _run(text: str, **style: Any) -> dict[str, Any]:
    return {"type": "TextRun", "text": text, **style}
