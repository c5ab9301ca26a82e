"""The documented shapes: what each becomes."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path

import pytest

from connectors.model import Delivery, ScanUnit
from connectors.testing.context import MemoryContext
from connectors_confluence.config import ConfluenceConfig
from connectors_confluence.connector import ConfluenceConnector
from connectors_confluence.resources import event, from_v1, from_v2

FIXTURES = Path(__file__).parents[3] / "fixtures" / "confluence"
SECRET = "an-invented-secret"
CONFIG = ConfluenceConfig(url="https://acme.atlassian.net/wiki", pat="t", webhook_secret=SECRET)

BECOMES = {
    "webhook_page_updated": [("sync", "recent", 1767605445690000)],
    "webhook_page_updated_full": [("changed", "page:16777227", 1767605445631000)],
    "webhook_attachment_created": [("sync", "recent", 1767605446000000)],
    "webhook_comment_removed": [("deleted", "comment:16777310", 1767605447000000)],
    "relayed_page_updated": [("changed", "page:838205441", 1767605445631000)],
}
BODY = 'Printers\nThe second floor’s is LJ-4.\nbash\nlpstat -p && echo "done"\ntoner\nToner\nroom\n2.17\n'


def connector() -> ConfluenceConnector:
    return ConfluenceConnector(CONFIG, MemoryContext())


@pytest.mark.parametrize("name", BECOMES)
def test_each_delivery_becomes_its_events(name: str) -> None:
    body = (FIXTURES / f"{name}.json").read_bytes()
    digest = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    delivery = Delivery("acme", {"x-hub-signature": f"sha256={digest}"}, body)
    made = connector()
    events = made.receive(delivery, made.context.now()).events
    assert [(e.kind.value, e.resource.id, e.version) for e in events] == BECOMES[name]


def test_no_fixture_is_left_out() -> None:
    assert {p.stem for p in FIXTURES.glob("*.json") if not p.stem.startswith("v")} == set(BECOMES)


def test_both_apis_name_and_read_a_page_alike() -> None:
    (old, *_), (new, *_) = (
        json.loads((FIXTURES / f"{name}.json").read_bytes())["results"] for name in ("v1_content_search", "v2_pages")
    )
    events = [event(c, CONFIG.site) for c in (from_v1(old), from_v2(new, "page", "ENG"))]
    assert events[0].payload == events[1].payload
    assert {(e.resource.id, e.version, e.resource.container.id, e.resource.url) for e in events} == {
        (
            "page:838205441",
            1767605445631000,
            "ENG",
            "https://acme.atlassian.net/wiki/pages/viewpage.action?pageId=838205441",
        )
    }
    texts = {u.part: u.text for u in connector().units(events[0]) if isinstance(u, ScanUnit)}
    assert texts == {"title": "Printers", "body": BODY}


def test_what_search_finds_hangs_on_its_page() -> None:
    results = json.loads((FIXTURES / "v1_content_search.json").read_bytes())["results"]
    events = [event(from_v1(raw), CONFIG.site) for raw in results[1:]]
    assert [(e.resource.id, e.resource.parent) for e in events] == [
        ("attachment:838205500", "page:838205441"),
        ("comment:838205600", "page:838205441"),
    ]
    texts = {u.part: u.text for e in events for u in connector().units(e) if isinstance(u, ScanUnit)}
    assert texts["name"] == "printer.log"
    assert texts["comment"] == "from the display"
    assert texts["body"].strip() == "I turned it off and on again."
