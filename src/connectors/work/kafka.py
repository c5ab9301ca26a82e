"""The event stream on Kafka: for influxes beyond what a database inbox should carry.

One topic per residency, keyed by resource, so that the events of one resource stay in their order. The message is
the event's inbox row: its encrypted body is the value, the rest stands in a header. Offsets are committed after the
database transaction that records the events; that transaction also remembers each event's id, so that an event
which Kafka delivers twice is recorded and counted once.

What cannot be recorded at the first try waits in the SQL inbox until it is due, where `connectors jobs` lists it:
a poisonous or throttled event never holds up the partition behind it. Dead letters stand there too, and in the
topic `<topic>.dead` for other tools.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
import structlog

from connectors.config.models import StreamSettings
from connectors.errors import ConfigError, StoreUnavailable
from connectors.model import EventKind
from connectors.store import inbox
from connectors.store.columns import shard_of
from connectors.store.engine import Database, Row
from connectors.store.inbox import Prepared
from connectors.store.leases import Queue
from connectors.work.stream import SqlStream

log = structlog.get_logger()

HEADER = "connectors-event"
REASON = "connectors-reason"

LARGEST = 900_000
"""Bytes of one message; a larger event goes through the SQL inbox, because brokers refuse it (1 MB by default)."""

CONFIRM = 10.0
"""Seconds to wait for the brokers' confirmation before the app is asked to send again."""

POLL = 0.05
"""Seconds that one claim waits for messages."""

CONSUMER = {
    "enable.auto.commit": False,
    "auto.offset.reset": "earliest",
    # A batch that downloads large files is not a dead consumer.
    "max.poll.interval.ms": 900_000,
    "session.timeout.ms": 10_000,
    # Back-pressure: what is fetched ahead of the workers is bounded.
    "queued.max.messages.kbytes": 16_384,
}
PRODUCER = {"enable.idempotence": True, "acks": "all", "compression.type": "none", "linger.ms": 2}


def topic_of(settings: StreamSettings, residency: str) -> str:
    """Return the topic of one residency's events."""
    return f"{settings.topic}.{residency}"


def encode(row: Row) -> tuple[bytes, bytes, bytes]:
    """Return key, value and header of an event row."""
    named = {
        "id": str(row["id"]),
        "residency": row["residency"],
        "tenant": row["tenant"],
        "connection": row["connection"],
        "source": row["source"],
        "partition": row["partition"],
        "generation": row["generation"],
        "kind": row["kind"],
        "resource_key": str(row["resource_key"]),
        "version": row["version"],
        "created_at": row["created_at"].isoformat(),
    }
    return row["resource_key"].bytes, row["body"], json.dumps(named, separators=(",", ":")).encode()


def decode(value: bytes | None, header: bytes | None, *, residency: str, shards: int) -> dict[str, Any]:
    """Return the event row of a message. Raises `ValueError` for one that this product did not write."""
    if value is None or header is None:
        raise ValueError("not an event of this product")
    try:
        row = json.loads(header)
        if not isinstance(row, dict) or row.pop("residency") != residency:
            raise ValueError("an event of another residency")
        key = uuid.UUID(row["resource_key"])
        created = datetime.fromisoformat(row["created_at"])
        if created.tzinfo is None:
            raise ValueError("a time without a zone")
        return {
            "residency": residency,
            "id": uuid.UUID(row["id"]),
            "tenant": str(row["tenant"]),
            "connection": str(row["connection"]),
            "source": str(row["source"]),
            "partition": str(row["partition"]),
            "generation": int(row["generation"]),
            "kind": EventKind(row["kind"]).value,
            "resource_key": key,
            "version": int(row["version"]),
            "body": value,
            "shard": shard_of(key, shards),
            "state": "ready",
            "due_at": created,
            "lease": None,
            "attempts": 1,
            "reason": "",
            "created_at": created,
            "expires_at": None,
        }
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"not an event of this product ({type(error).__name__})") from None


