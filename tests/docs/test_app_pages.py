"""Every page about an app shows configurations that its connector takes, and names every setting there is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from connectors.contract import Connector
from connectors_confluence.connector import ConfluenceConnector
from connectors_gdrive.connector import DriveConnector
from connectors_github.connector import GitHubConnector
from connectors_jira.connector import JiraConnector
from connectors_slack.connector import SlackConnector

PAGES = Path(__file__).parents[2] / "docs" / "apps"
CONNECTORS: dict[str, type[Connector[Any]]] = {
    each.name: each for each in (SlackConnector, GitHubConnector, DriveConnector, JiraConnector, ConfluenceConnector)
}


def page(app: str) -> str:
    return (PAGES / f"{app}.md").read_text(encoding="utf-8")


def connections(app: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the connections in the page's YAML examples: connector and config."""
    blocks = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", page(app), re.DOTALL)]
    wholes = [block["connections"] for block in blocks if isinstance(block, dict) and "connections" in block]
    return [(one["connector"], one.get("config", {})) for whole in wholes for one in whole.values()]


@pytest.mark.parametrize("app", CONNECTORS)
def test_examples_use_settings_that_exist(app: str) -> None:
    shown = connections(app)
    assert shown
    for connector, config in shown:
        assert connector == app
        assert set(config) <= set(CONNECTORS[app].Config.model_fields)


@pytest.mark.parametrize("app", CONNECTORS)
def test_every_setting_is_named(app: str) -> None:
    missing = [
        name
        for name in CONNECTORS[app].Config.model_fields
        if f"`{name}`" not in page(app) and f"{name}:" not in page(app)
    ]
    assert missing == []


@pytest.mark.parametrize("app", CONNECTORS)
def test_every_action_is_named(app: str) -> None:
    missing = [spec.name for spec in getattr(CONNECTORS[app], "actions", ()) if f"`{spec.name}`" not in page(app)]
    assert missing == []


@pytest.mark.parametrize("app", CONNECTORS)
@pytest.mark.parametrize("topic", ["covered", "limit", "remov"])
def test_the_page_speaks_of(app: str, topic: str) -> None:
    headings = " ".join(re.findall(r"^#+ .*", page(app), re.MULTILINE)).lower()
    assert topic in headings or topic in page(app).lower()
