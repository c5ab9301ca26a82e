"""The ledger as pages ask for it: sums of what stands now, partitions in pages, what is never read apart."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
import sqlalchemy as sa

from connectors.runtime import Runtime
from connectors.store import ledger
from connectors.store.ledger import LIVE, NOT_READ, Counts
from connectors.store.tables.syncs import gap, sync_partition
from connectors.store.tables.syncs import ledger as ledger_table


def filled(table: sa.Table, now: Any, **values: Any) -> dict[str, Any]:
    """Return a row with something in every column."""
    empty = {sa.String: "", sa.Integer: 0, sa.Uuid: uuid.uuid4()}
    row = {
        column.name: next((said for kind, said in empty.items() if isinstance(column.type, kind)), now)
        for column in table.c if not column.nullable
    }  # fmt: skip
    return {**row, "residency": "eu", "id": uuid.uuid4(), "tenant": "acme", "connection": "a", **values}


@pytest.fixture
def read(runtime: Runtime) -> Any:
    now, states = runtime.now(), {"p1": "done", "p2": "failed", "p3": "reading", NOT_READ: "done"}
    parts = [filled(sync_partition, now, partition=p, label=p, state=s, generation=2) for p, s in states.items()]
    lines = [
        filled(
            ledger_table, now, partition=partition, generation=generation, shard=shard, listed=3, scanned=2, skipped=1
        )
        for partition, generation in (("p1", 1), ("p1", 2), ("p2", 2), (LIVE, 0), (NOT_READ, 2))
        for shard in (0, 1)
    ]
    places = (("p1", "too_large"), ("p1", "too_large"), ("p2", "excluded"), (NOT_READ, "excluded"))
    missed = [filled(gap, now, partition=p, reason=why, part="drafts", outcome="skipped") for p, why in places]

    def put(c: sa.Connection) -> None:
        for table, rows in ((sync_partition, parts), (ledger_table, lines), (gap, missed)):
            c.execute(sa.insert(table), rows)

    database = runtime.databases.of("eu")
    database.run(put)
    return database.read


def test_a_sum_is_of_the_current_generation_and_leaves_out_what_is_never_read(read: Any) -> None:
    found = read(lambda c: ledger.summaries(c, "eu", ["a", "b"]))
    assert found["a"].counts == Counts(listed=18, scanned=12, skipped=6)
    assert (found["a"].states, found["a"].never) == ({"done": 1, "failed": 1, "reading": 1}, 6)
    assert found["b"] == ledger.Summary()


def test_partitions_come_in_pages_those_with_trouble_first(read: Any) -> None:
    first = read(lambda c: ledger.partitions(c, "eu", ["a"], limit=2))
    assert [(line.partition, line.counts.listed) for line in first] == [(LIVE, 6), ("p2", 6), ("p3", 0)]
    second = read(lambda c: ledger.partitions(c, "eu", ["a"], limit=2, offset=2))
    assert [(line.partition, line.counts.listed) for line in second] == [("p1", 6)]
    assert [line.partition for line in read(lambda c: ledger.partitions(c, "eu", ["a"], partition="p1", limit=2))] == [
        "p1"
    ]


def test_reasons_are_counted_to_a_bound_and_without_what_is_never_read(read: Any) -> None:
    def counted(**given: Any) -> list[tuple[str, int]]:
        rows = read(lambda c: ledger.reasons(c, "eu", ["a"], **given))
        return [(row["reason"], row["count"]) for row in rows]

    assert counted(most=10) == [("too_large", 2), ("excluded", 1)]
    assert sum(count for _, count in counted(most=2)) == 2
    assert counted(most=10, partition="p2") == [("excluded", 1)]
    assert [row["part"] for row in read(lambda c: ledger.never_read(c, "eu", ["a"]))] == ["drafts"]
