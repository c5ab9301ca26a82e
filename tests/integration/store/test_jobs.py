"""Jobs: one row for one thing to do, whoever asks and how often; schedules; dead letters; rate budgets."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest

from connectors.contract import Budget
from connectors.store import connections, inbox, jobs, leases, ledger, letters, schedules
from connectors.store.connections import Owner
from connectors.store.jobs import Job
from connectors.store.leases import LostLease, Queue
from connectors.store.schedules import Entry
from connectors.store.tables import metadata

QUEUE = Queue(metadata.tables["job"], "eu", "sync")
LEASE = timedelta(minutes=2)
OWNER = Owner("eu", "acme", "acme-chat", "chat")


def ask(rig: Any, *wanted: Job) -> None:
    rig.database.run(lambda c: jobs.enqueue(rig.database, c, wanted, vault=rig.vault, now=rig.now))


def job(key: str = "k", *, due_at: Any = None, **arguments: Any) -> Job:
    return Job("sync", key, "eu", "acme", "acme-chat", arguments, due_at)


def take(rig: Any) -> list[Any]:
    return rig.database.run(lambda c: leases.claim(rig.database, c, QUEUE, limit=10, now=rig.now, lease=LEASE))  # type: ignore[no-any-return]


def finish(rig: Any, row: Any, **options: Any) -> None:
    rig.database.run(lambda c: jobs.finish_job(c, QUEUE, row, now=rig.now, **options))


def test_asking_twice_is_asking_once_with_the_latest_arguments(rig: Any) -> None:
    ask(rig, job(a=1))
    ask(rig, job(a=2), job(a=3))
    (row,) = take(rig)
    assert jobs.arguments(row, rig.vault) == {"a": 3}
    finish(rig, row)
    assert rig.rows("job") == []


def test_arguments_rest_encrypted(rig: Any) -> None:
    ask(rig, job(cursor="swordfish"))
    assert b"swordfish" not in rig.rows("job")[0]["body"]


def test_asked_for_during_its_run_it_runs_again(rig: Any) -> None:
    ask(rig, job())
    (row,) = take(rig)
    ask(rig, job(again=True))
    assert take(rig) == []  # never twice at the same time
    finish(rig, row)
    (again,) = take(rig)
    assert jobs.arguments(again, rig.vault) == {"again": True}
    assert again["attempts"] == 1
    finish(rig, again)
    assert rig.rows("job") == []


def remind(rig: Any) -> None:
    rig.database.run(lambda c: jobs.enqueue(rig.database, c, [job()], now=rig.now, again=False))


def test_the_clock_does_not_ask_again_for_what_runs(rig: Any) -> None:
    ask(rig, job())
    (row,) = take(rig)
    remind(rig)
    finish(rig, row)
    assert rig.rows("job") == []
    remind(rig)
    assert len(take(rig)) == 1


def test_the_clock_leaves_what_somebody_asked_for_as_it_was_asked(rig: Any) -> None:
    ask(rig, job(from_start=True))
    remind(rig)
    (row,) = take(rig)
    assert jobs.arguments(row, rig.vault) == {"from_start": True}
    finish(rig, row)
    assert rig.rows("job") == []


def test_it_comes_back_when_it_says_so(rig: Any) -> None:
    ask(rig, job())
    (row,) = take(rig)
    finish(rig, row, again_at=rig.now + timedelta(minutes=10))
    assert take(rig) == []
    rig.now += timedelta(minutes=10)
    assert len(take(rig)) == 1


def test_it_waits_for_its_time_and_is_brought_forward(rig: Any) -> None:
    ask(rig, job(due_at=rig.now + timedelta(hours=1)))
    assert take(rig) == []
    ask(rig, job(due_at=rig.now + timedelta(hours=2)))
    assert rig.rows("job")[0]["due_at"] == rig.now + timedelta(hours=1)
    ask(rig, job())
    assert len(take(rig)) == 1


def test_one_whose_app_said_wait_is_not_brought_forward(rig: Any) -> None:
    ask(rig, job())
    (row,) = take(rig)
    told = rig.now + timedelta(minutes=10)
    rig.database.run(lambda c: leases.retry(c, QUEUE, row, due_at=told, reason="slow down", refund=True))
    ask(rig, job())
    ask(rig, job(due_at=rig.now + timedelta(minutes=1)))
    assert rig.rows("job")[0]["due_at"] == told
    assert take(rig) == []
    rig.now = told
    (again,) = take(rig)
    fault = rig.now + timedelta(minutes=10)
    rig.database.run(lambda c: leases.retry(c, QUEUE, again, due_at=fault, reason="a fault of the network"))
    ask(rig, job())
    assert len(take(rig)) == 1


def test_who_lost_it_cannot_end_it(rig: Any) -> None:
    ask(rig, job())
    (zombie,) = take(rig)
    rig.now += timedelta(minutes=3)
    (heir,) = take(rig)
    with pytest.raises(LostLease):
        finish(rig, zombie)
    finish(rig, heir)


def test_a_dead_letter_is_listed_and_revived(rig: Any) -> None:
    ask(rig, job())
    (row,) = take(rig)
    rig.database.run(lambda c: leases.bury(c, QUEUE, row, reason="gave up", expires_at=None))
    assert take(rig) == []
    (dead,) = rig.database.read(lambda c: jobs.listed(c, "eu", state="dead"))
    assert (dead["reason"], "body" in dead) == ("gave up", False)
    start = str(dead["id"])[:8]
    assert rig.database.run(lambda c: letters.revive(rig.database, c, "eu", ["ffffffff-0"], now=rig.now)) == 0
    assert rig.database.run(lambda c: letters.revive(rig.database, c, "eu", [start], now=rig.now)) == 1
    assert take(rig)[0]["attempts"] == 1


def test_asking_for_a_dead_one_revives_it(rig: Any) -> None:
    ask(rig, job())
    (row,) = take(rig)
    rig.database.run(lambda c: leases.bury(c, QUEUE, row, reason="gave up", expires_at=rig.now))
    ask(rig, job())
    (alive,) = take(rig)
    assert (alive["attempts"], alive["expires_at"]) == (1, None)


def test_the_ledger_adds_up_over_burying_and_reviving(rig: Any) -> None:
    rig.accept(rig.event(parts={"body": ["a"]}))
    (row,) = rig.claim()

    def bury(c: Any) -> None:
        leases.bury(c, rig.queue, row, reason="gave up", expires_at=None)
        key = (row["tenant"], row["connection"], row["partition"], row["generation"])
        ledger.add(rig.database, c, "eu", [(key, ledger.Counts(failed=1))], now=rig.now)

    rig.database.run(bury)
    assert rig.counts() == (1, 0, 0, 1)
    assert [dead["id"] for dead in rig.database.read(lambda c: letters.dead_events(c, "eu"))] == [row["id"]]
    rig.database.run(lambda c: letters.revive(rig.database, c, "eu", now=rig.now))
    assert rig.counts() == (1, 0, 0, 0)
    rig.record(rig.claim())
    assert rig.counts() == (1, 1, 0, 0)


def test_only_what_was_revived_is_counted(rig: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.accept(rig.event("m1"), rig.event("m2"))
    for row in rig.claim():
        rig.database.run(lambda c, r=row: leases.bury(c, rig.queue, r, reason="gave up", expires_at=None))
    before, real = rig.counts(), leases.revive

    def beaten_to_one(c: Any, queue: Queue, ids: Any, **options: Any) -> set[Any]:
        return real(c, queue, ids[:1], **options)

    monkeypatch.setattr(leases, "revive", beaten_to_one)
    assert rig.database.run(lambda c: letters.revive(rig.database, c, "eu", now=rig.now)) == 1
    assert rig.counts() == (*before[:3], before[3] - 1)


def test_ready_queues_are_those_with_something_due(rig: Any) -> None:
    ask(rig, job(), Job("alert", "a", "eu", due_at=rig.now + timedelta(hours=1)))
    assert rig.database.read(lambda c: jobs.ready_queues(c, "eu", now=rig.now)) == {"sync"}


ENTRY = Entry("sync:acme", timedelta(minutes=15), Job("discover", "acme", "eu"))


def tick(rig: Any, *entries: Entry, database: Any = None) -> list[str]:
    door = database or rig.database
    return [wanted.key for wanted in door.run(lambda c: schedules.due(door, c, "eu", entries, now=rig.now))]


def test_a_schedule_ticks_at_once_and_then_in_its_time(rig: Any) -> None:
    assert tick(rig, ENTRY) == ["acme"]
    rig.now += timedelta(minutes=14)
    assert tick(rig, ENTRY) == []
    rig.now += timedelta(minutes=2)
    assert tick(rig, ENTRY) == ["acme"]


def test_a_schedule_that_should_not_start_at_once_waits_one_turn(rig: Any) -> None:
    full = Entry("full:acme", timedelta(days=7), Job("discover", "full", "eu"), at_once=False)
    assert tick(rig, full) == []
    rig.now += timedelta(days=7, minutes=1)
    assert tick(rig, full) == ["full"]


def test_a_shorter_interval_counts_at_once(rig: Any) -> None:
    tick(rig, ENTRY)
    rig.now += timedelta(minutes=2)
    assert tick(rig, Entry(ENTRY.name, timedelta(minutes=1), ENTRY.job)) == ["acme"]


def test_two_workers_that_tick_together_ask_once(rig: Any, open_database: Any) -> None:
    doors = [open_database(pool_size=2) for _ in range(3)]
    for _ in range(3):
        start, asked = threading.Barrier(3), []

        def work(door: Any, start: Any = start, asked: Any = asked) -> None:
            start.wait()
            asked.extend(tick(rig, ENTRY, database=door))

        threads = [threading.Thread(target=work, args=(door,)) for door in doors]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert asked == ["acme"]
        rig.now += timedelta(minutes=16)


BUDGET = Budget(units=10, seconds=10, burst=10)


def draw(rig: Any, cost: float = 1, block: float = 1) -> Any:
    return rig.database.run(
        lambda c: connections.draw(rig.database, c, OWNER, "api", BUDGET, cost=cost, block=block, now=rig.now)
    )


def test_a_budget_is_spent_and_refills_with_time(rig: Any) -> None:
    assert sum(draw(rig, block=4).tokens for _ in range(3)) == 10
    empty = draw(rig)
    assert (empty.tokens, empty.wait) == (0, 1)
    rig.now += timedelta(seconds=3)
    assert draw(rig, block=5).tokens == 3


def test_workers_share_a_budget(rig: Any, open_database: Any) -> None:
    doors, granted = [open_database(pool_size=1) for _ in range(3)], []

    def spend(door: Any) -> None:
        for _ in range(6):
            grant = door.run(lambda c: connections.draw(door, c, OWNER, "api", BUDGET, cost=1, block=1, now=rig.now))
            granted.append(grant.tokens)

    draw(rig, cost=1, block=1)  # the first row of a budget is made by one
    threads = [threading.Thread(target=spend, args=(door,)) for door in doors]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(granted) == 9


def test_nobody_calls_while_the_app_asks_to_wait(rig: Any) -> None:
    until = rig.now + timedelta(seconds=60)
    rig.database.run(lambda c: connections.block_budget(rig.database, c, OWNER, "api", until=until, now=rig.now))
    assert draw(rig).wait == 60
    assert rig.database.read(lambda c: connections.blocked(c, "eu", now=rig.now)) == {
        "acme-chat": timedelta(seconds=60)
    }
    rig.now = until
    assert draw(rig).tokens == 1


def test_a_connection_breaks_once_and_is_repaired_once(rig: Any, open_database: Any) -> None:
    doors = [open_database(pool_size=1) for _ in range(3)]

    def together(*, broken: bool) -> list[bool]:
        start, news = threading.Barrier(3), []

        def mark(door: Any) -> None:
            start.wait()
            news.append(
                door.run(lambda c: connections.set_status(door, c, OWNER, broken=broken, reason="revoked", now=rig.now))
            )

        threads = [threading.Thread(target=mark, args=(door,)) for door in doors]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sorted(news)

    assert together(broken=False) == [False, False, False]
    assert together(broken=True) == [False, False, True]
    assert rig.database.read(lambda c: connections.broken(c, "eu")) == {"acme-chat": "revoked"}
    assert together(broken=False) == [False, False, True]
    assert rig.database.read(lambda c: connections.broken(c, "eu")) == {}


def test_the_backlog_is_measured(rig: Any) -> None:
    rig.accept(rig.event("m1"), rig.event("m2"))
    rig.now += timedelta(seconds=9)
    assert rig.database.read(lambda c: inbox.backlog(c, "eu", now=rig.now)) == inbox.Backlog(2, timedelta(seconds=9))
