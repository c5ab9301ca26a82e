"""Pages are committed with cursor, events and counts, or not at all; a kill between two steps loses nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from connectors.errors import PluginFault
from connectors.model import Gap, Page, Partition, UnitFailure
from connectors.store import ledger, syncs

PARTITION = Partition("C1", "#general", estimate=10)


class Killed(Exception):
    """Stands for a process that ended."""


def begin(rig: Any, **options: Any) -> Any:
    return rig.database.run(
        lambda c: syncs.begin(
            rig.database, c, PARTITION, residency="eu", tenant="acme", name="acme-chat", vault=rig.vault, now=rig.now,
            **options,
        )
    )  # fmt: skip


def commit(rig: Any, progress: Any, page: Page, *, die: bool = False) -> None:
    prepared = syncs.prepare_page(
        progress, page, vault=rig.vault, shards=rig.database.shards, plugin="chat", now=rig.now
    )

    def write(c: Any) -> None:
        syncs.commit_page(rig.database, c, prepared, now=rig.now)
        if die:
            raise Killed

    rig.database.run(write)


def page(rig: Any, number: int, *, done: bool = False) -> Page:
    events = tuple(rig.event(f"m{number}{letter}", parts={"body": [f"v{number}{letter}"]}) for letter in "ab")
    return Page(events, cursor={"next": number + 1}, listed=2, done=done)


def test_a_new_partition_starts_at_the_beginning(rig: Any) -> None:
    progress = begin(rig)
    assert (progress.cursor, progress.generation) == (None, 1)


def test_a_page_is_events_counts_and_cursor(rig: Any) -> None:
    commit(rig, begin(rig), page(rig, 1))
    assert begin(rig).cursor == {"next": 2}
    assert rig.counts("C1") == (2, 0, 0, 0)
    assert rig.database.read(lambda c: syncs.pending(c, "eu", "acme-chat", "C1")) == 2
    rig.record(rig.claim())
    assert rig.counts("C1") == (2, 2, 0, 0)
    (line,) = rig.database.read(lambda c: ledger.coverage(c, "eu"))
    assert (line.state, line.pages, line.label, line.holds) == ("reading", 1, "#general", True)


def test_cursors_rest_encrypted(rig: Any) -> None:
    commit(rig, begin(rig), Page(cursor={"next": "swordfish"}))
    assert b"swordfish" not in rig.rows("sync_partition")[0]["cursor"]


def test_a_kill_during_a_page_leaves_no_trace_of_it_and_the_next_reader_goes_on(rig: Any) -> None:
    progress = begin(rig)
    commit(rig, progress, page(rig, 1))
    with pytest.raises(Killed):
        commit(rig, progress, page(rig, 2), die=True)
    assert rig.counts("C1") == (2, 0, 0, 0)
    again = begin(rig)
    assert again.cursor == {"next": 2}
    commit(rig, again, page(rig, 2, done=True))
    rig.record(rig.claim())
    assert rig.counts("C1") == (4, 4, 0, 0)
    assert len(rig.rows("finding")) == 4


def test_a_page_that_is_read_twice_is_scanned_once_and_still_adds_up(rig: Any) -> None:
    progress = begin(rig)
    commit(rig, progress, page(rig, 1))
    commit(rig, progress, page(rig, 1))
    assert len(rig.rows("inbox")) == 2
    rig.record(rig.claim())
    assert rig.counts("C1") == (4, 4, 0, 0)


def test_what_webhook_and_sync_both_saw_is_one_resource(rig: Any) -> None:
    rig.tell(rig.event("m1a", parts={"body": ["v1a"]}), delivery="d1")
    commit(rig, begin(rig), page(rig, 1))
    done = rig.record(rig.claim())
    assert (done.opened, done.superseded) == (1, 1)
    assert len(rig.rows("finding")) == 2
    assert rig.counts("C1") == (2, 2, 0, 0)


def test_failures_of_a_page_are_gaps_and_counted(rig: Any) -> None:
    thing = rig.event("m9").resource
    failures = (
        UnitFailure("", Gap.TOO_LARGE, "900 MB", thing),
        UnitFailure("", Gap.FETCH_FAILED, "500", rig.event("m8").resource),
    )
    commit(rig, begin(rig), Page(failures=failures, listed=2, done=True))
    assert rig.counts("C1") == (2, 0, 1, 1)
    assert {(gap["resource_id"], gap["outcome"]) for gap in rig.rows("gap")} == {("m9", "skipped"), ("m8", "failed")}


def test_a_page_whose_count_is_a_lie_is_refused(rig: Any) -> None:
    with pytest.raises(PluginFault):
        commit(rig, begin(rig), Page(events=(rig.event(),), listed=2))


def test_a_hint_brings_a_cursor_only_when_there_is_none(rig: Any) -> None:
    assert begin(rig, fallback={"next": "hint"}).cursor == {"next": "hint"}
    assert begin(rig, fallback={"next": "other"}).cursor == {"next": "hint"}


def full_reading(rig: Any, *names: str) -> None:
    progress = begin(rig, from_start=True)
    events = tuple(rig.event(name, parts={"body": [name]}) for name in names)
    commit(rig, progress, Page(events, listed=len(events), done=True, reconcile=True))
    rig.record(rig.claim())


def reconcile(rig: Any, **options: Any) -> Any:
    return rig.database.run(lambda c: syncs.reconcile(rig.database, c, "eu", "acme-chat", "C1", now=rig.now, **options))


def test_what_a_complete_reading_no_longer_lists_is_gone(rig: Any) -> None:
    full_reading(rig, "m1", "m2", "m3")
    rig.tell(rig.event("child", parts={"file": ["c"]}, parent="m3"), delivery="d1")
    assert reconcile(rig) == (0, 0)
    full_reading(rig, "m1", "m2")
    assert reconcile(rig) == (1, 2)
    assert reconcile(rig) == (0, 0)
    assert rig.states()["m3", "body"] == ["resolved"]
    assert rig.states()["child", "file"] == ["resolved"]
    assert rig.states()["m1", "body"] == ["open"]


def test_the_reconcile_works_in_small_steps(rig: Any) -> None:
    full_reading(rig, *(f"m{number}" for number in range(5)))
    full_reading(rig)
    assert [reconcile(rig, limit=2)[0] for _ in range(4)] == [2, 2, 1, 0]


def test_each_reading_from_the_start_has_a_ledger_of_its_own(rig: Any) -> None:
    full_reading(rig, "m1", "m2")
    full_reading(rig, "m1")
    assert rig.counts("C1") == (1, 1, 0, 0)
    assert begin(rig).generation == 2


def test_busy_until_nothing_is_left(rig: Any) -> None:
    def busy() -> bool:
        return bool(rig.database.read(lambda c: syncs.busy(c, "eu", "acme-chat")))

    assert not busy()
    commit(rig, begin(rig), page(rig, 1))
    assert busy()
    rig.told = {}
    rig.record(rig.claim())
    assert not busy()


def test_the_time_that_is_left_follows_from_the_speed_so_far(rig: Any) -> None:
    commit(rig, begin(rig), page(rig, 1))
    (line,) = rig.database.read(lambda c: ledger.coverage(c, "eu"))
    assert line.eta(rig.now + timedelta(seconds=10)) == pytest.approx(40)
