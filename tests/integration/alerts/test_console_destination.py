"""The console destination, and the list of built-in destinations."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from connectors.alerts import destinations
from connectors.alerts.console import ConsoleConfig, ConsoleDestination

Make = Callable[..., Any]


def test_people_read_lines(
    context: Any, make_alert: Make, make_finding: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    alert = make_alert(findings=tuple(make_finding(n, preview="[bold]••[/bold]") for n in range(7)))
    delivered = ConsoleDestination(ConsoleConfig(), context).deliver(alert)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "[HIGH] 7 findings in message in #general (chat)"
    assert lines[1] == "  payment_card  [bold]••[/bold]  (very likely) body"
    assert lines[6] == "  … and 2 more"
    assert delivered.recipient == "stdout"


def test_collectors_read_one_json_object_per_line(
    context: Any, make_alert: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    destination = ConsoleDestination(ConsoleConfig(format="json"), context)
    destination.deliver(make_alert())
    destination.deliver(make_alert(id="alert-9", message="two\nlines"))
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["id"] for each in told] == ["alert-0123", "alert-9"]


def test_every_destination_documents_every_option() -> None:
    kinds = [each.kind for each in destinations()]
    assert len(kinds) == len(set(kinds))
    assert {"console", "email", "slack", "webhook"} <= set(kinds)
    for each in destinations():
        for name, field in each.Config.model_fields.items():
            assert field.description, f"{each.kind}.{name} has no description"
            assert field.examples, f"{each.kind}.{name} has no example"
        assert each.probe is not destinations()[0].__mro__[1].probe
