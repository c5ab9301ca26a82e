"""The event stream on a real broker: nothing lost, nothing counted twice, whatever dies in between."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from connectors.config.models import StreamSettings
from connectors.errors import StoreUnavailable
from connectors.store import inbox
from connectors.store.engine import Database, Row
from connectors.store.inbox import Backlog, Prepared, open_event
from connectors.store.tables.intake import delivery
from connectors.store.tables.intake import inbox as inbox_table
from connectors.store.tables.syncs import ledger
from connectors.vault import Vault
from connectors.work.kafka import KafkaSink, KafkaStream, Publisher
from connectors.work.kafka.messages import HEADER, REASON
from connectors.work.kafka.options import topic_of

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

pytestmark = pytest.mark.kafka

Arrive = Callable[..., Prepared]


def take(stream: KafkaStream, wanted: int, *, seconds: float = 25, avoid: tuple[str, ...] = ()) -> list[Row]:
    """Claim until `wanted` events are there, or time is over; nothing is ended in between."""
    rows: list[Row] = []
    deadline = time.monotonic() + seconds
    while len(rows) < wanted and time.monotonic() < deadline:
        rows.extend(stream.claim(100, now=NOW, avoid=avoid))
        if rows:
            break
    return rows


def take_all(stream: KafkaStream, wanted: int) -> list[Row]:
    rows: list[Row] = []
    while len(rows) < wanted:
        some = take(stream, 1)
        if not some:
            break
        rows.extend(some)
        stream.acknowledge(some)
    return rows


@pytest.fixture
def sink(database: Database, publisher: Publisher) -> KafkaSink:
    return KafkaSink(database, publisher, "eu", now=lambda: NOW)


def count(database: Database, table: sa.Table) -> int:
    return int(database.read(lambda c: c.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()))


def test_an_accepted_delivery_reaches_a_worker_whole(
    sink: KafkaSink, open_stream: Any, arrive: Arrive, vault: Vault, database: Database
) -> None:
    arrival = arrive("one")
    sink.write([arrival])
    rows = take_all(open_stream(), 1)
    assert [row["id"] for row in rows] == [arrival.events[0]["id"]]
    assert open_event(rows[0], vault).resource.label == "one"
    assert rows[0]["shard"] == arrival.events[0]["shard"]
    assert count(database, inbox_table) == 0
    assert count(database, delivery) == 1


def test_a_redelivery_is_not_sent_again(sink: KafkaSink, open_stream: Any, arrive: Arrive, database: Database) -> None:
    for _ in range(3):
        sink.write([arrive("one")])
    sink.write([arrive("two")])
    assert len(take_all(open_stream(), 2)) == 2
    listed = database.read(lambda c: c.execute(sa.select(sa.func.sum(ledger.c.listed))).scalar_one())
    assert listed == 2


def test_events_of_one_resource_keep_their_order(sink: KafkaSink, open_stream: Any, arrive: Arrive) -> None:
    for version in range(30):
        sink.write([arrive(f"edit {version}", resource="same", version=version)])
    assert [row["version"] for row in take_all(open_stream(), 30)] == list(range(30))


def test_what_was_not_ended_comes_again_to_the_same_worker(sink: KafkaSink, open_stream: Any, arrive: Arrive) -> None:
    sink.write([arrive("one"), arrive("two"), arrive("three")])
    stream = open_stream()
    held = take(stream, 3)
    again = take(stream, 3)  # the transaction failed: nothing was acknowledged
    assert {row["id"] for row in held} <= {row["id"] for row in [*again, *take_all(stream, 3 - len(again))]}


def test_what_a_dead_worker_held_comes_to_another(sink: KafkaSink, open_stream: Any, arrive: Arrive) -> None:
    sink.write([arrive(str(number)) for number in range(6)])
    first = open_stream()
    held = take(first, 1)
    assert held
    first.close()  # without an end: as after kill -9, once the session is over
    second = open_stream()
    assert {row["id"] for row in held} <= {row["id"] for row in take_all(second, 6)}


def test_what_died_between_the_commit_and_its_offsets_comes_again_and_is_known(
    sink: KafkaSink, open_stream: Any, arrive: Arrive, database: Database
) -> None:
    sink.write([arrive(str(number)) for number in range(4)])
    first, until = open_stream(), NOW + timedelta(days=1)
    held = take(first, 1)
    assert database.run(lambda c: inbox.remember(database, c, held, expires_at=until)) == {row["id"] for row in held}
    first.close()  # killed after COMMIT, before the offsets were committed
    again = [row for row in take_all(open_stream(), 4) if row["id"] in {row["id"] for row in held}]
    assert len(again) == len(held)
    assert database.run(lambda c: inbox.remember(database, c, again, expires_at=until)) == set()


def test_no_content_is_readable_on_the_way(sink: KafkaSink, open_stream: Any, arrive: Arrive) -> None:
    sink.write([arrive("project nightingale")])
    [row] = take_all(open_stream(), 1)
    assert b"nightingale" not in row["body"]


def test_what_was_acknowledged_does_not_come_again(sink: KafkaSink, open_stream: Any, arrive: Arrive) -> None:
    sink.write([arrive("one")])
    first = open_stream()
    assert len(take_all(first, 1)) == 1
    first.close()
    sink.write([arrive("two")])
    assert [row["id"] for row in take_all(open_stream(), 1)] == [arrive("two").events[0]["id"]]


def test_an_event_to_be_tried_later_waits_in_the_sql_inbox(
    sink: KafkaSink, open_stream: Any, arrive: Arrive, database: Database
) -> None:
    sink.write([arrive("one")])
    stream = open_stream()
    [row] = take(stream, 1)
    stream.retry(row, due_at=NOW + timedelta(minutes=3), reason="the app said wait")
    [aside] = database.read(lambda c: c.execute(sa.select(inbox_table)).all())
    assert (aside.id, aside.state, aside.attempts) == (row["id"], "ready", 1)
    assert aside.due_at == NOW + timedelta(minutes=3)


def test_a_broken_connection_does_not_hold_up_the_others(
    sink: KafkaSink, open_stream: Any, arrive: Arrive, database: Database
) -> None:
    sink.write([arrive("one")])
    stream = open_stream()
    deadline = time.monotonic() + 25
    while count(database, inbox_table) == 0 and time.monotonic() < deadline:
        assert stream.claim(10, now=NOW, avoid=("chat",)) == []
    [aside] = database.read(lambda c: c.execute(sa.select(inbox_table)).all())
    assert (aside.state, aside.attempts) == ("ready", 0)


def test_a_dead_letter_stands_in_the_database_and_in_its_topic(
    sink: KafkaSink, open_stream: Any, arrive: Arrive, database: Database, settings: StreamSettings
) -> None:
    sink.write([arrive("one")])
    stream = open_stream()
    [row] = take(stream, 1)
    assert stream.bury(row, reason="gave up", expires_at=None, effects=lambda _c: None) is True
    assert stream.bury(row, reason="gave up", expires_at=None, effects=lambda _c: None) is False
    [dead] = database.read(lambda c: c.execute(sa.select(inbox_table)).all())
    assert (dead.state, dead.reason) == ("dead", "gave up")
    [message] = dead_letters(settings, 1)
    assert dict(message.headers())[REASON] == b"gave up"
    assert message.value() == row["body"]


def test_a_foreign_message_is_put_away_and_the_next_is_read(
    publisher: Publisher, sink: KafkaSink, open_stream: Any, arrive: Arrive, settings: StreamSettings
) -> None:
    topic = publisher.ensure("eu")
    publisher._send("eu", topic, [(b"x", b"hello", {}), (b"x", b"hello", {HEADER: b"{}"})])
    sink.write([arrive("one")])
    assert len(take_all(open_stream(), 1)) == 1
    assert len(dead_letters(settings, 2)) == 2


def test_the_backlog_counts_what_waits_and_says_for_how_long(
    publisher: Publisher, sink: KafkaSink, open_stream: Any, arrive: Arrive
) -> None:
    for number in range(5):  # one by one: the broker in memory says a batch of several is one offset long
        sink.write([arrive(str(number))])
    later = NOW + timedelta(minutes=7)
    assert publisher.backlog("eu", now=later) == Backlog(5, timedelta(minutes=7))
    stream = open_stream()
    assert len(take_all(stream, 5)) == 5
    stream.close()
    assert publisher.backlog("eu", now=later) == Backlog()


def test_an_event_too_large_for_a_message_goes_through_the_database(
    sink: KafkaSink, arrive: Arrive, database: Database
) -> None:
    arrival = arrive("one")
    arrival.events[0]["body"] = b"x" * 2_000_000
    sink.write([arrival])
    assert count(database, inbox_table) == 1


def test_an_event_that_comes_twice_is_remembered(arrive: Arrive, database: Database) -> None:
    rows = arrive("one").events
    until = NOW + timedelta(days=1)
    assert database.run(lambda c: inbox.remember(database, c, rows, expires_at=until)) == {rows[0]["id"]}
    assert database.run(lambda c: inbox.remember(database, c, rows, expires_at=until)) == set()
    [kept] = database.read(lambda c: c.execute(sa.select(inbox_table)).all())
    assert (kept.state, kept.body) == ("done", b"")


def test_brokers_that_are_away_are_said_to_be(database: Database, arrive: Arrive, monkeypatch: Any) -> None:
    monkeypatch.setattr("connectors.work.kafka.publisher.CONFIRM", 0.3)
    nowhere = Publisher(StreamSettings(kind="kafka", brokers="127.0.0.1:1", replication=1))
    sink = KafkaSink(database, nowhere, "eu", now=lambda: NOW)
    with pytest.raises(StoreUnavailable):
        sink.write([arrive("one")])
    assert count(database, delivery) == 0  # so that the app's next try is taken


def dead_letters(settings: StreamSettings, wanted: int) -> list[Any]:
    from confluent_kafka import Consumer

    consumer = Consumer(
        {
            "bootstrap.servers": settings.brokers,
            "group.id": f"{settings.group}-dead",
            "auto.offset.reset": "earliest",
            "session.timeout.ms": 6000,
        }
    )
    consumer.subscribe([topic_of(settings, "eu") + ".dead"])
    found: list[Any] = []
    deadline = time.monotonic() + 20
    while len(found) < wanted and time.monotonic() < deadline:
        message = consumer.poll(0.1)
        if message is not None and message.error() is None:
            found.append(message)
    consumer.close()
    return found
