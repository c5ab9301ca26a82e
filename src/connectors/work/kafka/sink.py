"""What the gateway accepts, on its way to Kafka."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from connectors.store import inbox
from connectors.store.engine import Database
from connectors.store.inbox import Prepared
from connectors.work.kafka.publisher import Publisher

ATTEMPTS = 4
"""How often a transaction is tried before the app is asked to send again."""


class KafkaSink:
    """Writes what the gateway accepts: events to Kafka, the delivery and the ledger to the database."""

    def __init__(
        self, database: Database, publisher: Publisher, residency: str, *, now: Callable[[], datetime]
    ) -> None:
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