class Publisher:
    """Produces events, and returns when the brokers have them. One per process; thread-safe.

    `options` are librdkafka's (https://github.com/confluentinc/librdkafka/blob/master/CONFIGURATION.md) and win
    over the defaults.
    """

    def __init__(self, settings: StreamSettings) -> None:
        self._settings = settings
        self._producers: dict[str, Any] = {}
        self._topics: set[str] = set()
        self._lock = threading.Lock()

    def publish(self, residency: str, rows: Iterable[Row]) -> set[uuid.UUID]:
        """Make events durable in Kafka; return their ids. Those that are too large for a message are left out.

        Raises `StoreUnavailable` when a broker does not confirm in time; what was confirmed before is harmless,
        because the same event has the same id.
        """
        wanted = {row["id"]: row for row in rows if len(row["body"]) <= LARGEST}
        if wanted:
            messages = [(*encode(row)[:2], {HEADER: encode(row)[2]}) for row in wanted.values()]
            self._send(residency, topic_of(self._settings, residency), messages)
        return set(wanted)

    def bury(self, residency: str, row: Row, reason: str) -> None:
        """Copy a dead letter to the dead-letter topic. Raises `StoreUnavailable`."""
        key, value, header = encode(row)
        self.bury_raw(residency, key, value, {HEADER: header}, reason)

    def bury_raw(
        self, residency: str, key: bytes | None, value: bytes | None, headers: Mapping[str, bytes], reason: str
    ) -> None:
        """Copy a message to the dead-letter topic. Raises `StoreUnavailable`."""
        topic = topic_of(self._settings, residency) + ".dead"
        self._send(residency, topic, [(key, value, {**headers, REASON: reason.encode()[:2000]})])

    def lag(self, residency: str) -> int:
        """Return how many events wait in Kafka. Raises `StoreUnavailable`."""
        from confluent_kafka import Consumer, KafkaException, TopicPartition

        topic = self.ensure(residency)
        consumer = Consumer(consumer_options(self._settings, residency))
        try:
            found = consumer.list_topics(topic, timeout=CONFIRM).topics[topic].partitions
            committed = consumer.committed([TopicPartition(topic, each) for each in found], timeout=CONFIRM)
            total = 0
            for place in committed:
                low, high = consumer.get_watermark_offsets(place, timeout=CONFIRM)
                total += max(high - (place.offset if place.offset >= 0 else low), 0)
        except KafkaException as error:
            raise _away(error) from None
        finally:
            consumer.close()
        return total

    def ensure(self, residency: str) -> str:
        """Make a residency's topic if it is not there, and return its name. Raises `StoreUnavailable`."""
        topic = topic_of(self._settings, residency)
        self._ensure(residency, topic)
        return topic

    def close(self) -> None:
        """Send what is still buffered, and let go of the connections."""
        with self._lock:
            for producer in self._producers.values():
                producer.flush(CONFIRM)
            self._producers.clear()

    def _send(
        self,
        residency: str,
        topic: str,
        messages: Sequence[tuple[bytes | None, bytes | None, Mapping[str, bytes]]],
    ) -> None:
        self._ensure(residency, topic)
        from confluent_kafka import KafkaException

        confirmed: list[None] = []
        refused: list[str] = []
        done = threading.Event()

        def delivered(error: Any, _message: Any) -> None:
            if error is None:
                confirmed.append(None)
            else:
                refused.append(error.name())
            if len(confirmed) + len(refused) == len(messages):
                done.set()

        producer = self._producer(residency)
        try:
            for key, value, headers in messages:
                producer.produce(topic, value, key, on_delivery=delivered, headers=list(headers.items()))
                producer.poll(0)
        except (BufferError, KafkaException) as error:
            raise _away(error) from None
        producer.flush(CONFIRM)
        # Another thread's flush may be the one that serves our reports.
        if not done.wait(0.5) or refused:
            reason = refused[0] if refused else "no confirmation"
            raise StoreUnavailable(f"Kafka did not take {len(messages) - len(confirmed)} events ({reason})")

    def _producer(self, residency: str) -> Any:
        from confluent_kafka import Producer

        brokers = brokers_of(self._settings, residency)
        with self._lock:
            if brokers not in self._producers:
                limits = {"message.timeout.ms": int(CONFIRM * 1000)}
                options = {"bootstrap.servers": brokers, **PRODUCER, **limits, **_options(self._settings, "consumer")}
                self._producers[brokers] = Producer(options)
            return self._producers[brokers]

    def _ensure(self, residency: str, topic: str) -> None:
        if topic in self._topics:
            return
        from confluent_kafka import KafkaException
        from confluent_kafka.admin import AdminClient
        from confluent_kafka.cimpl import NewTopic

        shared = _options(self._settings, "consumer", "producer")
        admin = AdminClient({"bootstrap.servers": brokers_of(self._settings, residency), **shared})
        try:
            if topic not in admin.list_topics(timeout=CONFIRM).topics:
                made = NewTopic(topic, self._settings.partitions, self._settings.replication)
                admin.create_topics([made], request_timeout=CONFIRM)[topic].result(CONFIRM)
        except (KafkaException, TimeoutError) as error:
            if "TOPIC_ALREADY_EXISTS" not in str(error):
                raise _away(error) from None
        self._topics.add(topic)


