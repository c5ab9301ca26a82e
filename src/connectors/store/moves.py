"""What follows when findings change, whoever changes them: the counters move, and alerts that are over are closed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from connectors.store import alerts, jobs, tallies
from connectors.store.engine import Database
from connectors.store.lifecycle import LIVING
from connectors.store.tallies import Move


def follow(
    database: Database, connection: sa.Connection, residency: str, moves: Sequence[Move], *, now: datetime
) -> None:
    """Do what follows from changes of findings. Call it in the transaction that writes them, after it wrote them."""
    tallies.count(database, connection, residency, moves, now)
    ended = [new for old, new in moves if old is not None and old["state"] in LIVING and new["state"] not in LIVING]
    if ended:
        wanted = alerts.closings(connection, residency, ended)
        jobs.enqueue(database, connection, wanted, now=now)
