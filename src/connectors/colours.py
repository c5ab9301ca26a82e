"""How severities look on a terminal, in tables and in reports."""

from __future__ import annotations

from connectors.model import Severity

COLOURS = {
    Severity.CRITICAL: "bold white on red",
    Severity.HIGH: "bold red",
    Severity.MEDIUM: "yellow",
    Severity.LOW: "cyan",
    Severity.INFO: "dim",
}
"""Styles as Rich reads them: https://rich.readthedocs.io/en/stable/style.html"""