class KafkaSink:
    """Writes what the gateway accepts: events to Kafka, the delivery and the ledger to the database."""

    def __init__(self, database: Database, publisher: Publisher, residency: str, *, now: Any) -> None:
        self._database = database
        self._publisher = publisher
        self._residency = residency
        self._now = now

    def write(self, arrivals: Sequence[Prepared]) -> None:
        """Make deliveries durable, redeliveries once. Raises `StoreUnavailable`.

        The events go first: an answer that is lost between the two brings the same delivery again, and its events
        have the ids that they had.
        """
        known = self._database.read(lambda c: inbox.known_deliveries(c, self._residency, arrivals))
        fresh = [arrival for arrival in arrivals if arrival.delivery["id"] not in known]
        published = self._publisher.publish(self._residency, [row for arrival in fresh for row in arrival.events])
        now = self._now()
        self._database.run(
            lambda c: inbox.accept(self._database, c, fresh, now=now, published=published), attempts=ATTEMPTS
        )


ATTEMPTS = 4


class KafkaStream:
    """One residency's events as one member of the consumer group. For one thread.

    `remember` is how long an event's id is kept to know it again.
    """

    queue: Queue | None = None

    def __init__(
        self, settings: StreamSettings, publisher: Publisher, database: Database, residency: str, *, remember: timedelta
    ) -> None:
        self.remember: timedelta | None = remember
        self._settings = settings
        self._publisher = publisher
        self._database = database
        self._residency = residency
        self._consumer: Any = None
        self._open: dict[uuid.UUID, tuple[int, int]] = {}
        self._next: dict[int, int] = {}

    def claim(self, limit: int, *, now: datetime, avoid: Sequence[str]) -> list[Row]:
        """Return up to `limit` events; those of connections in `avoid` are put aside in the SQL inbox."""
        from confluent_kafka import KafkaException

        try:
            consumer = self._joined()
            self._settle()
            messages = consumer.consume(limit, timeout=POLL)
        except KafkaException as error:
            raise _away(error) from None
        rows: dict[uuid.UUID, Row] = {}
        for message in messages:
            if message.error():
                self._complain(message.error())
                continue
            self._next[message.partition()] = message.offset() + 1
            row = self._row(message)
            if row is not None and row["id"] not in rows:
                rows[row["id"]] = row
                self._open[row["id"]] = (message.partition(), message.offset())
        for row in [row for row in rows.values() if row["connection"] in avoid]:
            self.retry(row, due_at=now, reason="waits for its connection", refund=True)
            del rows[row["id"]]
        return list(rows.values())

    def acknowledge(self, rows: Sequence[Row]) -> None:
        """Forget events whose recording is committed, and with the last of a batch, commit its offsets."""
        for row in rows:
            self._open.pop(row["id"], None)
        if not self._open:
            self._settle()

    def retry(self, row: Row, *, due_at: datetime, reason: str, refund: bool = False) -> None:
        """Put an event aside in the SQL inbox, to be claimed there at `due_at`."""
        aside = {**row, "due_at": due_at, "reason": reason[:500], "attempts": row["attempts"] - refund}
        self._database.run(lambda c: inbox.insert_events(self._database, c, [aside]))
        self.acknowledge([row])

    def bury(
        self, row: Row, *, reason: str, expires_at: datetime | None, effects: Callable[[sa.Connection], object]
    ) -> bool:
        """Make an event a dead letter, in the SQL inbox and in the dead-letter topic; False when it was one before."""
        dead = {**row, "state": "dead", "reason": reason[:500], "expires_at": expires_at}

        def bury(c: sa.Connection) -> bool:
            new = bool(inbox.insert_events(self._database, c, [dead]))
            if new:
                effects(c)
            return new

        new = self._database.run(bury)
        if new:
            copy_dead(self._publisher, self._residency, row, reason)
        self.acknowledge([row])
        return new

    def close(self) -> None:
        """Leave the group; what is held and not ended goes to another member."""
        from confluent_kafka import KafkaException

        if self._consumer is None:
            return
        try:
            self._settle()
            self._consumer.close()
        except KafkaException as error:
            log.warning("stream_close_failed", error=_name(error))
        self._consumer = None

    def _joined(self) -> Any:
        if self._consumer is None:
            from confluent_kafka import Consumer

            topic = self._publisher.ensure(self._residency)
            consumer = Consumer(consumer_options(self._settings, self._residency))
            consumer.subscribe([topic], on_revoke=self._revoked, on_lost=self._revoked)
            self._consumer = consumer
        return self._consumer

    def _settle(self) -> None:
        """Commit what has ended; go back to what has not, which a failed transaction left behind."""
        from confluent_kafka import KafkaException, TopicPartition

        if not self._next:
            return
        behind: dict[int, int] = {}
        for partition, offset in self._open.values():
            behind[partition] = min(offset, behind.get(partition, offset))
        topic = topic_of(self._settings, self._residency)
        ended = [TopicPartition(topic, each, behind.get(each, offset)) for each, offset in self._next.items()]
        self._next.clear()
        self._open.clear()
        try:
            for partition, offset in behind.items():
                self._consumer.seek(TopicPartition(topic, partition, offset))
            self._consumer.commit(offsets=ended, asynchronous=False)
        except KafkaException as error:
            # The partition went to another member meanwhile: it repeats the events, and they are known.
            log.info("stream_commit_refused", residency=self._residency, error=_name(error))

    def _revoked(self, _consumer: Any, partitions: Sequence[Any]) -> None:
        gone = {each.partition for each in partitions}
        self._open = {key: place for key, place in self._open.items() if place[0] not in gone}
        self._next = {partition: offset for partition, offset in self._next.items() if partition not in gone}

    def _row(self, message: Any) -> Row | None:
        headers = dict(message.headers() or [])
        try:
            return decode(message.value(), headers.get(HEADER), residency=self._residency, shards=self._database.shards)
        except ValueError as error:
            log.error("stream_message_unreadable", residency=self._residency, reason=str(error))
            self._publisher.bury_raw(self._residency, message.key(), message.value(), headers, str(error))
            return None

    def _complain(self, error: Any) -> None:
        log.warning("stream_error", residency=self._residency, error=error.name())


