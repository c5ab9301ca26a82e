"""How much waits in Kafka, and for how long: asked without being a member of the group."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from connectors.config.models import StreamSettings
from connectors.store.inbox import Backlog
from connectors.work.kafka.messages import HEADER, created_at
from connectors.work.kafka.options import CONFIRM, away, consumer_options

LOOK = 1.0
"""Seconds to wait for the oldest message of each partition; without it the age is that of those that came."""


class Observer:
    """Asks the brokers for the lag of the group, for one residency at a time. Thread-safe; keeps its connections."""

    def __init__(self, settings: StreamSettings) -> None:
        self._settings = settings
        self._consumers: dict[str, Any] = {}
        self._lock = threading.Lock()

    def backlog(self, residency: str, topic: str, *, now: datetime) -> Backlog:
        """Return what of a topic is not committed yet, and how old the oldest of it is. Raises `StoreUnavailable`."""
        from confluent_kafka import KafkaException

        with self._lock:
            consumer = self._consumer(residency)
            try:
                waiting = _behind(consumer, topic)
                oldest = _oldest(consumer, topic, {place: first for place, (first, _) in waiting.items()})
            except KafkaException as error:
                raise away(error) from None
        count = sum(high - first for first, high in waiting.values())
        return Backlog(count, max(now - oldest, timedelta(0)) if oldest else timedelta(0))

    def close(self) -> None:
        """Let go of the connections."""
        with self._lock:
            for consumer in self._consumers.values():
                consumer.close()
            self._consumers.clear()

    def _consumer(self, residency: str) -> Any:
        if residency not in self._consumers:
            from confluent_kafka import Consumer

            small = {"fetch.message.max.bytes": 1024, "queued.max.messages.kbytes": 64}
            self._consumers[residency] = Consumer({**consumer_options(self._settings, residency), **small})
        return self._consumers[residency]


def _behind(consumer: Any, topic: str) -> dict[int, tuple[int, int]]:
    """Return the first and the next offset of what each partition still holds for the group."""
    from confluent_kafka import TopicPartition

    partitions = consumer.list_topics(topic, timeout=CONFIRM).topics[topic].partitions
    found = {}
    for place in consumer.committed([TopicPartition(topic, each) for each in partitions], timeout=CONFIRM):
        low, high = consumer.get_watermark_offsets(place, timeout=CONFIRM)
        first = max(place.offset, low) if place.offset >= 0 else low
        if high > first:
            found[place.partition] = (first, high)
    return found


def _oldest(consumer: Any, topic: str, first: Mapping[int, int]) -> datetime | None:
    """Read the first waiting message of each partition; return when the oldest of their events came."""
    from confluent_kafka import TopicPartition

    if not first:
        return None
    consumer.assign([TopicPartition(topic, place, offset) for place, offset in first.items()])
    missing, times = set(first), []
    until = time.monotonic() + LOOK
    while missing and time.monotonic() < until:
        for message in _read(consumer, len(first)):
            missing.discard(message.partition())
            came = created_at(dict(message.headers() or []).get(HEADER))
            if came is not None:
                times.append(came)
    consumer.unassign()
    return min(times, default=None)


def _read(consumer: Any, limit: int) -> Sequence[Any]:
    return [message for message in consumer.consume(limit, timeout=0.1) if message.error() is None]
