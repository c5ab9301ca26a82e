"""As whom the connection reads: the users of the Workspace, one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from connectors import Context
from connectors.errors import AuthError, MissingScope, NotFound, Unsupported
from connectors.model import Person, PersonRef, Resource
from connectors_gdrive.client import Drive
from connectors_gdrive.config import DriveConfig


class People:
    """The users whose drives a connection reads."""

    def __init__(self, config: DriveConfig, context: Context, drive: Drive) -> None:
        self._config = config
        self._context = context
        self._drive = drive
        self._all: tuple[str, ...] = ()

    def all(self, *, fresh: bool = False) -> tuple[str, ...]:
        """Return the addresses of everybody whose drive is read; asked once per object, or when `fresh`."""
        if fresh or not self._all:
            self._all = tuple(dict.fromkeys(self._list()))
        return self._all

    def _list(self) -> Iterator[str]:
        config = self._config
        if config.oauth is not None:
            yield str(self._drive.about("").get("emailAddress", "")).lower()
        elif config.users == "all" and config.admin:
            yield from self._drive.users(config.admin)
        elif config.users != "all" and config.users:
            yield from config.users
        else:
            yield config.admin or str(config.key()["client_email"]).lower()

    def internal(self, address: str) -> bool:
        """Say whether an address or domain belongs to the organisation."""
        return self._config.internal(address) or address.lower() in self._all

    @contextmanager
    def speaking_as(self, subject: str) -> Iterator[None]:
        """Tell one user's missing delegation (a gap) from refused credentials (the whole connection)."""
        try:
            yield
        except AuthError:
            others = (self._config.admin, *(one for one in self._all if one != subject))
            if not any(one and one != subject and self.works(one) for one in others[:3]):
                raise
            raise MissingScope(
                f"Google gives no access as {subject}", hint="suspended, or outside the domain"
            ) from None

    def works(self, subject: str) -> bool:
        """Say whether the credentials may speak for a user."""
        try:
            self._drive.about(subject)
        except (AuthError, MissingScope, Unsupported):
            return False
        return True

    def member(self, drive_id: str) -> str:
        """Return a user who is a member of a shared drive. Raises `MissingScope` when nobody is."""
        known = self._context.state.get(f"drive:{drive_id}") or {}
        if known.get("as") in self.all():
            return str(known["as"])
        for subject in self.all():
            for drive in self._shared(subject):
                if drive["id"] == drive_id:
                    self.remember(drive_id, str(drive.get("name", "")), subject=subject)
                    return subject
        raise MissingScope("no scanned user is a member of this shared drive", hint="add one as a viewer")

    def shared_drives(self) -> Iterator[tuple[str, str]]:
        """Yield (id, name) of every shared drive; with an admin, those without a scanned member too."""
        seen: set[str] = set()
        for subject in self.all():
            for drive in self._shared(subject):
                if drive["id"] not in seen:
                    seen.add(drive["id"])
                    self.remember(drive["id"], str(drive.get("name", "")), subject=subject)
                    yield drive["id"], str(drive.get("name", ""))
        if self._config.admin:
            for entry in self._drive.drives(self._config.admin, whole_domain=True):
                drive = dict(entry)
                if drive["id"] not in seen:
                    yield drive["id"], str(drive.get("name", ""))

    def _shared(self, subject: str) -> Iterator[dict[str, str]]:
        try:
            with self.speaking_as(subject):
                yield from (dict(one) for one in self._drive.drives(subject))
        except MissingScope as error:
            self._context.log.warning("shared drives of a user cannot be listed", user=subject, reason=error.code)

    def remember(self, drive_id: str, name: str, *, subject: str) -> None:
        """Keep as whom a shared drive is read."""
        self._context.state.put(f"drive:{drive_id}", {"name": name, "as": subject})

    def drive_name(self, drive_id: str) -> str:
        """Return a shared drive's name as last seen, or its id."""
        return str((self._context.state.get(f"drive:{drive_id}") or {}).get("name") or drive_id)

    def who_sees(self, file_id: str, *, but: str = "") -> tuple[str, dict[str, object]] | None:
        """Return a user who sees a file, and its metadata; None when nobody does."""
        for subject in self.all():
            if subject != but:
                try:
                    with self.speaking_as(subject):
                        return subject, dict(self._drive.file(subject, file_id))
                except (NotFound, MissingScope, Unsupported):
                    continue
        return None

    def actor(self, resource: Resource) -> str:
        """Return as whom an action on a file is done. Raises `NotFound` when nobody sees it."""
        kind, _, name = resource.container.id.partition(":")
        if kind == "drive":
            return self.member(name)
        if kind == "user" and name in self.all():
            return name
        found = self.who_sees(resource.id.removeprefix("file:"))
        if found is None:
            raise NotFound("no scanned user sees this file")
        return found[0]

    def person(self, ref: PersonRef) -> Person:
        """Return who somebody is, by the directory if an admin is set. Raises `NotFound` without an address."""
        address = ref.email or (ref.id if "@" in ref.id else "")
        if not address:
            raise NotFound("Google shows no address of this person")
        if not self.internal(address) or not self._config.admin:
            return Person(address, ref.name, address, external=not self.internal(address))
        try:
            entry = self._drive.user(self._config.admin, address)
        except (MissingScope, Unsupported):
            return Person(address, ref.name, address)
        named = entry.get("name")
        name = str((named.get("fullName") if isinstance(named, Mapping) else "") or ref.name)
        return Person(address, name, str(entry.get("primaryEmail") or address))
