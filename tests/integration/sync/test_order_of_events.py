"""What the host believes when deletions, restores, redeliveries and readings cross."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.errors import MissingScope, Transient
from connectors.model import Gap, UnitFailure


def test_a_late_redelivery_does_not_bring_back_what_was_deleted(house: Any, thing: Any, gone: Any) -> None:
    house.deliver(thing("a", version=5))
    house.deliver(gone("a", version=5))
    house.deliver(thing("a", version=5))
    house.deliver(thing("a", version=4))
    assert house.states() == {"a": "resolved"}


def test_a_restore_that_is_newer_than_the_deletion_brings_it_back(house: Any, thing: Any, gone: Any) -> None:
    house.deliver(thing("a", version=5))
    house.deliver(gone("a", version=6))
    house.deliver(thing("a", version=7))
    assert house.states() == {"a": "open"}


def test_a_sync_that_lists_it_again_at_the_known_version_brings_it_back(house: Any, thing: Any, gone: Any) -> None:
    house.sync(thing("a", version=5), full=True)
    house.deliver(gone("a", version=5))
    assert house.states() == {"a": "resolved"}
    house.sync(thing("a", version=5), full=True)
    assert house.states() == {"a": "open"}
    assert house.balanced()


@pytest.mark.parametrize(("later", "state"), [(10, "resolved"), (600, "open")])
def test_a_listing_of_an_older_version_is_believed_when_it_cannot_be_lag(
    later: int, state: str, house: Any, thing: Any, gone: Any
) -> None:
    house.deliver(thing("a", version=5))
    house.deliver(gone("a", version=9))
    house.wait(seconds=later)
    house.sync(thing("a", version=5), full=True)
    assert house.states() == {"a": state}


def test_what_a_full_reading_no_longer_lists_is_resolved_with_all_below_it(house: Any, thing: Any) -> None:
    family = [thing("a"), thing("b", parent="a"), thing("c", parent="b"), thing("d", parent="c")]
    for number, member in enumerate(family):
        (house.sync if number == 0 else house.deliver)(member)
    house.sync(thing("other"), full=True)
    assert house.states() == {"a": "resolved", "b": "resolved", "c": "resolved", "d": "resolved", "other": "open"}


def test_a_deletion_takes_grandchildren_with_it(house: Any, thing: Any, gone: Any) -> None:
    house.deliver(thing("project"), thing("issue", parent="project"))
    house.deliver(thing("comment", parent="issue"), thing("file", parent="comment"))
    house.deliver(gone("project", version=2))
    assert set(house.states().values()) == {"resolved"}


def test_an_event_that_does_not_tell_the_container_leaves_it_as_it_was(house: Any, thing: Any) -> None:
    house.deliver(thing("a", version=1, container="C7"))
    house.deliver(thing("a", version=2, container=""))
    (found,) = house.findings()
    assert (found["container"], found["container_name"]) == ("C7", "#C7")
    house.deliver(thing("a", version=3, container="C8"))
    assert house.findings()[0]["container"] == "C8"


def test_what_a_page_says_of_a_resource_stays_when_the_resource_is_scanned(house: Any, thing: Any) -> None:
    event = thing("space")
    unread = UnitFailure("drafts", Gap.NOT_IN_API, "nobody can read them", event.resource)
    house.sync(event, failures=[unread])
    assert house.gaps() == [("space", "drafts", "not_in_api")]
    assert house.balanced()


def test_a_gap_goes_when_a_later_event_of_the_resource_is_read(house: Any, thing: Any) -> None:
    house.script.error = MissingScope("files:read")
    house.deliver(thing("a", version=1))
    assert house.gaps() == [("a", "", "missing_scope")]
    house.script.error = None
    house.deliver(thing("a", version=2))
    assert house.gaps() == []


def test_an_event_that_fails_is_tried_again_and_takes_no_other_with_it(house: Any, thing: Any) -> None:
    house.script.error = Transient("the app is away")
    house.deliver(thing("a"), thing("b"))
    assert house.states() == {}
    house.script.error = None
    house.wait(minutes=1)
    house.worker.drain()
    assert house.states() == {"a": "open", "b": "open"}
    assert house.balanced()


def test_an_event_that_never_works_is_a_failed_part_of_the_ledger(house: Any, thing: Any) -> None:
    house.script.error = Transient("the app is away")
    house.deliver(thing("a"))
    for _ in range(house.runtime.config.work.attempts):
        house.wait(hours=1)
        house.worker.drain()
    assert house.gaps() == [("a", "", "gave_up")]
    assert house.balanced()
