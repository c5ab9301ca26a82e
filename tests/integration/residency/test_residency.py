"""Two tenants, two databases: what one residency is given leaves no row, file or topic in the other's."""

from __future__ import annotations

import io
import logging
import re
import sqlite3
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from connectors.api import issuing
from connectors.assembly import site
from connectors.dashboard.secrets import hash_password
from connectors.errors import ConfigError
from connectors.runtime import Runtime
from connectors.store import findings
from connectors.store.dashboard import users
from connectors.testing.fakeapps import FakeApps
from connectors.testing.fakeapps.slack import FakeSlack
from connectors.testing.installation import Installation
from connectors.testing.planted import aws_key
from connectors.work.worker import Worker

EU, US = "Eulalia", "Ulysses"


@pytest.fixture
def workspaces() -> dict[str, FakeSlack]:
    """One fake workspace for each residency, told apart by every name in it."""
    return {"eu": FakeSlack(), "us": FakeSlack()}


@pytest.fixture
def house(workspaces: dict[str, FakeSlack], tmp_path: Path) -> Iterator[Installation]:
    with FakeApps(workspaces["eu"]).running() as eu, FakeApps(workspaces["us"]).running() as us:
        config = f"""
residency: us
tenants: {{euro: {{residency: eu}}, usa: {{residency: us}}}}
database: {{url: "sqlite:///us.db", residencies: {{eu: "sqlite:///eu.db", us: "sqlite:///us.db"}}}}
connections:
  eu-slack:
    connector: slack
    tenant: euro
    config: {{token: {workspaces["eu"].token}, webhook_secret: {workspaces["eu"].signing_secret},
              base_url: "{eu.url("slack")}/api/"}}
  us-slack:
    connector: slack
    tenant: usa
    config: {{token: {workspaces["us"].token}, webhook_secret: {workspaces["us"].signing_secret},
              base_url: "{us.url("slack")}/api/"}}
policies:
  - {{name: credentials, detectors: [secret], min_confidence: POSSIBLE, alert: [screen]}}
destinations: {{screen: {{kind: console}}}}
cdc: {{residencies: {{eu: lake-eu, us: lake-us}}}}
retention: {{bodies: 1d}}
outbound: {{allow: [127.0.0.0/8]}}
"""
        house = Installation(config, tmp_path)
        with house.running(worker=False):
            yield house


def rows(database: Path) -> list[tuple[str, dict[str, object]]]:
    """Return every row of every table."""
    with sqlite3.connect(database) as connection:
        connection.row_factory = sqlite3.Row
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return [(table, dict(row)) for table in tables for row in connection.execute(f'SELECT * FROM "{table}"')]


def tell(house: Installation, workspaces: dict[str, FakeSlack], residency: str, name: str) -> None:
    slack = workspaces[residency]
    user, channel = slack.add_user(name), slack.add_channel(f"room-of-{name.lower()}")
    slack.write(channel, user, f"{name} said long ago {aws_key(name + ' old')}")
    headers, body = slack.post_message(channel, user, f"{name} says {aws_key(name)}")
    assert house.post(f"{residency}-slack", headers, body).status_code == 200
    headers, body = slack.sign(["garbage", name])
    house.post(f"{residency}-slack", headers, body)


def test_a_tenant_of_one_residency_leaves_no_row_in_the_other(
    house: Installation, workspaces: dict[str, FakeSlack], tmp_path: Path
) -> None:
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        tell(house, workspaces, "eu", EU)
        tell(house, workspaces, "us", US)
        house.worker.drain()
    for residency, own, other in (("eu", EU, US), ("us", US, EU)):
        database = house.runtime.databases.of(residency)
        found = database.read(lambda c, r=residency: findings.listed(c, r, limit=10))  # type: ignore[misc]
        assert len(found) == 2, residency
        held = rows(tmp_path / f"{residency}.db")
        assert {table for table, _ in held} >= {"finding", "finding_change", "schedule", "delivery", "ledger", "inbox"}
        for table, row in held:
            assert row.get("residency", residency) == residency, table
            assert row.get("tenant", "") in ("", {"eu": "euro", "us": "usa"}[residency]), table
        everything = (tmp_path / f"{residency}.db").read_bytes() + (tmp_path / f"{residency}.db-wal").read_bytes()
        assert f"room-of-{own.lower()}".encode() in everything
        assert f"room-of-{other.lower()}".encode() not in everything
        assert ("eu" if residency == "us" else "us").encode() + b"-slack" not in everything
        lake = tmp_path / f"lake-{residency}"
        assert list(lake.rglob("*.gz"))


