"""What brings events: producing them, confirmed, and the topics they stand in."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import structlog

from connectors.config.models import StreamSettings
from connectors.errors import StoreUnavailable
from connectors.store.engine import Row
from connectors.store.inbox import Backlog
from connectors.work.kafka.messages import HEADER, LARGEST, REASON, encode
from connectors.work.kafka.observer import Observer
from connectors.work.kafka.options import CONFIRM, PRODUCER, away, brokers_of, role_options, topic_of

log = structlog.get_logger()


class Publisher:
    """Produces events, and returns when the brokers have them. One per process; thread-safe.

    `options` are librdkafka's (https://github.com/confluentinc/librdkafka/blob/master/CONFIGURATION.md) and win
    over the defaults.
    """

    def __init__(self, settings: StreamSettings) -> None:
        self._settings = settings
        self._producers: dict[str, Any] = {}
        self._topics: set[str] = set()
        self._observer = Observer(settings)
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

    def backlog(self, residency: str, *, now: datetime) -> Backlog:
        """Return how many events wait in Kafka, and how old the oldest is. Raises `StoreUnavailable`."""
        return self._observer.backlog(residency, self.ensure(residency), now=now)

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
        self._observer.close()

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
            raise away(error) from None
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
                options = {
                    "bootstrap.servers": brokers,
                    **PRODUCER,
                    **limits,
                    **role_options(self._settings, "consumer"),
                }
                self._producers[brokers] = Producer(options)
            return self._producers[brokers]

    def _ensure(self, residency: str, topic: str) -> None:
        if topic in self._topics:
            return
        from confluent_kafka import KafkaException
        from confluent_kafka.admin import AdminClient
        from confluent_kafka.cimpl import NewTopic

        shared = role_options(self._settings, "consumer", "producer")
        admin = AdminClient({"bootstrap.servers": brokers_of(self._settings, residency), **shared})
        try:
            if topic not in admin.list_topics(timeout=CONFIRM).topics:
                made = NewTopic(topic, self._settings.partitions, self._settings.replication)
                admin.create_topics([made], request_timeout=CONFIRM)[topic].result(CONFIRM)
        except (KafkaException, TimeoutError) as error:
            if "TOPIC_ALREADY_EXISTS" not in str(error):
                raise away(error) from None
        self._topics.add(topic)


def copy_dead(publisher: Publisher, residency: str, row: Row, reason: str) -> None:
    """Copy a dead letter to its topic; the row in the database is the record, so a broker that is away costs a line."""
    try:
        publisher.bury(residency, row, reason)
    except StoreUnavailable as error:
        log.error("dead_letter_not_copied", event_id=str(row["id"]), error=str(error))
