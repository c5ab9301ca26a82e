"""Taking a connection out of the database, on every dialect: its rows go, the others' stay, and a cut is no harm."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from connectors.model import Gap, Page, Partition, UnitFailure
from connectors.store import jobs, removal, syncs
from connectors.store.jobs import Job

ACME, OTHER, EU = "acme-chat", "other-chat", "eu"
KEPT = set(removal.RESULTS)


@pytest.fixture
def lived_in(rig: Any) -> Any:
    """Two connections with findings, deliveries, partitions, gaps and jobs."""
    for name in (ACME, OTHER):
        for number in range(3):
            event = rig.event(f"{name}-{number}", parts={"body": [f"secret{number}"]}, gaps={"file": "too_large"})
            rig.accept(event, delivery=f"{name}{number}", connection=name)
    rig.record(rig.claim())
    for name in (ACME, OTHER):
        rig.accept(rig.event(f"{name}-waits", parts={}), delivery=f"{name}-waits", connection=name)
        rig.database.run(lambda c, name=name: fill(rig, c, name))
    return rig


def fill(rig: Any, connection: sa.Connection, name: str) -> None:
    named = {"residency": EU, "tenant": "acme", "name": name, "vault": rig.vault, "now": rig.now}
    places = [UnitFailure("drafts", Gap.NOT_IN_API)]
    syncs.declare(rig.database, connection, places, plugin="chat", **named)
    progress = syncs.begin(rig.database, connection, Partition("C1"), **named)
    page = Page(cursor={"at": 1}, done=True)
    prepared = syncs.prepare_page(progress, page, vault=rig.vault, shards=1, plugin="chat", now=rig.now)
    syncs.commit_page(rig.database, connection, prepared, now=rig.now)
    wanted = [Job("sync", f"{name}/C1", EU, "acme", name, {})]
    jobs.enqueue(rig.database, connection, wanted, vault=rig.vault, now=rig.now + timedelta(days=1))


def held(rig: Any, name: str, *, findings: bool = True) -> dict[str, int]:
    counted: dict[str, int] = rig.database.read(lambda c: removal.count(c, EU, name, findings=findings))
    return counted


@pytest.mark.parametrize("findings", [False, True])
def test_what_was_counted_is_deleted_and_nobody_else_loses_a_row(lived_in: Any, findings: bool) -> None:
    before, others = held(lived_in, ACME), held(lived_in, OTHER)
    counted = held(lived_in, ACME, findings=findings)
    assert {"inbox", "job", "delivery", "sync_partition", "ledger", "gap"} <= set(counted)
    assert {"finding", "resource", "alert"} <= set(before)
    assert removal.remove(lived_in.database, EU, ACME, findings=findings) == counted
    left = {} if findings else {table: rows for table, rows in before.items() if table in KEPT}
    assert held(lived_in, ACME) == left
    assert held(lived_in, OTHER) == others
    assert removal.remove(lived_in.database, EU, ACME, findings=findings) == {}


def test_it_deletes_in_batches_and_goes_on_after_a_cut(lived_in: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(removal, "BATCH", 1)
    real, runs = lived_in.database.run, []

    def run(effects: Any) -> Any:
        runs.append(effects)
        if len(runs) == 6:
            raise ConnectionError
        return real(effects)

    before = held(lived_in, ACME)
    with monkeypatch.context() as cut:
        cut.setattr(lived_in.database, "run", run)
        with pytest.raises(ConnectionError):
            removal.remove(lived_in.database, EU, ACME, findings=True)
    left = held(lived_in, ACME)
    assert 0 < sum(before.values()) - sum(left.values()) <= 5
    assert removal.remove(lived_in.database, EU, ACME, findings=True) == left
    assert held(lived_in, ACME) == {}


def test_a_connection_that_left_rows_is_known(lived_in: Any) -> None:
    assert lived_in.database.read(lambda c: removal.known(c, EU)) == {ACME, OTHER}
    removal.remove(lived_in.database, EU, ACME, findings=True)
    assert lived_in.database.read(lambda c: removal.known(c, EU)) == {OTHER}


def test_kinds_of_places_are_counted_anew_only_when_they_change(rig: Any) -> None:
    named = {"residency": EU, "tenant": "acme", "name": ACME, "vault": rig.vault, "now": rig.now, "plugin": "chat"}

    def declare(*parts: str) -> tuple[int, set[str], int]:
        places = [UnitFailure(part, Gap.EXCLUDED) for part in parts]
        rig.database.run(lambda c: syncs.declare(rig.database, c, places, **named))
        rows = rig.rows("sync_partition", partition=syncs.NOT_READ)
        generation = rows[0]["generation"] if rows else 0
        counted = sum(row["skipped"] for row in rig.rows("ledger", generation=generation))
        return generation, {row["part"] for row in rig.rows("gap")}, counted

    assert declare() == (0, set(), 0)
    assert declare("drafts", "lists") == (1, {"drafts", "lists"}, 2)
    assert declare("lists", "drafts") == (1, {"drafts", "lists"}, 2)
    assert declare("drafts") == (2, {"drafts"}, 1)
    assert declare() == (3, set(), 0)
