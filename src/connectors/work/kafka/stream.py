"""What takes events: members of the consumer group, and the SQL inbox for what has to wait."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
import structlog

from connectors.config.models import StreamSettings
from connectors.store import inbox
from connectors.store.engine import Database, Row
from connectors.store.leases import Queue
from connectors.work.kafka.messages import HEADER, decode
from connectors.work.kafka.options import POLL, away, consumer_options, lost_membership, name_of, topic_of
from connectors.work.kafka.publisher import Publisher, copy_dead
from connectors.work.stream import SqlStream

log = structlog.get_logger()


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
            raise away(error) from None
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
            log.warning("stream_close_failed", error=name_of(error))
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
            # A partition that went to another member is repeated there, and its events are known.
            log.info("stream_commit_refused", residency=self._residency, error=name_of(error))
            if not lost_membership(error):
                self._next = {each.partition: each.offset for each in ended}

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
