"""Actions: narrow who can reach a file. None of them changes or deletes content."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from connectors.errors import NotFound, Unsupported
from connectors.model import JSON, ActionResult, ActionSpec, Outcome, Target
from connectors_gdrive import exposure
from connectors_gdrive.answers import Refused
from connectors_gdrive.client import Drive
from connectors_gdrive.config import DriveConfig
from connectors_gdrive.content import peek
from connectors_gdrive.people import People

KINDS = ("file", "document", "spreadsheet", "presentation", "folder")

ACTIONS = (
    ActionSpec("unshare_link", "Take the file off the web: only named people keep access", kinds=KINDS),
    ActionSpec("remove_external", "Take access from people, groups and domains outside the organisation", kinds=KINDS),
    ActionSpec("restrict_download", "Forbid readers to download, print and copy", kinds=KINDS),
    ActionSpec("quarantine", "Move the file to the quarantine folder", kinds=KINDS),
)


@dataclass(frozen=True)
class _Scene:
    """One action on one file, and what stands there now."""

    action: str
    subject: str
    file_id: str
    file: Mapping[str, JSON]
    permissions: tuple[exposure.Permission, ...]


class Remedies:
    """Does the actions of one connection."""

    def __init__(self, config: DriveConfig, *, drive: Drive, people: People) -> None:
        self._config = config
        self._drive = drive
        self._people = people

    def act(self, action: str, target: Target, *, dry_run: bool) -> Outcome:
        """Do one action, or say what it would do. Raises `Unsupported` for an unknown one."""
        if action not in {spec.name for spec in ACTIONS}:
            raise Unsupported(f"Google Drive has no action {action!r}")
        if action == "quarantine" and not self._config.quarantine_folder:
            return Outcome(ActionResult.REFUSED, "no quarantine_folder is configured")
        if not self._config.act and not dry_run:
            return Outcome(ActionResult.REFUSED, "the connection is read-only: set act: true and allow the drive scope")
        try:
            scene = self._look(action, target)
        except NotFound:
            return Outcome(ActionResult.NOTHING_TO_DO, "the file is gone")
        text = peek(self._drive, scene.subject, scene.file, part=target.part)
        if text is not None and not target.matches(text):
            return Outcome(ActionResult.NOTHING_TO_DO, "the value does not stand there any more")
        seen = "" if text is not None else "; the file's type does not allow to check that the value is still there"
        plan = self._plan(scene)
        if not plan:
            return Outcome(ActionResult.NOTHING_TO_DO, "already so")
        before = hashlib.sha256((text or f"{scene.file_id}@{scene.file.get('version')}").encode()).hexdigest()
        if dry_run:
            return Outcome(ActionResult.DRY_RUN, f"would {plan}{seen}", before, self._left(scene))
        try:
            self._do(scene)
        except Refused as error:
            return Outcome(ActionResult.REFUSED, str(error), before, self._left(scene))
        after = self._look(action, target)
        if self._plan(after):
            return Outcome(ActionResult.REFUSED, "still reachable through a folder above it", before, self._left(after))
        return Outcome(ActionResult.DONE, f"done: {plan}{seen}", before, self._left(after))

    def _look(self, action: str, target: Target) -> _Scene:
        subject = self._people.actor(target.resource)
        file_id = target.resource.id.removeprefix("file:")
        file = self._drive.file(subject, file_id)
        return _Scene(action, subject, file_id, file, tuple(self._drive.permissions(subject, file_id)))

    def _doomed(self, scene: _Scene) -> list[exposure.Permission]:
        if scene.action == "unshare_link":
            return exposure.anyone(scene.permissions)
        if scene.action == "remove_external":
            return exposure.external(scene.permissions, self._people.internal)
        return []

    def _plan(self, scene: _Scene) -> str:
        """Say what is to be done; '' when nothing is."""
        if scene.action == "restrict_download":
            return "" if scene.file.get("copyRequiresWriterPermission") else "forbid download, print and copy"
        if scene.action == "quarantine":
            there = self._config.quarantine_folder in (scene.file.get("parents") or ())
            return "" if there else "move the file to the quarantine folder"
        doomed = len(self._doomed(scene))
        return f"remove {doomed} permission{'s' if doomed > 1 else ''}" if doomed else ""

    def _do(self, scene: _Scene) -> None:
        if scene.action == "restrict_download":
            self._drive.update(scene.subject, scene.file_id, {"copyRequiresWriterPermission": True})
        elif scene.action == "quarantine":
            parents = ",".join(map(str, scene.file.get("parents") or ())) or None
            self._drive.update(scene.subject, scene.file_id, {}, add=self._config.quarantine_folder, remove=parents)
        for permission in self._doomed(scene):
            self._drive.remove_permission(scene.subject, scene.file_id, str(permission["id"]))

    def _left(self, scene: _Scene) -> str:
        """Say where the value still is: every action leaves the content alone."""
        readers = sum(not one.get("deleted") for one in scene.permissions)
        try:
            old = max(0, len(self._drive.revisions(scene.subject, scene.file_id)) - 1)
        except (Refused, NotFound):
            old = 0
        versions = f" and {old} old version{'s' if old > 1 else ''}" if old else ""
        return f"the file{versions} still hold{'' if versions else 's'} it, {readers} with access"
