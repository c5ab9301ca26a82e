"""The list pages through everything once, whatever it is sorted by and however rare what it looks for is."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from connectors.runtime import Runtime
from connectors.store.dashboard import pages
from connectors.store.tables.findings import finding

People = Callable[..., None]


@pytest.fixture
def ids(runtime: Runtime) -> list[str]:
    now = runtime.now()
    defaults: dict[str, Any] = {
        column.name: "" if isinstance(column.type, sa.String) else 0 for column in finding.c if not column.nullable
    }
    rows = [
        {
            **defaults, "residency": "eu", "id": uuid.uuid4(), "tenant": "acme", "connection": f"c{n % 2}",
            "app": "slack",
            "resource_key": uuid.uuid4(), "visibility": "internal", "detector": f"d{n % 3}", "confidence": 4,
            "severity": 1 + n % 5, "policies": [], "places": [], "state": "open", "author_id": f"U{n % 10}",
            "container_name": f"#r{n % 7}", "first_seen": now - timedelta(hours=n),
            "last_seen": now - timedelta(minutes=n),
            "updated_at": now,
        }
        for n in range(130)
    ]  # fmt: skip
    runtime.databases.of("eu").run(lambda c: c.execute(sa.insert(finding), rows))
    return [str(row["id"]) for row in rows]


def everything(client: TestClient, path: str) -> list[str]:
    seen: list[str] = []
    while path:
        text = client.get(path).text
        seen += re.findall(r'<th scope="row"><a href="/findings/([0-9a-f-]{36})"', text)
        found = re.search(r'rel="next" href="([^"]+)"', text)
        path = found[1].replace("&amp;", "&") if found else ""
    return seen


@pytest.mark.parametrize("sort", list(pages.SORTS))
def test_every_order_shows_everything_once(client: TestClient, add: People, ids: list[str], sort: str) -> None:
    add("ada")
    client.post("/signin", data={"name": "ada", "password": "a password for tests"})
    seen = everything(client, f"/findings?sort={sort}")
    assert sorted(seen) == sorted(ids)


def test_a_rare_value_is_found_page_by_page(
    client: TestClient, add: People, ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "LOOKED", 20)
    add("ada")
    client.post("/signin", data={"name": "ada", "password": "a password for tests"})
    assert len(set(everything(client, "/findings?q=author:U3"))) == 13


def test_a_container_is_led_to_by_its_name_and_sifted_by_its_id(
    client: TestClient, add: People, runtime: Runtime, ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    database = runtime.databases.of("eu")
    where = finding.c.id == uuid.UUID(ids[0])
    values = {"container": "C9", "container_name": "#nine", "last_seen": runtime.now() - timedelta(days=900)}
    database.run(lambda c: c.execute(sa.update(finding).where(where).values(**values)))
    monkeypatch.setattr(pages, "LOOKED", 1)
    add("ada")
    client.post("/signin", data={"name": "ada", "password": "a password for tests"})
    assert f"/findings/{ids[0]}" in client.get("/findings?q=container:%23nine").text
    assert "were looked at" in client.get("/findings?q=container:C9").text
    assert everything(client, "/findings?q=container:C9") == [ids[0]]


def test_a_scope_hides_other_connections(client: TestClient, add: People, ids: list[str]) -> None:
    add("ada", connections=("c1",))
    client.post("/signin", data={"name": "ada", "password": "a password for tests"})
    # The connections of a scope are those that are configured; none of these is, so nothing is seen.
    assert everything(client, "/findings") == []
    assert client.get(f"/findings/{ids[0]}").status_code == 404


def test_a_place_that_was_tampered_with_is_the_first_page(client: TestClient, add: People, ids: list[str]) -> None:
    add("ada")
    client.post("/signin", data={"name": "ada", "password": "a password for tests"})
    for place in ("x", "W10", "WyJyZWNlbnQiLCJub3QgYSB0aW1lIiwieCJd"):
        assert client.get(f"/findings?after={place}").status_code == 200
