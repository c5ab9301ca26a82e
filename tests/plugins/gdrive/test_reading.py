from __future__ import annotations

from datetime import UTC, datetime

import pytest

from connectors.errors import AuthError, MissingScope, NotFound, RateLimited, Transient
from connectors.model import EventKind, Gap, Partition, Visibility
from connectors.testing.fakeapps import Response
from connectors.testing.fakeapps.gdrive import quota_exceeded

ANA, BEN = "ana@acme.example", "ben@acme.example"


def ids(pages):
    return [event.resource.id for page in pages for event in page.events]


def test_one_partition_per_user_and_shared_drive(fake, drive):
    shared = fake.add_drive("Sales", [BEN])
    assert [p.id for p in drive.partitions()] == [f"user:{ANA}", f"user:{BEN}", f"drive:{shared}"]


def test_all_users_come_from_the_directory_page_by_page(fake, connect):
    fake.users += [f"u{n}@acme.example" for n in range(5)]
    fake.page_size = 2
    everybody = connect(users="all", admin="admin@acme.example")
    assert [p.id.removeprefix("user:") for p in everybody.partitions()] == fake.users


def test_history_is_read_to_its_last_page(fake, drive, pages):
    made = [fake.add_file(f"f{n}") for n in range(7)]
    fake.page_size = 3
    read = pages(drive, f"user:{ANA}")
    assert ids(read) == [f"file:{one}" for one in made]
    assert [page.listed for page in read] == [3, 3, 1]
    assert [page.done for page in read] == [False, False, True]
    assert read[-1].reconcile


def test_a_change_during_history_is_seen_by_the_next_read(fake, drive, pages):
    first = fake.add_file("a")
    fake.add_file("b")
    fake.page_size = 1
    reading = drive.read(Partition(f"user:{ANA}"), None)
    next(reading)
    fake.edit_file(first, "new content")
    cursor = [*reading][-1].cursor
    assert ids(pages(drive, f"user:{ANA}", cursor)) == [f"file:{first}"]


@pytest.mark.parametrize("stop", range(5))
def test_history_resumes_from_any_page(fake, drive, pages, stop):
    made = {f"file:{fake.add_file(f'f{n}')}" for n in range(5)}
    fake.page_size = 1
    seen, cursor = [], None
    for page in drive.read(Partition(f"user:{ANA}"), None):
        if len(seen) == stop:
            break
        seen, cursor = [*seen, *ids([page])], page.cursor
    seen += ids(pages(drive, f"user:{ANA}", cursor))
    assert set(seen) == made
    assert len(seen) == 5


def test_changes_come_in_pages_and_the_token_moves_on(fake, drive, pages):
    cursor = pages(drive, f"user:{ANA}")[-1].cursor
    made = [fake.add_file(f"f{n}") for n in range(5)]
    fake.page_size = 2
    read = pages(drive, f"user:{ANA}", cursor)
    assert ids(read) == [f"file:{one}" for one in made]
    assert not read[-1].reconcile
    assert ids(pages(drive, f"user:{ANA}", read[-1].cursor)) == []


def test_the_version_is_the_files_own_from_both_doors(fake, drive, pages):
    made = fake.add_file("a")
    first = pages(drive, f"user:{ANA}")[-1]
    fake.edit_file(made, "b")
    changed = pages(drive, f"user:{ANA}", first.cursor)[0].events[0]
    listed = pages(drive, f"user:{ANA}")[0].events[0]
    assert changed.resource == listed.resource
    assert changed.version == listed.version > first.events[0].version


def test_trashed_and_deleted_files_are_deleted(fake, drive, pages):
    trashed, deleted = fake.add_file("a"), fake.add_file("b")
    cursor = pages(drive, f"user:{ANA}")[-1].cursor
    fake.trash(trashed)
    fake.delete_file(deleted)
    events = pages(drive, f"user:{ANA}", cursor)[0].events
    assert {(event.kind, event.resource.id) for event in events} == {
        (EventKind.DELETED, f"file:{trashed}"),
        (EventKind.DELETED, f"file:{deleted}"),
    }


