"""Transactions that the database refuses are run again; a database that is away is named so, without parameters."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import sqlalchemy as sa

from connectors.errors import ConfigError, StoreUnavailable
from connectors.store import bulk, engine
from connectors.store.columns import natural_id, shard_of
from connectors.store.engine import Database, parse_url
from connectors.store.tables import metadata

SCHEDULE = metadata.tables["schedule"]


def row(rig: Any, number: int) -> dict[str, Any]:
    return {
        "residency": "eu", "id": natural_id("schedule", number), "tenant": "", "name": str(number),
        "next_at": rig.now, "last_at": None, "state": {"n": 0},
    }  # fmt: skip


class Refused(Exception):
    """What psycopg raises, as far as the engine looks."""

    sqlstate = "40001"


def test_a_refused_transaction_runs_again(rig: Any) -> None:
    tries = []

    def work(connection: sa.Connection) -> int:
        connection.execute(sa.insert(SCHEDULE), [row(rig, len(tries))])
        tries.append(1)
        if len(tries) < 3:
            raise sa.exc.DBAPIError("UPDATE", {}, Refused())
        return len(tries)

    assert rig.database.run(work) == 3
    assert [found["name"] for found in rig.rows("schedule")] == ["2"]
    assert rig.database.retries == 2


def test_it_gives_up_after_the_last_attempt(rig: Any) -> None:
    def work(_connection: sa.Connection) -> None:
        raise sa.exc.DBAPIError("UPDATE", {}, Refused())

    with pytest.raises(StoreUnavailable, match="3 times"):
        rig.database.run(work, attempts=3)


def test_other_exceptions_pass_and_roll_back(rig: Any) -> None:
    def work(connection: sa.Connection) -> None:
        connection.execute(sa.insert(SCHEDULE), [row(rig, 1)])
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        rig.database.run(work)
    assert rig.rows("schedule") == []


def test_writers_that_meet_lose_no_update(rig: Any, open_database: Any, dialect: str) -> None:
    """At SERIALIZABLE this is a real 40001 for all but one of those that meet."""
    if dialect == "postgresql":
        pytest.skip("READ COMMITTED takes such an update without complaint: the store's own writes are upserts")
    rig.database.run(lambda c: c.execute(sa.insert(SCHEDULE), [row(rig, 1)]))
    doors = [open_database(pool_size=1) for _ in range(3)]
    meet = threading.Barrier(3)

    def bump(door: Database) -> None:
        first = [True]

        def work(connection: sa.Connection) -> None:
            n = connection.execute(sa.select(SCHEDULE.c.state)).scalar_one()["n"]
            if first and first.pop() and dialect != "sqlite":
                meet.wait(10)
            connection.execute(sa.update(SCHEDULE).values(state={"n": n + 1}))

        door.run(work)

    threads = [threading.Thread(target=bump, args=(door,)) for door in doors]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert rig.rows("schedule")[0]["state"] == {"n": 3}
    if dialect == "cockroachdb":
        assert sum(door.retries for door in doors) >= 2


def test_a_server_that_is_away_is_named_so() -> None:
    database = Database("postgresql://u:swordfish@127.0.0.1:1/none?connect_timeout=1")
    with pytest.raises(StoreUnavailable) as caught:
        database.ping()
    assert "swordfish" not in str(caught.value)
    assert "swordfish" not in repr(database)
    database.close()


def test_errors_of_the_database_quote_no_parameters(rig: Any) -> None:
    bad = {**row(rig, 1), "name": "swordfish", "tenant": None}
    with pytest.raises(sa.exc.DBAPIError) as caught:
        rig.database.run(lambda c: c.execute(sa.insert(SCHEDULE), [bad]))
    assert "swordfish" not in str(caught.value).split("DETAIL")[0]


def test_a_reader_does_not_see_what_is_not_committed(rig: Any) -> None:
    def work(connection: sa.Connection) -> int:
        connection.execute(sa.insert(SCHEDULE), [row(rig, 1)])
        return len(rig.rows("schedule"))

    assert rig.database.run(work) == 0


@pytest.mark.parametrize(("url", "driver"), [
    ("postgres://h/n", "postgresql+psycopg"), ("postgresql://h/n", "postgresql+psycopg"),
    ("cockroachdb://h/n", "cockroachdb+psycopg"), ("sqlite:///x.db", "sqlite"),
])  # fmt: skip
def test_urls_get_the_drivers_that_are_tested(url: str, driver: str) -> None:
    assert parse_url(url).drivername == driver


@pytest.mark.parametrize("url", ["not a url", "mysql+pymysql://h/n", "sqlite://", "sqlite:///:memory:"])
def test_other_databases_are_refused(url: str) -> None:
    with pytest.raises((ConfigError, ModuleNotFoundError)):
        Database(url)


@pytest.mark.parametrize("state", ["08006", "57P01", "53300"])
def test_states_of_a_server_that_is_away(state: str) -> None:
    error = sa.exc.ProgrammingError("SELECT", {}, type("Gone", (Exception,), {"sqlstate": state})())
    translated = engine._translated(error, sa.make_url("postgresql://someone@db.example:5432/connectors"))
    assert isinstance(translated, StoreUnavailable)
    assert "db.example:5432" in str(translated)


def test_what_is_stored_can_be_stored() -> None:
    assert bulk.storable({"a": ["\ud83d", "x\0"], "n": 1, "é": "é"}) == {"a": ["?", "x\ufffd"], "n": 1, "é": "é"}


def test_keys_are_stable_and_shaped_as_version_4() -> None:
    key = natural_id("event", "eu", "acme", 7)
    assert key == natural_id("event", "eu", "acme", "7")
    assert key != natural_id("event", "eu", "acme7")
    assert key.version == 4
    assert {shard_of(natural_id(n), 4) for n in range(50)} == {0, 1, 2, 3}


@pytest.mark.parametrize("known", [0, 3, 20])
def test_many_rows_at_once_are_new_but_for_those_that_are_there(rig: Any, known: int) -> None:
    rows = [{**row(rig, number), "name": f"{number} \0 \ud800"} for number in range(20)]
    for number in range(known):
        rig.database.run(lambda c, n=number: rig.database.insert_new(c, SCHEDULE, [row(rig, n)]))
    new = rig.database.run(lambda c: rig.database.insert_new(c, SCHEDULE, rows))
    assert new == {natural_id("schedule", number) for number in range(known, 20)}
    names = [found["name"] for found in rig.rows("schedule")]
    assert sorted(names) == sorted([*(str(n) for n in range(known)), *(f"{n} � ?" for n in range(known, 20))])
