"""An installation in a folder with the dashboard, without a server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from connectors.config import parse_config
from connectors.dashboard import routes
from connectors.dashboard.secrets import hash_password
from connectors.gateway.app import create_app
from connectors.runtime import Runtime
from connectors.store.dashboard import users
from connectors.store.dashboard.users import User
from connectors.store.migrations import upgrade

PASSWORD = "a password for tests"
CONFIG = """
residency: eu
tenants: {acme: {}, globex: {}}
"""

People = Callable[..., None]


@pytest.fixture(scope="session")
def hashed() -> str:
    return hash_password(PASSWORD)


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    made = Runtime.open(parse_config(CONFIG), folder=tmp_path)
    upgrade(made.databases.of("eu"))
    made.vault.sign("tests", b"")  # its keys are made while the database is still empty
    yield made
    made.close()


@pytest.fixture
def client(runtime: Runtime) -> Iterator[TestClient]:
    with TestClient(create_app(runtime, routes=routes(runtime)), follow_redirects=False) as made:
        yield made


@pytest.fixture
def add(runtime: Runtime, hashed: str) -> People:
    """Make a user with the tests' password."""

    def made(name: str, role: str = "viewer", **values: object) -> None:
        user = User(users.user_id("eu", name), name, role, hashed, **values)  # type: ignore[arg-type]
        database = runtime.databases.of("eu")
        database.run(lambda c: users.put(database, c, "eu", user, now=runtime.now()))

    return made