class AsideStream(SqlStream):
    """The events that Kafka delivered and that had to wait: leased rows of the SQL inbox."""

    def __init__(
        self, database: Database, residency: str, *, lease: timedelta, publisher: Publisher, remember: timedelta
    ) -> None:
        super().__init__(database, residency, lease=lease)
        self.remember = remember
        self._publisher = publisher
        self._residency = residency

    def bury(
        self, row: Row, *, reason: str, expires_at: datetime | None, effects: Callable[[sa.Connection], object]
    ) -> bool:
        """Make a row a dead letter, here and in the dead-letter topic."""
        buried = super().bury(row, reason=reason, expires_at=expires_at, effects=effects)
        if buried:
            copy_dead(self._publisher, self._residency, row, reason)
        return buried


def copy_dead(publisher: Publisher, residency: str, row: Row, reason: str) -> None:
    """Copy a dead letter to its topic; the row in the database is the record, so a broker that is away costs a line."""
    try:
        publisher.bury(residency, row, reason)
    except StoreUnavailable as error:
        log.error("dead_letter_not_copied", event_id=str(row["id"]), error=str(error))


def consumer_options(settings: StreamSettings, residency: str) -> dict[str, Any]:
    """Return the options of a member of the group."""
    base = {"bootstrap.servers": brokers_of(settings, residency), "group.id": settings.group}
    return {**base, **CONSUMER, **_options(settings, "producer")}


def brokers_of(settings: StreamSettings, residency: str) -> str:
    """Return the brokers that may hold a residency's events. Raises `ConfigError` when none are named."""
    brokers = settings.residencies.get(residency, settings.brokers)
    if not brokers:
        raise ConfigError("stream.brokers is empty", hint="write host:port of your Kafka brokers")
    return brokers


def require() -> None:
    """Raise `ConfigError` when the Kafka client is not installed."""
    try:
        import confluent_kafka  # noqa: F401 (is it there?)
    except ImportError:
        raise ConfigError("stream.kind: kafka needs confluent-kafka", hint="pip install 'connectors[kafka]'") from None


def _options(settings: StreamSettings, *others: str) -> dict[str, str]:
    """Return the configured options without those that are written for another role (`consumer.` or `producer.`)."""
    chosen = {}
    for name, value in settings.options.items():
        role, dot, rest = name.partition(".")
        if role in ("consumer", "producer") and dot:
            if role not in others:
                chosen[rest] = value
        else:
            chosen[name] = value
    return chosen


def _away(error: BaseException) -> StoreUnavailable:
    return StoreUnavailable(f"Kafka does not answer ({_name(error)})")


def _name(error: BaseException) -> str:
    first: Any = error.args[0] if error.args else None
    return str(first.name()) if hasattr(first, "name") else type(error).__name__
