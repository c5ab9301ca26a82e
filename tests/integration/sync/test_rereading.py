"""What is read again after an action: alone, or with its partition, once, and with the versions that apps have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from connectors.errors import NotFound, RateLimited
from connectors.model import Event, Page
from connectors.policy import Policies
from connectors.store.tables.intake import job

Thing = Callable[..., Event]


def waiting(house: Any) -> list[str]:
    """Return the queues of the jobs that are left."""
    return sorted(house.database.read(lambda c: c.execute(sa.select(job.c.queue)).scalars().all()))


def days_pass(house: Any) -> None:
    house.wait(days=2, minutes=1)
    house.worker.drain()


def test_the_same_version_counts_again(house: Any, thing: Thing) -> None:
    house.deliver(thing("a", version=7))
    house.script.again = thing("a", version=7, text="clean now")
    days_pass(house)
    assert (house.script.acts, house.states()) == ([("remove", "a")], {"a": "resolved"})
    assert house.balanced()


def test_a_version_below_the_known_one_is_taken_for_the_present(house: Any, thing: Thing) -> None:
    house.deliver(thing("a", version=7))
    house.script.again = thing("a", version=3, text="clean now")
    days_pass(house)
    assert house.states() == {"a": "resolved"}
    house.deliver(thing("a", version=6))
    assert house.states() == {"a": "resolved"}


def test_what_still_stands_there_stays_open(house: Any, thing: Thing) -> None:
    house.deliver(thing("a", version=7))
    house.script.again = thing("a", version=8)
    days_pass(house)
    assert house.states() == {"a": "open"}


def test_what_is_gone_takes_its_children_with_it(house: Any, thing: Thing) -> None:
    house.deliver(thing("a"), thing("b", parent="a"))
    house.script.again = NotFound("gone")
    days_pass(house)
    assert house.states() == {"a": "resolved", "b": "resolved"}


def test_a_thing_keeps_its_parent(house: Any, thing: Thing, gone: Thing) -> None:
    house.deliver(thing("b", parent="a"))
    house.script.again = thing("b", version=2)
    days_pass(house)
    assert house.states() == {"b": "open"}
    house.deliver(gone("a", version=9))
    assert house.states() == {"b": "resolved"}


def test_what_is_not_read_alone_is_read_with_its_partition(house: Any, thing: Thing) -> None:
    house.sync(thing("a"))
    read = len(house.script.read)
    house.script.pages = [Page((thing("a", version=2, text="clean now"),), (), {"at": 2}, 1, done=True)]
    days_pass(house)
    assert len(house.script.read) == read + 1
    assert house.states() == {"a": "resolved"}


def test_what_no_sync_listed_waits_for_the_app(house: Any, thing: Thing) -> None:
    house.deliver(thing("a"))
    days_pass(house)
    assert (house.states(), waiting(house)) == ({"a": "open"}, [])


def test_two_actions_on_one_thing_read_it_once(house: Any, thing: Thing) -> None:
    both = "key " + " and key ".join(str(thing(name).payload).removeprefix("key ") for name in ("x", "y"))
    house.deliver(thing("a", text=both))
    assert len(house.findings()) == 2
    house.script.again = replace(thing("a", version=2), payload="clean now")
    days_pass(house)
    assert len(house.script.acts) == 2
    assert {row["state"] for row in house.findings()} == {"resolved"}
    assert house.script.reread == ["a"]


def test_an_app_that_is_busy_is_asked_later(house: Any, thing: Thing) -> None:
    house.deliver(thing("a"))
    house.script.again = RateLimited("slow down", after=30.0)
    days_pass(house)
    assert (house.states(), waiting(house)) == ({"a": "open"}, ["reread"])
    house.script.again = thing("a", version=2, text="clean now")
    house.wait(seconds=31)
    house.worker.drain()
    assert (house.states(), waiting(house)) == ({"a": "resolved"}, [])


def test_a_sync_scans_what_has_not_changed_only_when_it_is_to(
    house: Any, thing: Thing, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Policies, "judge", lambda *_, **__: None)  # no policy yet
        house.sync(thing("a"), thing("b"))
    assert house.states() == {}
    house.sync(thing("a"), thing("b"), full=True)
    assert house.states() == {}
    house.sync(thing("a"), again=True)
    assert house.states() == {"a": "open"}
    assert house.balanced()


def test_what_a_newer_webhook_told_is_still_listed_when_all_is_scanned_again(house: Any, thing: Thing) -> None:
    house.sync(thing("a"))
    house.deliver(thing("a", version=5))
    house.sync(thing("a"), again=True)
    assert house.states() == {"a": "open"}
    house.sync(again=True)
    assert house.states() == {"a": "resolved"}
