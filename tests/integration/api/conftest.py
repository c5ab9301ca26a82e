"""A whole installation: its runtime on each database, a key, and the API in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from connectors.api import create_api
from connectors.api.app import Api
from connectors.api.issuing import create
from connectors.config import parse_config
from connectors.detection import Engine
from connectors.runtime import Runtime
from connectors.store.keys import SCOPES

CONFIG = """
residency: eu
tenants:
  acme: {residency: eu, tier: internal}
  globex: {residency: eu, tier: free}
api: {allow_webhooks: [127.0.0.1]}
"""

MakeKey = Callable[..., str]


@pytest.fixture
def runtime(
    database_url: str, dialect: str, tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Runtime]:
    config = (
        f"database: {{url: '{database_url}', isolation_level: {'null' if dialect == 'sqlite' else 'SERIALIZABLE'}}}"
    )
    made = Runtime.open(parse_config(CONFIG + config), folder=tmp_path)
    made.__dict__["engine"] = engine
    if dialect == "cockroachdb":
        # A follower answers seconds behind, which no test waits for.
        database = made.databases.of("eu")
        fresh = database.read
        monkeypatch.setattr(database, "read", lambda work, **_: fresh(work))
    yield made
    made.close()


@pytest.fixture
def api(runtime: Runtime) -> Api:
    return create_api(runtime)


@pytest.fixture
def client(api: Api) -> Iterator[TestClient]:
    with TestClient(api, raise_server_exceptions=False) as made:
        yield made


@pytest.fixture
def make_key(runtime: Runtime) -> MakeKey:
    def make(tenant: str = "acme", scopes: tuple[str, ...] = SCOPES) -> str:
        return create(runtime, tenant=tenant, name="test", scopes=scopes, actor="test").text

    return make


@pytest.fixture
def key(make_key: MakeKey) -> str:
    return make_key()


@pytest.fixture
def auth(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}
