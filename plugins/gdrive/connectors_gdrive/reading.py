"""History and changes, page by page.

The place in the change feed is taken before the first page of history, so that nothing falls between the two. What
is read with its owner's drive is not read again with the drives of those it is shared with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from connectors import Context
from connectors.errors import MissingScope, NotFound, Unsupported
from connectors.model import (
    JSON,
    Container,
    Cursor,
    Event,
    EventKind,
    Gap,
    Page,
    Partition,
    Resource,
    UnitFailure,
)
from connectors_gdrive import events
from connectors_gdrive.answers import Refused, items_of
from connectors_gdrive.client import Drive
from connectors_gdrive.config import DriveConfig
from connectors_gdrive.exposure import ANYONE, Permission, visibility
from connectors_gdrive.people import People

Judged = Event | UnitFailure


class Reader:
    """Reads the drives of a connection."""

    def __init__(self, config: DriveConfig, context: Context, *, drive: Drive, people: People) -> None:
        self._config = config
        self._context = context
        self._drive = drive
        self._people = people

    def partitions(self) -> Iterator[Partition]:
        """Yield one partition per user and one per shared drive."""
        for subject in self._people.all(fresh=True):
            yield Partition(f"user:{subject}", f"drive of {subject}")
        wanted = self._config.shared_drives
        if wanted is False:
            return
        found = dict(self._people.shared_drives())
        for drive_id in found if wanted is True else wanted:
            yield Partition(f"drive:{drive_id}", f"shared drive {found.get(drive_id) or drive_id}")

    def read(self, partition: Partition, cursor: Cursor | None) -> Iterator[Page]:
        """Yield pages: all files from the beginning, or the changes since the cursor.

        The cursor is `{"token": place in the change feed}`, with `"page"` and, where old files are left out,
        `"since"` while history is being read.
        """
        kind, _, name = partition.id.partition(":")
        if kind not in ("user", "drive") or not name:
            raise NotFound(f"no such partition: {partition.id}")
        try:
            subject = name if kind == "user" else self._people.member(name)
        except MissingScope as error:
            failure = UnitFailure("drive", Gap.MISSING_SCOPE, str(error), _drive_resource(name, name))
            yield Page(failures=(failure,), listed=1, done=True)
            return
        feed = _Feed(self._drive, self._people, subject=subject, drive_id=name if kind == "drive" else None)
        with self._people.speaking_as(subject):
            yield from self._pages(feed, dict(cursor or {}), _stamp(partition.since))

    def reread(self, resource: Resource) -> Event:
        """Return a file as somebody who sees it sees it now. Raises `NotFound` when nobody does."""
        subject = self._people.actor(resource)
        file = self._drive.file(subject, resource.id.removeprefix("file:"))
        drive = file.get("driveId")
        event = _Feed(self._drive, self._people, subject=subject, drive_id=drive or None).event(file, subject)
        if isinstance(event, UnitFailure):
            raise Unsupported(event.detail)
        return event

    def _pages(self, feed: _Feed, cursor: dict[str, JSON], since: str) -> Iterator[Page]:
        token = cursor.get("token")
        if token and "page" not in cursor:
            try:
                yield from feed.changes(str(token))
                return
            except (Refused, NotFound) as error:
                # Google forgot the place: read everything again, and reconcile what was deleted meanwhile.
                self._context.log.warning("change token refused, reading all files again", reason=error.code)
                token, since = None, ""
        if not token:
            token = self._drive.start_token(feed.subject, feed.drive)
            cursor = {"since": since}
        since = str(cursor.get("since") or "")
        yield from feed.history(str(token), cursor.get("page"), partial=bool(cursor.get("partial")), since=since)


def _stamp(since: datetime | None) -> str:
    return since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S") if since else ""


class _Feed:
    """One user's or one shared drive's files, for the length of one read."""

    def __init__(self, drive: Drive, people: People, *, subject: str, drive_id: str | None) -> None:
        self._api = drive
        self._people = people
        self.subject = subject
        self.drive = drive_id
        self._names = {drive_id: people.drive_name(drive_id)} if drive_id else {}
        self._known: dict[str, Permission] | None = None
        self._inherited: dict[str, list[Permission]] = {}
        self._owners = frozenset(people.all()) - {subject}

    def history(self, token: str, page: str | None, *, partial: bool, since: str) -> Iterator[Page]:
        """Yield all files, or those modified since, ending with a cursor into the change feed at `token`."""
        while True:
            try:
                answer = self._api.files(self.subject, self.drive, page, since=since)
            except Refused:
                # A page token that Google refuses is to be thrown away: the listing starts again.
                if page is None:
                    raise
                page, partial = None, False
                continue
            partial = partial or bool(answer.get("incompleteSearch"))
            judged = [self._judge(file) for file in items_of(answer, "files")]
            page = answer.get("nextPageToken")
            cursor: dict[str, JSON] = {"token": token}
            if page:
                cursor |= {"page": page, "partial": partial, "since": since}
            yield _page(judged, cursor, done=not page, reconcile=not page and not partial and not since)
            if not page:
                return

    def changes(self, token: str) -> Iterator[Page]:
        """Yield what changed since `token`."""
        while True:
            answer = self._api.changes(self.subject, self.drive, token)
            judged = [self._judge_change(change) for change in items_of(answer, "changes")]
            following = answer.get("nextPageToken")
            token = str(following or answer.get("newStartPageToken") or token)
            yield _page(judged, {"token": token}, done=not following)
            if not following:
                return

    def _judge_change(self, change: JSON) -> Judged:
        if not isinstance(change, Mapping):
            return UnitFailure("change", Gap.MALFORMED, "a change of another shape")
        if change.get("changeType") == "drive":
            return self._judge_drive(change)
        file_id = change.get("fileId")
        if not isinstance(file_id, str):
            return UnitFailure("change", Gap.MALFORMED, "a change without a file id")
        if not change.get("removed") and change.get("file"):
            return self._judge(change["file"])
        # Out of this user's sight is not out of the world: somebody else may still see it.
        elsewhere = self._people.who_sees(file_id, but=self.subject)
        if elsewhere is None:
            return events.gone(file_id, f"drive:{self.drive}" if self.drive else f"user:{self.subject}")
        subject, file = elsewhere
        return self.event(file, subject)

    def _judge_drive(self, change: Mapping[str, JSON]) -> Judged:
        drive_id = str(change.get("driveId") or "")
        resource = _drive_resource(drive_id, self._people.drive_name(drive_id))
        if change.get("removed") and drive_id == self.drive:
            return Event(EventKind.DELETED, resource)
        if drive_id == self.drive:
            # Its members or its sharing rules changed: its files' findings are judged again.
            self._known = None
            seen = visibility(self._permissions({"driveId": drive_id}).values(), self._people.internal)
            return Event(
                EventKind.EXPOSURE,
                replace(resource, visibility=seen, container=replace(resource.container, visibility=seen)),
                version=events.microseconds(change.get("time")),
            )
        return UnitFailure("drive", Gap.EXCLUDED, "settings of a shared drive hold no content", resource)

    def _judge(self, file: JSON) -> Judged:
        event = self.event(file, self.subject)
        if self.drive is None and isinstance(event, Event):
            owner = event.resource.container.id.removeprefix("user:")
            if owner in self._owners:
                return UnitFailure("file", Gap.EXCLUDED, "read with the drive of its owner", event.resource)
        return event

    def event(self, file: JSON, subject: str) -> Judged:
        """Return what an entry says, with who can see the file; a failure for one that cannot be understood."""
        known: Mapping[str, Permission] = {}
        if isinstance(file, Mapping) and file.get("driveId"):
            if isinstance(file.get("permissionIds"), list):
                known = self._permissions(file)
            else:
                file = {**file, "permissions": self._effective(file)}
        return events.event_of(file, subject, drive_names=self._names, known=known, internal=self._people.internal)

    def _permissions(self, file: Mapping[str, JSON]) -> Mapping[str, Permission]:
        """Return what permission ids mean in this shared drive; ask only for ids never met before."""
        if self._known is None:
            self._known = {}
            self._learn(str(file["driveId"]))
        ids = file.get("permissionIds")
        if isinstance(ids, list) and set(map(str, ids)) - set(self._known) - ANYONE:
            self._learn(str(file.get("id", "")))
        return self._known

    def _effective(self, file: Mapping[str, JSON]) -> list[Permission]:
        """Return a file's permissions where Google gives no ids; those without own ones share their folder's."""
        file_id, parents = str(file.get("id", "")), file.get("parents")
        own = file.get("hasAugmentedPermissions") is not False or not isinstance(parents, list) or not parents
        key = file_id if own or not parents else f"folder:{parents[0]}"
        if key not in self._inherited:
            self._inherited[key] = self._asked(file_id)
        return self._inherited[key]

    def _learn(self, resource: str) -> None:
        self._known = known = self._known or {}
        for permission in self._asked(resource):
            known.setdefault(str(permission.get("id")), permission)

    def _asked(self, resource: str) -> list[Permission]:
        try:
            return list(self._api.permissions(self.subject, resource))
        except (MissingScope, NotFound, Refused):
            return []


def _page(judged: list[Judged], cursor: Cursor, *, done: bool, reconcile: bool = False) -> Page:
    return Page(
        events=tuple(one for one in judged if isinstance(one, Event)),
        failures=tuple(one for one in judged if isinstance(one, UnitFailure)),
        cursor=cursor,
        listed=len(judged),
        done=done,
        reconcile=reconcile,
    )


def _drive_resource(drive_id: str, name: str) -> Resource:
    container = Container(f"drive:{drive_id}", name)
    return Resource(f"drive:{drive_id}", "drive", container, label=f"shared drive {name}")