def test_a_worker_of_one_residency_claims_nothing_of_the_other(
    house: Installation, workspaces: dict[str, FakeSlack], tmp_path: Path
) -> None:
    tell(house, workspaces, "eu", EU)
    before = [row for row in rows(tmp_path / "eu.db") if row[0] in ("inbox", "job")]
    Worker(house.runtime, residencies=("us",)).drain()
    assert [row for row in rows(tmp_path / "eu.db") if row[0] in ("inbox", "job")] == before


def test_a_process_of_one_residency_serves_its_tenants_and_opens_no_other_database(
    house: Installation, workspaces: dict[str, FakeSlack], tmp_path: Path
) -> None:
    full = house.runtime
    own = issuing.create(full, tenant="euro", name="k", actor="test").text
    foreign = issuing.create(full, tenant="usa", name="k", actor="test").text
    before = rows(tmp_path / "us.db")
    said = io.StringIO()
    runtime = Runtime.open(full.config, folder=tmp_path, residencies=("eu",))
    with redirect_stdout(said), redirect_stderr(said), TestClient(site(runtime)) as client:
        assert client.get("/readyz").json() == {"ready": True, "problems": []}
        for residency, status in (("eu", 200), ("us", 404)):
            slack = workspaces[residency]
            headers, body = slack.post_message(slack.add_channel("x"), slack.add_user("Y"), aws_key(residency))
            assert client.post(f"/webhooks/{residency}-slack", content=body, headers=headers).status_code == status
        for key, status in ((own, 200), (foreign, 401)):
            headers = {"Authorization": f"Bearer {key}"}
            assert client.get("/api/v1/findings", headers=headers).status_code == status
        assert client.get("/signin").status_code == 404  # people are at home in the US
        Worker(runtime, residencies=("eu",)).drain()
    assert [database.url.database for database in runtime.databases.all()] == [str(tmp_path / "eu.db")]
    runtime.close()
    assert rows(tmp_path / "us.db") == before
    found = full.databases.of("eu").read(lambda c: findings.listed(c, "eu", limit=10))
    assert {row["connection"] for row in found} == {"eu-slack"}
    assert "us-slack" not in said.getvalue()


def test_people_at_home_elsewhere_leave_only_their_sign_in_at_home(
    house: Installation, workspaces: dict[str, FakeSlack], tmp_path: Path
) -> None:
    """What an admin, whose account is in the US, does about a European finding stands in Europe, its audit too."""
    runtime = house.runtime
    home = runtime.databases.of("us")
    person = users.User(
        users.user_id("us", "ada"), "ada", "admin", hash_password("a password for tests"), may_reveal=True
    )
    home.run(lambda c: users.put(home, c, "us", person, now=runtime.now()))
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said), TestClient(site(runtime)) as client:
        tell(house, workspaces, "eu", EU)
        house.worker.drain()
        found = runtime.databases.of("eu").read(lambda c: findings.listed(c, "eu", limit=10))
        identity = str(found[0]["id"])
        before = {(table, str(row)) for table, row in rows(tmp_path / "us.db")}
        signed = client.post("/signin", data={"name": "ada", "password": "a password for tests"})
        assert signed.status_code == 200
        csrf = {"csrf": re.findall(r'name="csrf" value="([^"]+)"', client.get("/findings").text)[0]}
        assert client.post("/tenant", data=csrf | {"tenant": "euro"}).status_code == 200
        steps = {
            f"/findings/{identity}/state": {"state": "acknowledged", "revision": str(found[0]["revision"])},
            f"/findings/{identity}/confirm": {},
            f"/findings/{identity}/reveal": {},
            f"/findings/{identity}/act": {"action": "delete_message", "why": "planted", "real": "yes"},
            "/views": {"name": f"of {EU}", "q": f"container:room-of-{EU.lower()}"},
            "/bulk": {"scope": "all", "q": "app:slack", "kind": "state", "state": "ignored", "real": "yes"},
            "/connections/eu-slack/sync": {},
        }
        for path, data in steps.items():
            assert client.post(path, data=csrf | data).status_code == 200, path
        house.worker.drain()
    written = [(table, row) for table, row in rows(tmp_path / "us.db") if (table, str(row)) not in before]
    assert {table for table, _ in written} == {"audit", "dashboard_session", "dashboard_user"}
    assert {row["act"] for table, row in written if table == "audit"} == {"sign-in"}
    for word in (EU.lower(), "eu-slack", identity):
        assert word not in str(written).lower(), word
    europe = {table for table, _ in rows(tmp_path / "eu.db")}
    assert europe >= {"audit", "saved_view", "bulk", "bulk_item", "action_run"}


def test_a_residency_that_is_not_configured_is_refused(house: Installation, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no residency 'jp'"):
        Runtime.open(house.runtime.config, folder=tmp_path, residencies=("jp",))


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)
