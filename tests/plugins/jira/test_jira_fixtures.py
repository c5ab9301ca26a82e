"""The documented shapes: what each becomes."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest

from connectors.model import Delivery, Partition, ScanUnit
from connectors.testing.context import MemoryContext
from connectors_jira.config import JiraConfig
from connectors_jira.connector import JiraConnector
from connectors_jira.sync import Reader

FIXTURES = Path(__file__).parents[3] / "fixtures" / "jira"
SECRET = "an-invented-secret"
CONFIG = JiraConfig(
    url="https://acme.atlassian.net", pat="t", webhook_secret=SECRET, remote_links=False, changelog=False
)

BECOMES = {
    "webhook_issue_updated": [
        ("changed", "issue:10002", 1767605445678000),
        ("changed", "attachment:10100", 1767605445500000),
    ],
    "webhook_issue_deleted": [("deleted", "issue:10002", 1767605999000000)],
    "webhook_comment_created": [("changed", "comment:10002:10300", 1767605500000000)],
    "webhook_comment_deleted_data_center": [("deleted", "comment:10002:10300", 1767605600000000)],
    "webhook_worklog_created": [("sync", "recent", 1767605700000000)],
    "webhook_attachment_created": [("sync", "recent", 1767605445600000)],
    "webhook_project_deleted": [("deleted", "project:10000", 1767606000000000)],
}


def connector() -> JiraConnector:
    return JiraConnector(CONFIG, MemoryContext())


@pytest.mark.parametrize("name", BECOMES)
def test_each_delivery_becomes_its_events(name: str) -> None:
    body = (FIXTURES / f"{name}.json").read_bytes()
    digest = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    delivery = Delivery("acme", {"x-hub-signature": f"sha256={digest}"}, body)
    made = connector()
    events = made.receive(delivery, made.context.now()).events
    assert [(e.kind.value, e.resource.id, e.version) for e in events] == BECOMES[name]


def test_no_fixture_is_left_out() -> None:
    assert {p.stem for p in FIXTURES.glob("webhook_*.json")} == set(BECOMES)


def test_a_page_of_a_search_gives_its_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = json.loads((FIXTURES / "search_jql.json").read_bytes())
    made = connector()
    monkeypatch.setattr(made.jira, "search", lambda *_, **__: (answer["issues"], ""))
    (page,) = Reader(made.jira, made.config).read(Partition("10000", "OPS"), None)
    assert [e.resource.id for e in page.events] == ["issue:10002", "attachment:10100", "comment:10002:10300"]
    texts: dict[str, Any] = {}
    for event in page.events:
        texts |= {unit.part: unit.text for unit in made.units(event) if isinstance(unit, ScanUnit)}
    assert texts == {
        "summary": "Printer on floor 2 is offline",
        "description": "It says PC LOAD LETTER.\nSteps\nPrint, @Robin Example\nlpstat -p\nthe display\nmodel\nLJ-4",
        "environment": "Floor 2",
        "labels": "printer",
        "field:customfield_10031": "free text",
        "field:customfield_10019": "0|i0000f:",
        "worklog:10400": "changed the toner",
        "name": "printer.log",
        "content": None,
        "body": "I turned it off and on again.",
    }
