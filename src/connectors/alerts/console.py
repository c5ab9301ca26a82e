"""Alerts on standard output: a line for people, or JSON Lines for a log collector."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from typing import ClassVar, Final

from pydantic import Field
from rich.console import Console
from rich.text import Text

from connectors.alerts import render
from connectors.alerts.destination import Alert, Delivered, Destination, DestinationConfig
from connectors.model import Severity

_STYLES: Final = {
    Severity.INFO: "dim",
    Severity.LOW: "cyan",
    Severity.MEDIUM: "yellow",
    Severity.HIGH: "red",
    Severity.CRITICAL: "bold red",
}


class Format(StrEnum):
    """How an alert is written."""

    RICH = "rich"
    JSON = "json"


class ConsoleConfig(DestinationConfig):
    """Options of the `console` destination."""

    format: Format = Field(
        default=Format.RICH,
        description="`rich` writes a coloured line and its findings, `json` one JSON object per line.",
        examples=["json"],
    )


class ConsoleDestination(Destination[ConsoleConfig]):
    """Writes alerts to standard output."""

    kind: ClassVar[str] = "console"
    Config: ClassVar[type[DestinationConfig]] = ConsoleConfig

    def deliver(self, alert: Alert) -> Delivered:
        """Write one alert."""
        if self.config.format is Format.JSON:
            sys.stdout.write(json.dumps(render.data(alert), sort_keys=True) + "\n")
            sys.stdout.flush()
        else:
            Console(file=sys.stdout, highlight=False, soft_wrap=True).print(_lines(alert))
        return Delivered(reference=alert.id, recipient="stdout")

    def probe(self) -> str:
        """Say where alerts go."""
        return "writes to standard output"


def _lines(alert: Alert) -> Text:
    card = render.card(alert, shown=5)
    lines = Text(card.title, style=_STYLES[alert.severity])
    for line in card.lines:
        lines.append(f"\n  {line.detector}  {line.preview}  ({line.sureness}) {line.place}", style="default")
    if card.more:
        lines.append(f"\n  … and {card.more} more", style="dim")
    if card.url:
        lines.append(f"\n  {card.url}", style="dim")
    return lines
