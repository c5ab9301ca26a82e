"""Taking a stored delivery in again."""

from __future__ import annotations

import uuid

import sqlalchemy as sa

from connectors.contract import ReceivesWebhooks
from connectors.errors import ConnectorsError, NotFound, Unsupported
from connectors.gateway.webhooks import from_replayable
from connectors.host import wall
from connectors.runtime import Runtime
from connectors.store import deliveries, inbox
from connectors.store.engine import Database, Row
from connectors.store.inbox import Arrival
from connectors.work.context import Connections


def replay_delivery(runtime: Runtime, start: str) -> str:
    """Parse a failed delivery again and queue its events; return what came of it, as a sentence.

    `start` is its id or the beginning of it. It is verified again, as of the time at which it arrived.
    Raises `NotFound`, `Unsupported`, or what the connector raises.
    """
    for residency in runtime.databases.residencies:
        database = runtime.databases.of(residency)
        row = database.read(lambda c, r=residency: deliveries.failed(c, r, start))  # type: ignore[misc]
        if row is not None:
            return _replay(runtime, database, row)
    raise NotFound(f"there is no failed delivery {start!r}", hint="see `connectors deliveries --failed`")


def _replay(runtime: Runtime, database: Database, row: Row) -> str:
    if row["body"] is None:
        raise Unsupported("the body of this delivery is no longer kept")
    identity: uuid.UUID = row["id"]
    name = row["connection"]
    stored = runtime.vault.decrypt(row["body"], context=f"delivery:{identity}")
    connector = Connections(runtime).get(name)
    if not isinstance(connector, ReceivesWebhooks):
        raise Unsupported(f"{name} takes no webhooks")
    with wall(runtime.host.owners[connector.name], "receive"):
        receipt = connector.receive(from_replayable(name, stored), row["received_at"])
    if receipt.failure:
        raise ConnectorsError(f"still not understood: {receipt.failure}")
    arrival = Arrival(
        residency=row["residency"],
        tenant=row["tenant"],
        connection=name,
        delivery_id=f"replay:{row['delivery_id']}",
        received_at=runtime.now(),
        events=receipt.events,
        size=row["size"],
        expires_at=runtime.now() + runtime.config.retention.deliveries,
    )
    prepared = inbox.prepare(arrival, vault=runtime.vault, shards=database.shards)

    def write(c: sa.Connection) -> None:
        inbox.accept(database, c, [prepared], now=runtime.now())
        deliveries.mark_replayed(c, row["residency"], identity)

    database.run(write)
    return f"{len(receipt.events)} events of {name} are queued."
