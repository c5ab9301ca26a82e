"""Whoever sees one connection learns nothing of the others, on no page; whoever sees one tenant, of no other."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from connectors.config import parse_config
from connectors.dashboard import routes
from connectors.gateway.app import create_app
from connectors.runtime import Runtime
from connectors.store import actions, tallies
from connectors.store.dashboard import bulk
from connectors.store.dashboard.bulk import Wish
from connectors.store.migrations import upgrade
from connectors.store.tables.findings import finding

People = Callable[..., None]
PASSWORD = "a password for tests"
CONFIG = """
residency: eu
database: {url: "sqlite:///eu.db", residencies: {us: "sqlite:///us.db"}}
tenants: {acme: {}, globex: {residency: us}}
policies: [{name: all, detectors: ["*"]}]
connections:
  mine: {connector: slack, tenant: acme, config: {token: x, webhook_secret: y}}
  hidden: {connector: slack, tenant: acme, config: {token: x, webhook_secret: y}}
  abroad: {connector: slack, tenant: globex, config: {token: x, webhook_secret: y}}
"""
PAGES = (
    "/", "/?days=90", "/findings", "/findings?q=state:open&sort=severity", "/findings?q=connection:hidden",
    "/findings?q=detector:detector_hidden", "/coverage", "/coverage?connection=hidden", "/connections", "/bulk",
    "/account",
)  # fmt: skip


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    made = Runtime.open(parse_config(CONFIG), folder=tmp_path)
    for database in made.databases.all():
        upgrade(database)
    made.vault.sign("tests", b"")  # its keys are made while the databases are still empty
    yield made
    made.close()


@pytest.fixture
def client(runtime: Runtime) -> Iterator[TestClient]:
    with TestClient(create_app(runtime, routes=routes(runtime)), follow_redirects=False) as made:
        yield made


@pytest.fixture
def ids(runtime: Runtime) -> dict[str, str]:
    """Findings: one of `mine`, three of `hidden`, of one value all; two of another tenant; and traces of each."""
    now = runtime.now()
    defaults: dict[str, Any] = {
        column.name: "" if isinstance(column.type, sa.String) else 0 for column in finding.c if not column.nullable
    }
    made: dict[str, str] = {}
    for connection, tenant, residency, count in (
        ("mine", "acme", "eu", 1), ("hidden", "acme", "eu", 3), ("abroad", "globex", "us", 2),
    ):  # fmt: skip
        rows = [
            {
                **defaults, "residency": residency, "id": uuid.uuid4(), "tenant": tenant, "connection": connection,
                "app": "slack", "resource_key": uuid.uuid4(), "visibility": "public", "confidence": 4, "severity": 5,
                "detector": f"detector_{connection}", "policies": [], "places": [], "state": "open",
                "author": f"author_{connection}", "author_id": f"author_{connection}", "label": f"label_{connection}",
                "container_name": f"#room_{connection}", "fingerprint": "f", "revision": 1, "first_seen": now,
                "last_seen": now - timedelta(minutes=number), "updated_at": now,
            }
            for number in range(count)
        ]  # fmt: skip
        database = runtime.databases.of(residency)

        def write(c: sa.Connection, rows: list[dict[str, Any]] = rows, database: Any = database) -> None:
            c.execute(sa.insert(finding), rows)
            tallies.count(database, c, rows[0]["residency"], [(None, row) for row in rows], now)
            actions.note(
                database, c, residency=rows[0]["residency"], tenant=rows[0]["tenant"], actor="user:somebody",
                act="state", subject=f"finding:{rows[0]['id']}", result=f"audit_{rows[0]['connection']}", detail={},
                now=now,
            )  # fmt: skip
            wish = Wish(
                residency=rows[0]["residency"], tenant=rows[0]["tenant"], actor="user:boss", kind="state",
                what="ignored", query="detector:detector_hidden", total=9,
            )  # fmt: skip
            bulk.start(database, c, wish, vault=runtime.vault, now=now)

        database.run(write)
        made[connection] = str(rows[0]["id"])
    return made


def sign_in(client: TestClient, name: str) -> None:
    client.post("/signin", data={"name": name, "password": PASSWORD})


def without_own_query(text: str) -> str:
    """Return a page without the search that the reader wrote: a page may repeat that, as text and in an address."""
    return re.sub(r"(?:connection|detector)(?::|%3A)(?:detector_)?hidden", "", text)


@pytest.mark.parametrize("role", ["viewer", "analyst"])
def test_one_connection_shows_nothing_of_another(
    client: TestClient, add: People, ids: dict[str, str], role: str
) -> None:
    add("vic", role, connections=("mine",))
    sign_in(client, "vic")
    for path in (*PAGES, f"/findings/{ids['mine']}"):
        answer = client.get(path)
        assert answer.status_code == 200, path
        # What the person wrote into the search stands in the box; nothing else may name what is hidden.
        said = without_own_query(answer.text)
        told = re.findall(
            r"[^\n]{0,60}(?:hidden|abroad)(?!\")[^\n]{0,40}", re.sub(r'class="hidden"|type="hidden"', "", said)
        )
        assert [each for each in told if re.search(r"_hidden|[>/=]hidden|abroad|audit_", each)] == [], path
    overview = client.get("/").text
    assert re.findall(r"<b[^>]*>([^<]+)</b><span>open now", overview) == ["1"]
    assert re.findall(r"<b[^>]*>([^<]+)</b><span>visible outside", overview) == ["1"]
    assert client.get("/audit").status_code == 403
    for path in (f"/findings/{ids['hidden']}", f"/findings/{ids['abroad']}", "/connections/hidden"):
        assert client.get(path).status_code == 404, path


def test_what_is_hidden_cannot_be_changed_either(client: TestClient, add: People, ids: dict[str, str]) -> None:
    add("ann", "analyst", connections=("mine",))
    sign_in(client, "ann")
    csrf = re.findall(r'name="csrf" value="([^"]+)"', client.get("/findings").text)[0]
    for act in ("state", "undo", "confirm", "act"):
        answer = client.post(f"/findings/{ids['hidden']}/{act}", data={"csrf": csrf, "state": "ignored", "revision": 1})
        assert answer.status_code == 404, act
    page = client.post("/bulk/new", data={"csrf": csrf, "scope": "chosen", "id": ids["hidden"]})
    assert ">0 findings<" in page.text
    page = client.post("/bulk/new", data={"csrf": csrf, "scope": "all", "q": ""})
    assert ">1 finding<" in page.text
    tried = client.post("/policies/try", data={"csrf": csrf, "detectors": "*", "min_confidence": "POSSIBLE"}).text
    assert "of 1 findings" in tried


def test_a_tenant_shows_nothing_of_another(client: TestClient, add: People, ids: dict[str, str]) -> None:
    add("gus", "admin", tenants=("globex",))
    sign_in(client, "gus")
    for path in (*PAGES, "/audit", f"/findings/{ids['abroad']}"):
        text = without_own_query(client.get(path).text)
        assert not re.search(r"_mine|_hidden|acme", text), path
    assert client.get(f"/findings/{ids['mine']}").status_code == 404


def test_the_audit_of_a_tenant_that_lives_elsewhere_shows_sign_ins_too(
    client: TestClient, add: People, ids: dict[str, str]
) -> None:
    add("gus", "admin", tenants=("globex",))
    sign_in(client, "gus")
    text = client.get("/audit").text
    assert "audit abroad" in text
    assert "sign-in" in text
