"""The page of the app holds: its examples are valid, its settings and actions are those of the code."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import yaml

from connectors_jira.actions import ACTIONS
from connectors_jira.config import JiraConfig

PAGE = (Path(__file__).parents[3] / "docs" / "apps" / "jira.md").read_text()
EXAMPLES = [yaml.safe_load(dedent(found)) for found in re.findall(r"(?m)^ *```yaml\n(.*?)^ *```", PAGE, re.DOTALL)]


def settings(example: dict[str, Any]) -> dict[str, Any]:
    if "connections" in example:
        ((_, connection),) = example["connections"].items()
        assert connection["connector"] == "jira"
        assert connection["sync"] == {"every": "15m", "full_every": "7d"}
        return dict(connection["config"])
    return dict(example["config"])


@pytest.mark.parametrize("example", EXAMPLES)
def test_each_example_is_valid(example: dict[str, Any]) -> None:
    JiraConfig.model_validate(settings(example))


def test_settings_and_actions_are_those_of_the_code() -> None:
    headed = dict(re.findall(r"(?ms)^## (\w+)\n(.*?)(?=^## |\Z)", PAGE))
    named = {part: set(re.findall(r"(?m)^\| `(\w+)`", headed[part])) for part in ("Settings", "Actions")}
    assert named["Settings"] < set(JiraConfig.model_fields)
    assert named["Actions"] == {action.name for action in ACTIONS}
