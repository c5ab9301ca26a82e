"""What can be done about a finding in GitHub. Every action reads what stands there right before it acts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from connectors.errors import MissingScope, NotFound, Unsupported
from connectors.model import ActionResult, ActionSpec, Outcome, Target
from connectors_github import current, things
from connectors_github.client import GitHubClient

_TEXTS = ("issue", "pull", "issue_comment", "review", "review_comment", "commit_comment")
_TALKS = ("issue", "pull", "issue_comment", "review", "review_comment")

ACTIONS = (
    ActionSpec("redact", "Replace the value in the title, the body or the comment", kinds=_TEXTS),
    ActionSpec("comment", "Comment on the issue or pull request with the place", destructive=False, kinds=_TALKS),
)

# https://docs.github.com/en/communities/moderating-comments-and-conversations/tracking-changes-in-a-comment
_EDITS = "the edit history still holds it: who may edit can delete that revision on github.com, no API can"
_TITLES = "the timeline still shows the old title"
_NOTE = "This holds sensitive data. Please remove it, and replace the credential if it is one."


@dataclass(frozen=True)
class Actor:
    """Acts in one repository, given by its current full name."""

    client: GitHubClient
    full_name: str

    def act(self, action: str, target: Target, *, dry_run: bool) -> Outcome:
        """Do one of `ACTIONS`, or say what would be done."""
        does: dict[str, Callable[[Target, str, bool], Outcome]] = {"redact": self._redact, "comment": self._comment}
        if action not in does:
            raise Unsupported(f"GitHub has no action {action!r}")
        if target.part not in ("title", "body") or target.resource.kind not in _TEXTS:
            return Outcome(ActionResult.REFUSED, f"{target.part} of a {target.resource.kind} cannot be changed")
        try:
            text = self._current(target)
            if not target.matches(text):
                return Outcome(ActionResult.NOTHING_TO_DO, "the value is not there any more", _hash(text))
            return does[action](target, text, dry_run)
        except NotFound:
            return Outcome(ActionResult.NOTHING_TO_DO, "it is gone already")
        except MissingScope as error:
            return Outcome(ActionResult.REFUSED, str(error))

    def _current(self, target: Target) -> str:
        return things.text(current.value(self.client, self.full_name, target.resource), target.part)

    def _redact(self, target: Target, text: str, dry_run: bool) -> Outcome:
        rest = _TITLES if target.part == "title" else _EDITS
        clean = target.redact(text)
        if clean == text:
            return Outcome(ActionResult.REFUSED, "the value could not be replaced", _hash(text))
        if dry_run:
            return Outcome(ActionResult.DRY_RUN, f"would replace the value in the {target.part}", _hash(text), rest)
        verb = "PUT" if target.resource.kind == "review" else "PATCH"
        self.client.send(verb, current.path(self.full_name, target.resource), {target.part: clean})
        return Outcome(ActionResult.DONE, f"replaced the value in the {target.part}", _hash(text), rest)

    def _comment(self, target: Target, text: str, dry_run: bool) -> Outcome:
        path = f"repos/{self.full_name}/issues/{current.number(target.resource)}/comments"
        key = f"{target.resource.id} {target.part} {target.detector} {_hash(text)}"
        mark, stays = f"<!-- connectors {_hash(key)[:32]} -->", "the value stays until somebody removes it"
        if self._said(path, mark):
            return Outcome(ActionResult.NOTHING_TO_DO, "it was commented already", _hash(text), stays)
        if dry_run:
            return Outcome(ActionResult.DRY_RUN, "would comment with the place", _hash(text), stays)
        body = f"{target.note or _NOTE}\n\n{target.resource.label}: {target.resource.url}\n{mark}"
        self.client.send("POST", path, {"body": body})
        return Outcome(ActionResult.DONE, "commented with the place", _hash(text), stays)

    def _said(self, path: str, mark: str) -> bool:
        page = 1
        while True:
            answer = self.client.get(path, per_page=100, page=page)
            if any(mark in things.text(comment, "body") for comment in answer.items):
                return True
            if answer.last_page:
                return False
            page += 1


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