def test_a_file_that_one_user_lost_and_another_sees_is_not_deleted(fake, drive, pages):
    made = fake.add_file("a", owner=ANA)
    shared = fake.share(made, type="user", emailAddress=BEN)
    cursor = pages(drive, f"user:{BEN}")[-1].cursor
    fake.unshare(made, shared)
    (event,) = pages(drive, f"user:{BEN}", cursor)[0].events
    assert event.kind is EventKind.CHANGED
    assert event.payload["as"] == ANA


def test_what_the_owners_partition_reads_is_not_read_twice(fake, drive, pages):
    made = fake.add_file("a", owner=ANA)
    fake.share(made, type="user", emailAddress=BEN)
    (page,) = pages(drive, f"user:{BEN}")
    assert page.events == ()
    assert [(one.reason, one.resource.id) for one in page.failures] == [(Gap.EXCLUDED, f"file:{made}")]
    assert page.listed == 1


def test_a_file_shared_from_outside_is_read(fake, drive, pages):
    made = fake.add_file("a", owner="eve@other.example")
    fake.share(made, type="user", emailAddress=BEN)
    (event,) = pages(drive, f"user:{BEN}")[0].events
    assert event.resource.visibility is Visibility.EXTERNAL


def test_a_shared_drive_is_read_as_a_member(fake, drive, pages):
    shared = fake.add_drive("Sales", [BEN])
    made = fake.add_file("a", drive=shared)
    list(drive.partitions())
    (event,) = pages(drive, f"drive:{shared}")[0].events
    assert event.resource.id == f"file:{made}"
    assert (event.resource.container.id, event.resource.container.name) == (f"drive:{shared}", "Sales")
    assert event.resource.parent == f"drive:{shared}"
    assert event.payload["as"] == BEN


def test_a_shared_drive_without_a_scanned_member_is_a_gap(fake, connect, pages):
    shared = fake.add_drive("Board", ["chair@acme.example"])
    admin = connect(admin="admin@acme.example")
    assert f"drive:{shared}" in [p.id for p in admin.partitions()]
    (page,) = pages(admin, f"drive:{shared}")
    assert [one.reason for one in page.failures] == [Gap.MISSING_SCOPE]
    assert page.done


@pytest.mark.parametrize("hidden", [False, True])
def test_sharing_in_a_shared_drive_is_seen_though_files_hide_their_permissions(fake, drive, pages, hidden):
    fake.hides_permission_ids = hidden
    shared = fake.add_drive("Sales", [ANA, BEN])
    plain = fake.add_file("a", drive=shared)
    link = fake.add_file("b", drive=shared)
    outside = fake.add_file("c", drive=shared)
    fake.share(link, type="anyone")
    fake.share(outside, type="user", emailAddress="eve@other.example")
    seen = {e.resource.id: e.resource.visibility for e in pages(drive, f"drive:{shared}")[0].events}
    assert seen == {
        f"file:{plain}": Visibility.PRIVATE,
        f"file:{link}": Visibility.LINK,
        f"file:{outside}": Visibility.EXTERNAL,
    }


@pytest.mark.parametrize("hidden", [False, True])
def test_permissions_of_a_shared_drive_are_not_asked_file_by_file(fake, drive, pages, hidden):
    fake.hides_permission_ids = hidden
    shared = fake.add_drive("Sales", [ANA, BEN])
    for number in range(5):
        fake.add_file(f"f{number}", drive=shared)
    pages(drive, f"drive:{shared}")
    assert len([path for _, path in fake.calls if path.endswith("/permissions")]) == 1


def test_a_forgotten_change_token_starts_history_again(fake, drive, pages):
    made = fake.add_file("a")
    read = pages(drive, f"user:{ANA}", {"token": "999999"})
    assert ids(read) == [f"file:{made}"]
    assert read[-1].reconcile


def test_a_refused_page_token_starts_the_listing_again(fake, drive, pages):
    made = fake.add_file("a")
    read = pages(drive, f"user:{ANA}", {"token": "1", "page": "stale-token"})
    assert ids(read) == [f"file:{made}"]
    assert read[-1].cursor == {"token": "1"}


def test_an_incomplete_search_does_not_reconcile(fake, drive, pages):
    fake.add_file("a")
    listed = {"kind": "drive#fileList", "incompleteSearch": True, "files": []}
    fake.fail(Response.of(listed), path="/drive/v3/files")
    assert not pages(drive, f"user:{ANA}")[-1].reconcile


