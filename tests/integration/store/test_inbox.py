"""Deliveries become durable once, and are shared between workers without loss or doubling."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest

from connectors.store import deliveries, inbox, leases
from connectors.store.inbox import open_event
from connectors.store.leases import LostLease

HOUR = timedelta(hours=1)


def test_delivery_is_durable_and_its_event_comes_out_as_it_went_in(rig: Any) -> None:
    event = rig.event(parts={"body": ["a"]})
    assert rig.accept(event) == 1
    (row,) = rig.claim()
    assert open_event(row, rig.vault) == event
    assert rig.counts() == (1, 0, 0, 0)


def test_redelivery_changes_nothing(rig: Any) -> None:
    rig.accept(rig.event())
    assert rig.accept(rig.event()) == 0
    assert len(rig.rows("inbox")) == 1
    assert rig.counts() == (1, 0, 0, 0)


def test_one_delivery_twice_in_a_batch_is_one(rig: Any) -> None:
    twice = [rig.arrival(rig.event()), rig.arrival(rig.event())]
    new = rig.database.run(lambda c: inbox.accept(rig.database, c, twice, now=rig.now))
    assert new == 1
    assert rig.counts() == (1, 0, 0, 0)


def test_the_same_delivery_at_the_same_time_is_stored_once(rig: Any, open_database: Any) -> None:
    doors = [open_database(pool_size=2) for _ in range(3)]
    arrival, start, new = rig.arrival(rig.event()), threading.Barrier(3), []

    def deliver(door: Any) -> None:
        start.wait()
        new.append(door.run(lambda c: inbox.accept(door, c, [arrival], now=rig.now)))

    threads = [threading.Thread(target=deliver, args=(door,)) for door in doors]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(new) == [0, 0, 1]
    assert rig.counts() == (1, 0, 0, 0)


def test_failed_delivery_keeps_its_body_encrypted_and_its_reason(rig: Any) -> None:
    rig.accept(failure="no JSON", body=b"{not json")
    (row,) = rig.database.read(lambda c: deliveries.listed(c, "eu", state="failed"))
    assert (row["reason"], row["events"]) == ("no JSON", 0)
    (stored,) = rig.rows("delivery")
    assert b"not json" not in stored["body"]
    assert rig.vault.decrypt(stored["body"], context=f"delivery:{stored['id']}") == b"{not json"


def test_bodies_rest_encrypted(rig: Any) -> None:
    rig.accept(rig.event(parts={"body": ["swordfish"]}))
    assert b"swordfish" not in rig.rows("inbox")[0]["body"]


def test_lone_surrogates_and_nul_bytes_of_an_app_do_no_harm(rig: Any) -> None:
    rig.accept(rig.event("m\ud83d\x00", parts={"body": ["\udc00"]}))
    rig.record(rig.claim())
    assert len(rig.rows("finding")) == 1


def test_two_claimants_never_share_a_row(rig: Any, open_database: Any) -> None:
    for number in range(40):
        rig.accept(rig.event(f"m{number}"), delivery=f"d{number}")
    start, claimed = threading.Barrier(3), []

    def work(other: Any) -> None:
        start.wait()
        while True:
            rows = other.run(
                lambda c: leases.claim(other, c, rig.queue, limit=5, now=rig.now, lease=timedelta(hours=1))
            )
            if not rows:
                return
            claimed.extend(row["id"] for row in rows)

    threads = [threading.Thread(target=work, args=(open_database(pool_size=2),)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    claimed.extend(row["id"] for row in rig.claim())  # a locked row was passed over, not lost
    assert len(claimed) == len(set(claimed)) == 40


def test_claim_gives_no_more_than_asked_for_and_all_shards_in_the_end(rig: Any) -> None:
    for number in range(20):
        rig.accept(rig.event(f"m{number}"), delivery=f"d{number}")
    first = rig.claim(limit=7)
    assert len(first) == 7
    assert len(first) + len(rig.claim(limit=100)) == 20


def test_events_of_one_resource_share_a_shard(rig: Any) -> None:
    for version in range(4):
        rig.accept(rig.event(version=version), delivery=f"d{version}")
    assert len({row["shard"] for row in rig.rows("inbox")}) == 1


def test_connections_in_trouble_wait(rig: Any) -> None:
    rig.accept(rig.event("m1"), delivery="d1")
    rig.accept(rig.event("m2"), delivery="d2", connection="other")
    assert [row["connection"] for row in rig.claim(avoid=["acme-chat"])] == ["other"]
    assert [row["connection"] for row in rig.claim()] == ["acme-chat"]


def test_work_of_a_dead_worker_is_taken_over_when_its_lease_ends(rig: Any) -> None:
    rig.accept(rig.event())
    (dead,) = rig.claim()
    assert rig.claim() == []
    rig.now += timedelta(minutes=3)
    (alive,) = rig.claim()
    assert alive["id"] == dead["id"]
    assert (alive["attempts"], dead["attempts"]) == (2, 1)


def test_a_zombie_writes_nothing(rig: Any) -> None:
    rig.accept(rig.event(parts={"body": ["a"]}))
    zombie = rig.claim()
    rig.now += timedelta(minutes=3)
    heir = rig.claim()
    with pytest.raises(LostLease):
        rig.record(zombie)
    assert rig.rows("finding") == []
    assert rig.rows("alert") == []
    assert rig.counts() == (1, 0, 0, 0)
    rig.record(heir)
    assert len(rig.rows("finding")) == 1
    with pytest.raises(LostLease):
        rig.record(zombie)
    assert len(rig.rows("alert")) == 1


def test_a_kept_lease_is_not_taken_over(rig: Any) -> None:
    rig.accept(rig.event())
    held = rig.claim()
    rig.database.run(lambda c: leases.extend(c, rig.queue, held, until=rig.now + timedelta(minutes=10)))
    rig.now += timedelta(minutes=3)
    assert rig.claim() == []
    rig.record(held)


@pytest.mark.parametrize("refund", [False, True])
def test_a_retried_row_comes_back_when_it_is_due(rig: Any, refund: bool) -> None:
    rig.accept(rig.event())
    (row,) = rig.claim()
    later = rig.now + timedelta(seconds=30)
    assert rig.database.run(lambda c: leases.retry(c, rig.queue, row, due_at=later, reason="slow down", refund=refund))
    assert rig.claim() == []
    rig.now = later
    (again,) = rig.claim()
    assert again["reason"] == "slow down"
    assert again["attempts"] == (1 if refund else 2)


def test_who_lost_the_lease_cannot_retry_or_bury(rig: Any) -> None:
    rig.accept(rig.event())
    (zombie,) = rig.claim()
    rig.now += timedelta(minutes=3)
    rig.claim()
    assert not rig.database.run(lambda c: leases.retry(c, rig.queue, zombie, due_at=rig.now, reason=""))
    assert not rig.database.run(lambda c: leases.bury(c, rig.queue, zombie, reason="", expires_at=None))


def test_processed_events_are_kept_only_when_asked_for(rig: Any) -> None:
    rig.accept(rig.event("m1"), delivery="d1")
    rig.record(rig.claim())
    assert rig.rows("inbox") == []
    rig.accept(rig.event("m2"), delivery="d2")
    rig.record(rig.claim(), keep_until=rig.now + timedelta(days=1))
    assert [row["state"] for row in rig.rows("inbox")] == ["done"]
    rig.now += timedelta(hours=1)
    assert rig.claim() == []
