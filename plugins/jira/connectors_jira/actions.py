"""Remediation in Jira: redact by editing, redact by Jira's own job, delete an attachment.

Jira has no compare-and-set for edits, so the content is read again right before it is written; a redaction job
carries a digest of the text it expects and changes nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.errors import ConnectorsError, NotFound, Transient, Unsupported
from connectors.model import ActionResult, ActionSpec, Outcome, Target
from connectors_jira.adf import Flat, Run, apply, changes_between, flatten, is_document
from connectors_jira.client import Jira, dumps
from connectors_jira.shapes import mapping, objects, text
from connectors_jira.units import OWN_PARTS, history_text, part_field

ACTIONS = (
    ActionSpec("redact", "Replace the value in a field, comment or worklog by an edit.", kinds=("issue", "comment")),
    ActionSpec("redact_job", "Let Jira Cloud redact the value by its redaction job.", kinds=("issue", "comment")),
    ActionSpec("delete_attachment", "Delete the attachment for good.", kinds=("attachment",)),
)
POLLS = 8
FIRST_WAIT = 0.05
"""Seconds before the second look at a redaction job; the wait doubles each time."""


@dataclass(frozen=True, slots=True)
class Spot:
    """One place that can be rewritten: its value as Jira holds it, and how to write another."""

    value: Any
    write: Callable[[Any], None]
    issue_id: str
    entity_type: str
    entity_id: str

    @property
    def flat(self) -> Flat:
        """Return the text and where it stands."""
        if is_document(self.value):
            return flatten(self.value)
        return Flat(self.value, (Run(0, len(self.value), ()),))

    @property
    def digest(self) -> str:
        """Return the SHA-256 of what stands there."""
        return hashlib.sha256(dumps(self.value).encode()).hexdigest()


def act(jira: Jira, action: str, target: Target, *, dry_run: bool) -> Outcome:
    """Do `action`. Something that is gone already is nothing to do."""
    doers = {"redact": redact, "redact_job": redact_job, "delete_attachment": delete_attachment}
    if action not in doers:
        raise Unsupported(f"Jira has no action {action!r}")
    try:
        return doers[action](jira, target, dry_run)
    except NotFound:
        return Outcome(ActionResult.NOTHING_TO_DO, "it is gone already")


def redact(jira: Jira, target: Target, dry_run: bool) -> Outcome:
    """Rewrite the place without the value, keeping the structure of the document."""
    spot = _spot(jira, target)
    if isinstance(spot, Outcome):
        return spot
    flat = spot.flat
    found = target.matches(flat.text)
    if not found:
        return Outcome(
            ActionResult.NOTHING_TO_DO, "the value is not there any more", spot.digest, _left(jira, spot, target)
        )
    changes = changes_between(flat.text, target.redact(flat.text), [(m.start, m.end) for m in found])
    if dry_run:
        return Outcome(ActionResult.DRY_RUN, f"would redact {_places(len(found))} in {target.part}", spot.digest)
    spot.write(apply(spot.value, changes) if is_document(spot.value) else target.redact(flat.text))
    return _done(jira, target, spot, f"redacted {_places(len(found))} in {target.part}")


def redact_job(jira: Jira, target: Target, dry_run: bool) -> Outcome:
    """Hand the positions to Jira's redaction job and wait for its end.

    Raises `Transient` when the job does not end within seconds; calling again is safe, as every position carries
    the digest of the text that must stand there.
    """
    if not jira.config.is_cloud:
        return Outcome(ActionResult.REFUSED, "redaction jobs are a part of Jira Cloud; use redact")
    spot = _spot(jira, target)
    if isinstance(spot, Outcome):
        return spot
    flat = spot.flat
    found = target.matches(flat.text)
    if not found:
        return Outcome(
            ActionResult.NOTHING_TO_DO, "the value is not there any more", spot.digest, _left(jira, spot, target)
        )
    pieces = [piece for match in found for piece in _pieces(flat, match.start, match.end)]
    if any(run.path and run.path[-1] != "text" for run, _, _ in pieces):
        return Outcome(
            ActionResult.REFUSED, "the value stands in a link or macro, where Jira's job cannot reach; use redact"
        )
    if dry_run:
        return Outcome(ActionResult.DRY_RUN, f"would redact {_places(len(found))} in {target.part}", spot.digest)
    results = _wait(jira, jira.redact([_redaction(spot, flat, *piece) for piece in pieces]))
    if not all(result.get("successful") is True for result in results):
        return Outcome(
            ActionResult.CHANGED_MEANWHILE, "Jira did not redact every place", spot.digest, _still(jira, target)
        )
    return _done(jira, target, spot, f"redacted {_places(len(found))} in {target.part}")


def delete_attachment(jira: Jira, target: Target, dry_run: bool) -> Outcome:
    """Delete the attachment. An attachment never changes, so that the id is proof enough."""
    attachment_id = target.resource.id.partition(":")[2]
    name = text(jira.attachment_facts(attachment_id).get("filename"))
    digest = hashlib.sha256(f"{attachment_id}:{name}".encode()).hexdigest()
    if target.part == "name" and not target.matches(name):
        return Outcome(ActionResult.NOTHING_TO_DO, "the value is not in the name any more", digest)
    if dry_run:
        return Outcome(ActionResult.DRY_RUN, f"would delete attachment {attachment_id}", digest)
    jira.delete_attachment(attachment_id)
    remaining = "the issue's history still holds the file's name" if target.part == "name" else ""
    return Outcome(ActionResult.DONE, f"deleted attachment {attachment_id}", digest, remaining)


def _spot(jira: Jira, target: Target) -> Spot | Outcome:
    """Read the place as it is now; an `Outcome` says why it cannot be rewritten."""
    kind, _, rest = target.resource.id.partition(":")
    if kind == "comment":
        issue_id, _, comment_id = rest.partition(":")
        body = jira.comment(issue_id, comment_id).get("body")
        return _checked(
            Spot(body, lambda v: jira.set_comment(issue_id, comment_id, v), issue_id, "issue-comment", comment_id)
        )
    if target.part.startswith("worklog:"):
        log_id = target.part.partition(":")[2]
        comment = jira.worklog(rest, log_id).get("comment")
        return _checked(Spot(comment, lambda v: jira.set_worklog(rest, log_id, v), rest, "issue-worklog", log_id))
    if target.part == "labels" or not (target.part in OWN_PARTS or target.part.startswith("field:")):
        return Outcome(
            ActionResult.REFUSED, f"Jira has no way to redact {target.part.partition(':')[0]}; edit it by hand"
        )
    name = part_field(target.part)
    value = mapping(jira.issue(rest).get("fields")).get(name)
    return _checked(Spot(value, lambda v: jira.set_field(rest, name, v), rest, "issuefieldvalue", name))


def _checked(spot: Spot) -> Spot | Outcome:
    if spot.value is None:
        return Outcome(ActionResult.NOTHING_TO_DO, "the place is empty now")
    if isinstance(spot.value, str) or is_document(spot.value):
        return spot
    return Outcome(ActionResult.REFUSED, "the field holds no free text; edit it by hand")


def _done(jira: Jira, target: Target, before: Spot, message: str) -> Outcome:
    still = _still(jira, target)
    left = _left(jira, before, target)
    return Outcome(ActionResult.DONE, message, before.digest, "; ".join(part for part in (still, left) if part))


def _still(jira: Jira, target: Target) -> str:
    """Say whether the place holds the value after the change: somebody may have written it again."""
    try:
        after = _spot(jira, target)
    except NotFound:
        return ""
    return f"{target.part} still holds it" if isinstance(after, Spot) and target.matches(after.flat.text) else ""


def _left(jira: Jira, spot: Spot, target: Target) -> str:
    """Say how many entries of the history hold the value. Jira cannot change them."""
    if spot.entity_type != "issuefieldvalue":
        return ""
    try:
        count = sum(1 for entry in jira.changelog(spot.issue_id) if target.matches(history_text(entry)))
    except ConnectorsError:
        return "the history could not be checked"
    if not count:
        return ""
    return "1 history entry still holds it" if count == 1 else f"{count} history entries still hold it"


def _pieces(flat: Flat, start: int, end: int) -> Iterator[tuple[Run, int, int]]:
    """Yield each run that holds a part of `start:end`, with the part's place in the run."""
    for run in flat.runs:
        if run.start < end and run.end > start:
            yield run, max(start, run.start) - run.start, min(end, run.end) - run.start