def test_entries_of_another_shape_are_failures(fake, drive, pages):
    odd = [{"id": "x"}, {"id": "y", "version": "1", "owners": "z"}, {"name": "no id"}, "text", None]
    fake.fail(Response.of({"kind": "drive#fileList", "files": odd}), path="/drive/v3/files")
    (page,) = pages(drive, f"user:{ANA}")
    assert [one.reason for one in page.failures] == [Gap.MALFORMED] * 5
    assert page.listed == 5


def test_an_answer_that_is_no_list_deletes_nothing(fake, drive, pages):
    fake.fail(Response.of({}), path="/drive/v3/files")
    with pytest.raises(Transient):
        pages(drive, f"user:{ANA}")


def test_a_user_without_delegation_is_a_gap_and_a_refused_key_is_not(fake, connect, pages):
    gone = connect(users=[ANA, "left@acme.example"])
    with pytest.raises(MissingScope):
        pages(gone, "user:left@acme.example")
    fake.users.clear()
    with pytest.raises(AuthError):
        pages(connect(), f"user:{ANA}")


def test_an_unknown_partition_is_not_found(drive, pages):
    with pytest.raises(NotFound):
        pages(drive, "folder:x")


@pytest.mark.parametrize("reason", ["userRateLimitExceeded", "rateLimitExceeded"])
def test_quota_errors_ask_all_workers_to_wait(fake, drive, context, pages, reason):
    pages(drive, f"user:{ANA}")
    fake.fail(quota_exceeded(reason, retry_after="7"), path="/drive/v3/files")
    with pytest.raises(RateLimited) as caught:
        pages(drive, f"user:{ANA}")
    assert caught.value.after == 7
    assert context.throttles == [("queries", 7.0)]


def test_calls_spend_googles_units(fake, drive, context, pages):
    pages(drive, f"user:{ANA}")
    assert sum(cost for bucket, cost in context.waits if bucket == "units") >= 105


def test_a_shared_drive_whose_members_change_is_judged_again(fake, drive, pages):
    shared = fake.add_drive("Sales", [ANA, BEN])
    cursor = pages(drive, f"drive:{shared}")[-1].cursor
    fake.drives[shared]["members"].append("eve@other.example")
    change = {"changeType": "drive", "driveId": shared, "removed": False, "time": "2026-02-05T09:00:03.000Z"}
    page = {"kind": "drive#changeList", "newStartPageToken": "9", "changes": [change]}
    fake.fail(Response.of(page), path="/drive/v3/changes")
    (event,) = pages(drive, f"drive:{shared}", cursor)[0].events
    assert (event.kind, event.resource.container.visibility) == (EventKind.EXPOSURE, Visibility.EXTERNAL)
    assert event.version == 1_770_282_003_000_000


def test_a_deleted_shared_drive_takes_its_files_with_it(fake, drive, pages):
    shared = fake.add_drive("Sales", [ANA])
    fake.add_file("a", drive=shared)
    read = pages(drive, f"drive:{shared}")
    change = {"changeType": "drive", "driveId": shared, "removed": True, "time": "2026-02-05T09:00:03.000Z"}
    page = {"kind": "drive#changeList", "newStartPageToken": "9", "changes": [change]}
    fake.fail(Response.of(page), path="/drive/v3/changes")
    (event,) = pages(drive, f"drive:{shared}", read[-1].cursor)[0].events
    assert event.kind is EventKind.DELETED
    assert event.resource.id == read[0].events[0].resource.parent


def test_history_may_start_at_a_time_and_changes_still_tell_everything(fake, drive, pages):
    old = fake.add_file("old", "x", modifiedTime="2025-11-01T00:00:00.000Z")
    new = fake.add_file("new", "x", modifiedTime="2026-02-01T00:00:00.000Z")
    fake.page_size = 1
    wanted = Partition("user:ana@acme.example", since=datetime(2026, 1, 1, tzinfo=UTC))
    read = list(drive.read(wanted, None))
    assert [event.resource.id for page in read for event in page.events] == [f"file:{new}"]
    assert not read[-1].reconcile
    fake.edit_file(old, "y")
    after = pages(drive, wanted.id, read[-1].cursor)
    assert [event.resource.id for page in after for event in page.events] == [f"file:{old}"]
