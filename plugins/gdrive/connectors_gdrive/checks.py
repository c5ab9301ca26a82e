"""What `connectors check` says about a Drive connection."""

from __future__ import annotations

from collections.abc import Iterator

from connectors.errors import ConnectorsError, RateLimited, Transient
from connectors.model import Check, Level
from connectors_gdrive.client import Drive
from connectors_gdrive.config import DriveConfig
from connectors_gdrive.fields import DIRECTORY, READ, WRITE
from connectors_gdrive.people import People

SAMPLE = 20
"""Users whose delegation is tried, of a large domain."""
FOLDER = "application/vnd.google-apps.folder"


def checks(config: DriveConfig, *, drive: Drive, people: People) -> Iterator[Check]:
    """Yield one line per thing that must work. Changes nothing in Drive."""
    try:
        users = people.all(fresh=True)
    except ConnectorsError as error:
        yield _failed("users", error, f"allow {DIRECTORY} for the service account, and set admin")
        return
    broken = 0
    for user in users[:SAMPLE]:
        try:
            drive.about(user)
        except ConnectorsError as error:
            broken += 1
            yield _failed(f"access as {user}", error, f"allow {WRITE if config.act else READ} by delegation")
    if not broken:
        yield Check("access", Level.OK, f"reads as {len(users)} user{'s' if len(users) != 1 else ''}")
    if len(users) > SAMPLE:
        yield Check("access", Level.OK, f"tried for {SAMPLE} of {len(users)} users")
    if broken == len(users[:SAMPLE]):
        return
    yield from _shared(config, people)
    yield _webhook(config)
    yield from _acting(config, drive, users=users)
    yield Check("quota", Level.OK, "budget: 12,000 queries and 1,000,000 units a minute")


def _shared(config: DriveConfig, people: People) -> Iterator[Check]:
    if config.shared_drives is False:
        return
    try:
        found = list(people.shared_drives())
    except ConnectorsError as error:
        yield _failed("shared drives", error, "let admin be a Workspace administrator, or set shared_drives: false")
        return
    alone = []
    for drive_id, _ in found:
        try:
            people.member(drive_id)
        except ConnectorsError:
            alone.append(drive_id)
    if alone:
        yield Check(
            "shared drives",
            Level.WARNING,
            f"{len(alone)} of {len(found)} cannot be read: no scanned user is a member",
            "add a scanned user as a viewer",
        )
    else:
        yield Check("shared drives", Level.OK, f"{len(found)} can be read")


def _webhook(config: DriveConfig) -> Check:
    if config.webhook_secret is None:
        return Check(
            "webhook",
            Level.WARNING,
            "no webhook_secret: changes are seen only by scheduled syncs",
            "set webhook_secret to a long random text",
        )
    return Check(
        "webhook",
        Level.OK,
        "ready; Google posts only to a public https address with a valid certificate",
    )


def _acting(config: DriveConfig, drive: Drive, *, users: tuple[str, ...]) -> Iterator[Check]:
    if not config.act:
        yield Check("actions", Level.OK, "read-only; set act: true for actions")
        return
    if config.quarantine_folder:
        try:
            folder = drive.file(config.admin or users[0], config.quarantine_folder)
        except ConnectorsError as error:
            yield _failed("quarantine folder", error, "give its id, and let admin edit it")
            return
        if folder.get("mimeType") != FOLDER:
            yield Check("quarantine folder", Level.FAILED, "is not a folder", "give the id of a folder")
            return
    yield Check("actions", Level.OK, "allowed")


def _failed(name: str, error: ConnectorsError, hint: str) -> Check:
    passing = isinstance(error, RateLimited | Transient)
    return Check(
        name,
        Level.WARNING if passing else Level.FAILED,
        str(error.args[0]),
        "try again in a minute" if passing else (error.hint or hint),
    )