def _redaction(spot: Spot, flat: Flat, run: Run, low: int, high: int) -> Mapping[str, Any]:
    """Return one entry of a redaction request; positions count UTF-16 units, as Jira's editor does."""
    whole = flat.text[run.start : run.end]
    start = _utf16(whole[:low])
    expected = base64.b64encode(hashlib.sha256(whole[low:high].encode()).digest()).decode()
    position = {"expectedText": expected, "from": start, "to": start + _utf16(whole[low:high])}
    if run.path:
        position["adfPointer"] = run.pointer
    return {
        "externalId": f"{spot.entity_id}:{run.start + low}",
        "reason": "sensitive data",
        "contentItem": {"entityId": spot.entity_id, "entityType": spot.entity_type, "id": spot.issue_id},
        "redactionPosition": position,
    }


def _wait(jira: Jira, job_id: str) -> list[Mapping[str, Any]]:
    for poll in range(POLLS):
        status = jira.redaction(job_id)
        if status.get("jobStatus") == "COMPLETED":
            return objects(mapping(status.get("bulkRedactionResponse")).get("results"))
        time.sleep(FIRST_WAIT * 2**poll)
    raise Transient("the redaction job has not ended yet")


def _utf16(value: str) -> int:
    return len(value.encode("utf-16-le", "surrogatepass")) // 2


def _places(count: int) -> str:
    return "1 value" if count == 1 else f"{count} values"
