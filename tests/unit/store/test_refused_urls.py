"""A database that cannot be used is refused by name, with what to write instead."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import sqlalchemy as sa

from connectors.errors import ConfigError, StoreUnavailable
from connectors.store.engine import Database

WORD = "swordfish"


def test_a_file_in_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no folder .*missing \(make it, or write another path\)"):
        Database(f"sqlite:///{tmp_path}/missing/connectors.db")


def test_a_dialect_that_is_not_known_is_refused_with_those_that_are() -> None:
    with pytest.raises(ConfigError, match="use cockroachdb, postgresql or sqlite"):
        Database("oracle://db.example/x")


def test_a_server_that_does_not_answer_is_named_without_its_password() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = sa.URL.create("postgresql", "someone", WORD, "127.0.0.1", port, "x")
    database = Database(url.render_as_string(hide_password=False))
    with pytest.raises(StoreUnavailable, match=f"at 127.0.0.1:{port} does not answer") as raised:
        database.run(lambda c: c.execute(sa.text("SELECT 1")), attempts=1)
    assert WORD not in str(raised.value)
