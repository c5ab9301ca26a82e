"""Writing what changed to object storage, where the database does not do it itself.

The history of findings is the outbox: a change is written in the transaction that makes it, and waits there until it
is in a file. A claim names the file; a crash after the claim leads to the same file again.
"""

from __future__ import annotations

import uuid
from functools import partial

from connectors.cdc.files import file_name, line, packed
from connectors.cdc.store import Store
from connectors.store import outbox
from connectors.store.engine import Database
from connectors.store.tables.findings import finding, finding_change

BATCH = 2000


def export(database: Database, residency: str, store: Store, *, limit: int = BATCH) -> int:
    """Write every change that is not in a file yet; return how many there were. Raises `Transient`.

    At least once: a reader keeps the last message of each key by `updated`.
    """
    total = 0
    for batch in database.read(lambda c: outbox.unfinished(c, residency)):
        total += _write(database, residency, batch, store)
    while True:
        batch = uuid.uuid4()
        claimed = database.run(partial(outbox.claim, database, residency=residency, batch=batch, limit=limit))
        if not claimed:
            return total
        total += _write(database, residency, batch, store)


def _write(database: Database, residency: str, batch: uuid.UUID, store: Store) -> int:
    changes, findings = database.read(lambda c: outbox.rows_of(c, residency, batch))
    if not changes:
        return 0
    updated = max(row["at"] for row in changes)
    latest = {row["finding_id"]: row["at"] for row in changes}
    files = {
        "finding_change": [line(finding_change, row, updated=row["at"]) for row in changes],
        "finding": [line(finding, row, updated=max(row["updated_at"], latest[row["id"]])) for row in findings],
    }
    for topic, messages in files.items():
        if messages:
            store.put(file_name(topic, batch, updated=updated), packed(messages))
    database.run(partial(outbox.mark, residency=residency, batch=batch))
    return len(changes)
