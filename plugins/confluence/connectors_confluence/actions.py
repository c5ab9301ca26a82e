"""Remediation in Confluence: a redacted version, removal of old versions, deletion of an attachment.

Writes carry the next version number: when somebody wrote one first, Confluence answers 409 and nothing is changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connectors.errors import Conflict, ConnectorsError, NotFound, Unsupported
from connectors.model import ActionResult, ActionSpec, Outcome, Target
from connectors_confluence.client import Confluence
from connectors_confluence.resources import from_v1, from_v2
from connectors_confluence.shapes import mapping, text
from connectors_confluence.storage import apply, changes_between, flatten

WRITTEN = ("page", "blogpost", "comment")
ACTIONS = (
    ActionSpec("redact", "Write a new version without the value. Old versions stay until removed.", kinds=WRITTEN),
    ActionSpec("remove_old_versions", "Delete every old version that holds the value.", kinds=WRITTEN),
    ActionSpec(
        "delete_attachment", "Delete the attachment with all its versions, past the trash.", kinds=("attachment",)
    ),
)


@dataclass(frozen=True, slots=True)
class Current:
    """A content as it stands: the app's own answer, and where it is written."""

    kind: str
    id: str
    raw: Mapping[str, Any]
    path: str
    title: str
    body: str
    number: int

    @property
    def api_kind(self) -> str:
        """Return the name of its kind in the v2 API, where footer and inline comments are two."""
        return self.path.rsplit("/", 2)[-2].removesuffix("s") if self.kind == "comment" else self.kind

    def text(self, part: str) -> str:
        """Return the text of one part."""
        return self.title if part == "title" else flatten(self.body).text

    def digest(self, part: str) -> str:
        """Return the SHA-256 of what stands in one part."""
        return hashlib.sha256((self.title if part == "title" else self.body).encode()).hexdigest()


def act(confluence: Confluence, action: str, target: Target, *, dry_run: bool) -> Outcome:
    """Do `action`. Something that is gone already is nothing to do."""
    doers = {"redact": redact, "remove_old_versions": remove_old_versions, "delete_attachment": delete_attachment}
    if action not in doers:
        raise Unsupported(f"Confluence has no action {action!r}")
    try:
        return doers[action](confluence, target, dry_run)
    except NotFound:
        return Outcome(ActionResult.NOTHING_TO_DO, "it is gone already")


def redact(confluence: Confluence, target: Target, dry_run: bool) -> Outcome:
    """Write the next version without the value, with all markup as it was."""
    if target.part not in {"title", "body"} or target.resource.kind not in WRITTEN:
        return Outcome(ActionResult.REFUSED, f"{target.part.partition(':')[0]} cannot be rewritten")
    now = current(confluence, target)
    old = now.text(target.part)
    found = target.matches(old)
    digest = now.digest(target.part)
    if not found:
        return Outcome(
            ActionResult.NOTHING_TO_DO, "the value is not there any more", digest, left(confluence, now, target)
        )
    places = "1 value" if len(found) == 1 else f"{len(found)} values"
    if dry_run:
        return Outcome(ActionResult.DRY_RUN, f"would redact {places} in {target.part}", digest)
    new = target.redact(old)
    if target.part == "title":
        title, body = new, now.body
    else:
        title, body = now.title, apply(now.body, changes_between(old, new, [(m.start, m.end) for m in found]))
    try:
        confluence.put(now.path, payload(confluence, now, title, body))
        after = current(confluence, target)
    except Conflict:
        # A write that was repeated after a lost answer meets its own version: then it is done.
        after = current(confluence, target)
        if (after.title, after.body) != (title, body):
            message = "somebody wrote a newer version; nothing was changed"
            return Outcome(ActionResult.CHANGED_MEANWHILE, message, digest)
    still = f"{target.part} still holds it" if target.matches(after.text(target.part)) else ""
    remaining = "; ".join(part for part in (still, left(confluence, after, target)) if part)
    return Outcome(ActionResult.DONE, f"redacted {places} in {target.part}", digest, remaining)


