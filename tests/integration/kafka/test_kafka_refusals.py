"""Brokers that refuse, on librdkafka's mock cluster: it speaks Kafka's protocol and fails on command."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from connectors.config.models import StreamSettings
from connectors.errors import StoreUnavailable
from connectors.store.engine import Database, Row
from connectors.store.inbox import Prepared
from connectors.store.tables.intake import delivery
from connectors.store.tables.intake import inbox as inbox_table
from connectors.work.kafka import KafkaSink, KafkaStream, Publisher

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PRODUCE, OFFSET_COMMIT, JOIN_GROUP = 0, 8, 11
"""Kinds of requests: https://kafka.apache.org/protocol#protocol_api_keys."""

NOT_LEADER, TIMED_OUT, TOO_LARGE, COORDINATOR_GONE, ILLEGAL_GENERATION, REBALANCING = 6, 7, 10, 16, 22, 27
"""Refusals: https://kafka.apache.org/protocol#protocol_error_codes."""

Arrive = Callable[..., Prepared]


class MockCluster:
    """One broker inside of librdkafka. Its C interface has no Python name, so it is called by ctypes.

    https://github.com/confluentinc/librdkafka/blob/master/src/rdkafka_mock.h
    """

    def __init__(self, library: Path, *topics: str) -> None:
        self._c = ctypes.CDLL(str(library))
        self._c.rd_kafka_new.restype = ctypes.c_void_p
        self._c.rd_kafka_mock_cluster_new.restype = ctypes.c_void_p
        self._c.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
        config = ctypes.c_void_p(None)
        self._client = ctypes.c_void_p(self._c.rd_kafka_new(0, config, ctypes.create_string_buffer(512), 512))
        self._cluster = ctypes.c_void_p(self._c.rd_kafka_mock_cluster_new(self._client, 1))
        self.brokers = self._c.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()
        self._c.rd_kafka_mock_group_initial_rebalance_delay_ms(self._cluster, ctypes.c_int32(0))
        for topic in topics:
            self._c.rd_kafka_mock_topic_create(self._cluster, topic.encode(), 1, 1)

    def refuse(self, kind: int, *errors: int) -> None:
        """Answer the next requests of a kind with these errors."""
        codes = (ctypes.c_int * len(errors))(*errors)
        self._c.rd_kafka_mock_push_request_errors_array(
            self._cluster, ctypes.c_int16(kind), ctypes.c_size_t(len(errors)), codes
        )

    def down(self) -> None:
        """Hang up on everybody, and take no connection."""
        self._c.rd_kafka_mock_broker_set_down(self._cluster, 1)

    def up(self) -> None:
        """Take connections again."""
        self._c.rd_kafka_mock_broker_set_up(self._cluster, 1)

    def close(self) -> None:
        self._c.rd_kafka_mock_cluster_destroy(self._cluster)
        self._c.rd_kafka_destroy(self._client)


@pytest.fixture
def mock() -> Iterator[MockCluster]:
    client = pytest.importorskip("confluent_kafka", reason="no Kafka client: pip install 'connectors[kafka]'")
    libraries = list(Path(client.__file__).parent.parent.glob("confluent_kafka.libs/librdkafka-*"))
    if not libraries:
        pytest.skip("librdkafka is not bundled with the client here")
    made = MockCluster(libraries[0], "events.eu", "events.eu.dead")
    yield made
    made.close()


@pytest.fixture
def settings(mock: MockCluster) -> StreamSettings:
    options = {"consumer.session.timeout.ms": "6000", "consumer.heartbeat.interval.ms": "200", "retry.backoff.ms": "20"}
    options |= {"reconnect.backoff.ms": "20", "reconnect.backoff.max.ms": "100"}
    return StreamSettings(kind="kafka", brokers=mock.brokers, topic="events", group="workers", options=options)


@pytest.fixture
def sink(database: Database, publisher: Publisher) -> KafkaSink:
    return KafkaSink(database, publisher, "eu", now=lambda: NOW)


def count(database: Database, table: sa.Table) -> int:
    return int(database.read(lambda c: c.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()))


def taken(stream: KafkaStream, *wanted: Prepared) -> list[Row]:
    """Claim and acknowledge until the events of these deliveries came, however often the brokers refuse."""
    rows: list[Row] = []
    missing = {event["id"] for arrival in wanted for event in arrival.events}
    deadline = time.monotonic() + 30
    while missing and time.monotonic() < deadline:
        some = stream.claim(100, now=NOW, avoid=())
        stream.acknowledge(some)
        rows.extend(some)
        missing -= {row["id"] for row in some}
    assert not missing, "lost"
    return rows


@pytest.mark.parametrize("error", [NOT_LEADER, TIMED_OUT], ids=["no leader", "timed out"])
def test_what_is_refused_for_now_is_sent_once(
    mock: MockCluster, sink: KafkaSink, open_stream: Any, arrive: Arrive, database: Database, error: int
) -> None:
    sent = [arrive("before"), arrive("one"), arrive("after")]
    sink.write(sent[:1])
    mock.refuse(PRODUCE, error, error, error)
    sink.write(sent[1:2])
    sink.write(sent[2:])
    assert [row["id"] for row in taken(open_stream(), *sent)] == [arrival.events[0]["id"] for arrival in sent]
    assert count(database, delivery) == 3


def test_what_is_refused_for_good_is_not_accepted(
    mock: MockCluster, sink: KafkaSink, open_stream: Any, arrive: Arrive, database: Database
) -> None:
    mock.refuse(PRODUCE, TOO_LARGE)
    with pytest.raises(StoreUnavailable):
        sink.write([arrive("one")])
    assert count(database, delivery) == 0
    sink.write([arrive("one")])  # the app sends it again
    assert len(taken(open_stream(), arrive("one"))) == 1


@pytest.mark.parametrize(
    "error", [COORDINATOR_GONE, ILLEGAL_GENERATION, REBALANCING], ids=["coordinator", "generation", "rebalance"]
)
def test_offsets_that_are_refused_lose_nothing(
    mock: MockCluster, sink: KafkaSink, open_stream: Any, arrive: Arrive, error: int
) -> None:
    sink.write([arrive("one")])
    stream = open_stream()
    mock.refuse(OFFSET_COMMIT, error)
    taken(stream, arrive("one"))
    sink.write([arrive("two")])
    taken(stream, arrive("two"))
    stream.close()
    sink.write([arrive("three")])
    assert arrive("one").events[0]["id"] not in {row["id"] for row in taken(open_stream(), arrive("three"))}


def test_a_group_that_cannot_be_joined_at_once_is_joined_later(
    mock: MockCluster, sink: KafkaSink, open_stream: Any, arrive: Arrive
) -> None:
    sink.write([arrive("one")])
    mock.refuse(JOIN_GROUP, COORDINATOR_GONE, REBALANCING)
    assert len(taken(open_stream(), arrive("one"))) == 1


def test_a_broker_that_goes_and_comes_back_brings_what_it_had(
    mock: MockCluster, sink: KafkaSink, open_stream: Any, arrive: Arrive, database: Database, monkeypatch: Any
) -> None:
    sink.write([arrive("one")])
    stream = open_stream()
    taken(stream, arrive("one"))
    sink.write([arrive("two")])
    mock.down()
    with monkeypatch.context() as patch:
        patch.setattr("connectors.work.kafka.publisher.CONFIRM", 0.3)
        with pytest.raises(StoreUnavailable):
            sink.write([arrive("three")])
    assert count(database, delivery) == 2
    mock.up()
    sink.write([arrive("three")])
    taken(stream, arrive("two"), arrive("three"))
    assert count(database, inbox_table) == 0