def remove_old_versions(confluence: Confluence, target: Target, dry_run: bool) -> Outcome:
    """Delete the old versions that hold the value, highest number first: the numbers above a deleted one fall."""
    now = current(confluence, target)
    part = "title" if target.part == "title" else "body"
    digest = now.digest(part)
    holding = holders(confluence, now, target)
    if not holding:
        return Outcome(ActionResult.NOTHING_TO_DO, "no old version holds the value", digest, _here(now, target, part))
    versions = "1 old version" if len(holding) == 1 else f"{len(holding)} old versions"
    if dry_run:
        return Outcome(ActionResult.DRY_RUN, f"would delete {versions}", digest, _here(now, target, part))
    for version in sorted(holding, reverse=True):
        confluence.delete_version(now.id, version)
    after = current(confluence, target)
    remaining = "; ".join(p for p in (_here(after, target, part), left(confluence, after, target)) if p)
    return Outcome(ActionResult.DONE, f"deleted {versions}", digest, remaining)


def delete_attachment(confluence: Confluence, target: Target, dry_run: bool) -> Outcome:
    """Delete an attachment past the trash. Done half, it is done to the end when called again."""
    kind, _, ident = target.resource.id.partition(":")
    raw = confluence.content(kind, ident)
    found = from_v2(raw, kind, "") if confluence.config.is_cloud else from_v1(raw)
    digest = hashlib.sha256(f"{ident}:{found.version}:{found.title}".encode()).hexdigest()
    if target.part in {"name", "comment"} and not target.matches(
        found.title if target.part == "name" else found.comment
    ):
        return Outcome(ActionResult.NOTHING_TO_DO, f"the value is not in the {target.part} any more", digest)
    if dry_run:
        return Outcome(ActionResult.DRY_RUN, f"would delete attachment {ident} with all its versions", digest)
    confluence.delete_attachment(ident)
    return Outcome(ActionResult.DONE, f"deleted attachment {ident} with all its versions", digest)


def current(confluence: Confluence, target: Target) -> Current:
    """Read the content as it is now. Raises `NotFound` when it is gone or in the trash."""
    kind, _, ident = target.resource.id.partition(":")
    raw = confluence.content(kind, ident)
    content = from_v2(raw, kind, "") if confluence.config.is_cloud else from_v1(raw)
    if content.status not in {"current", "archived"}:
        raise NotFound("it is in the trash")
    if not confluence.config.is_cloud:
        path = f"{confluence.v1}/content/{ident}"
    elif kind == "comment":
        path = confluence.v2_path("inline-comment" if "resolutionStatus" in raw else "footer-comment", ident)
    else:
        path = confluence.v2_path(kind, ident)
    return Current(kind, ident, raw, path, content.title, content.body or "", content.number)


def payload(confluence: Confluence, now: Current, title: str, body: str) -> Mapping[str, Any]:
    """Return the request that writes the version after `now`."""
    version: dict[str, Any] = {"number": now.number + 1, "message": "sensitive data redacted"}
    if confluence.config.is_cloud:
        made: dict[str, Any] = {"version": version, "body": {"representation": "storage", "value": body}}
        if now.kind != "comment":
            made |= {"id": now.id, "status": text(now.raw.get("status")) or "current", "title": title}
        return made
    made = {
        "id": now.id,
        "type": now.kind,
        "title": title,
        "version": {**version, "minorEdit": True},
        "body": {"storage": {"value": body, "representation": "storage"}},
    }
    container = mapping(now.raw.get("container"))
    if now.kind == "comment" and container:
        made["container"] = {"id": text(container.get("id")), "type": text(container.get("type"))}
    return made


def holders(confluence: Confluence, now: Current, target: Target) -> list[int]:
    """Return the numbers of the old versions that hold the value in title or body."""
    every = confluence.versions(now.api_kind, now.id)
    return [n for n, _, title, body in every if target.matches(title) or target.matches(flatten(body).text)]


def left(confluence: Confluence, now: Current, target: Target) -> str:
    """Say how many old versions hold the value, or that nobody knows."""
    try:
        count = len(holders(confluence, now, target))
    except ConnectorsError:
        return "the old versions could not be checked"
    return ("1 old version still holds it" if count == 1 else f"{count} old versions still hold it") if count else ""


def _here(now: Current, target: Target, part: str) -> str:
    return "the current version still holds it" if target.matches(now.text(part)) else ""
