"""Reading the files of one branch: the whole tree once, then what changed.

What changed is asked of GitHub by a comparison; where that does not tell all, by comparing the two trees; and where
those are cut off too, or the commit read last is gone, the whole tree is read again.

Cursor between passes: `head` (the commit read last), `version` (of what was read then), `etag` of the branch. In a
pass over a tree: also `target` (the commit being read), `stamp` (the version being given) and `pending` (trees
still to read, as [sha, path prefix, entries done]). A start cursor from a push has `before` (a commit) or `base`
(the branch that another branch is compared with when nothing of it is known). After `before`, what changed comes
first and then the whole tree, so that a push does not stand in for history.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from connectors.errors import Malformed, MissingScope, NotFound, Unsupported
from connectors.model import Cursor, Event, Gap, Page, PersonRef, UnitFailure
from connectors_github import things
from connectors_github.client import GitHubClient, objects
from connectors_github.things import JsonObject, Repo, inner, need

FILES_IN_COMPARE = 300
"""https://docs.github.com/en/rest/commits/commits#compare-two-commits lists no more files than that."""

_STEP = 500


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a branch."""

    sha: str
    tree: str
    version: int
    author: PersonRef | None
    etag: str


@dataclass(frozen=True)
class CodeReader:
    """Reads the files of one branch."""

    client: GitHubClient
    repo: Repo
    info: JsonObject
    branch: str
    """Whether commit history is read as well, by its own partition."""

    def read(self, cursor: Cursor | None) -> Iterator[Page]:
        """Yield the pages of a pass."""
        held: JsonObject = dict(cursor or {})
        if held.get("pending"):
            yield from self._tree(held)
            return
        try:
            head = self._head(str(held.get("etag") or ""))
        except NotFound:
            yield self._without_head()
            return
        if head is None:
            yield Page(cursor=held, done=True)
            return
        if head.sha == held.get("head"):
            yield Page(cursor={**held, "etag": head.etag}, done=True)
            return
        known = int(held.get("version") or 0)
        stamp = max(head.version, known + 1)
        whole = {"target": head.sha, "stamp": stamp, "etag": head.etag, "pending": [[head.tree, "", 0]]}
        base = held.get("head") or held.get("before") or held.get("base")
        changed = self._compared(str(base), head, stamp, new="base" in held) if base else None
        if changed is not None and (held.get("head") or self.branch != self.repo.default_branch):
            yield changed
            return
        if changed is not None:
            yield replace(changed, cursor=whole, done=False)
        differences = self._differences(held, head) if changed is None and held.get("head") else None
        if differences is not None:
            yield from self._diffed(differences, held, head, stamp)
            return
        unread = self._unread() if self.branch == self.repo.default_branch else []
        yield from self._tree(whole, first=[things.repo_info(self.repo, self.info)], unread=unread)

    def _unread(self) -> list[UnitFailure]:
        """Say once per whole reading what history does not show: it stands in the ledger."""
        others = self._other_branches()
        text = f"{others} besides {self.branch}: read when somebody pushes to them"
        return [UnitFailure("branches", Gap.BUDGET, text)] if others else []

    def _other_branches(self) -> str:
        """Return how many branches there are besides the default one. https://docs.github.com/en/rest/branches/branches"""
        try:
            answer = self.client.get(f"repos/{self.repo.full_name}/branches", per_page=100)
        except (NotFound, MissingScope, Unsupported):
            return "an unknown number of branches"
        count = sum(entry.get("name") != self.branch for entry in answer.items)
        more = "" if answer.last_page else "at least "
        return f"{more}{count} branch{'es' if count != 1 else ''}" if count else ""

    def _without_head(self) -> Page:
        """Return what a missing branch means: an empty repository, or a branch that was deleted."""
        if self.branch == self.repo.default_branch:
            return Page(done=True, reconcile=True)
        stamp = int(self.client.now().timestamp() * 1_000_000)
        return Page((things.ref_gone(self.repo, self.branch, stamp),), listed=1, done=True)

    def _head(self, etag: str) -> Head | None:
        """Return the branch's head, None when it has not moved since `etag`."""
        path = f"repos/{self.repo.full_name}/branches/{quote(self.branch, errors='replace')}"
        answer = self.client.get(path, etag=etag)
        if answer.unchanged:
            return None
        top = inner(answer.data if isinstance(answer.data, dict) else {}, "commit")
        git = inner(top, "commit")
        when = things.micros(inner(git, "committer").get("date"))
        tree = need(inner(git, "tree"), "sha")
        return Head(need(top, "sha"), tree, when, things.author_of(top), answer.headers.get("etag", ""))

    def _compared(self, base: str, head: Head, stamp: int, *, new: bool) -> Page | None:
        """Return what changed since `base`, or None when the comparison does not tell all of it.

        A comparison starts at the merge base: after a forced push it does not show what went away, unless the
        branch is new and nothing of it is known.
        """
        path = f"repos/{self.repo.full_name}/compare/{quote(base, errors='replace')}...{head.sha}"
        try:
            found = self.client.get(path, per_page=1).data
        except (NotFound, Unsupported):
            return None
        compared: JsonObject = found if isinstance(found, dict) else {}
        files = objects(compared.get("files"))
        complete = compared.get("status") in ("ahead", "identical") or new
        if not complete or len(files) >= FILES_IN_COMPARE:
            return None
        events, failures = list[Event](), list[UnitFailure]()
        for entry in files:
            self._changed(entry, stamp, head, events, failures)
        cursor = {"head": head.sha, "version": stamp, "etag": head.etag}
        listed = len(events) + len(failures)
        return Page(tuple(events), tuple(failures), cursor, listed, done=True)

    def _differences(self, held: JsonObject, head: Head) -> tuple[list[JsonObject], list[str]] | None:
        """Return what changed and what went away between two trees, None when they are too large or not there.

        This is what tells all of it where a comparison does not: after a forced push, or for many files.
        """
        before, after = self._flat(str(held["head"])), self._flat(head.tree)
        if before is None or after is None:
            return None
        changed = [e for path, e in after.items() if path not in before or before[path].get("sha") != e.get("sha")]
        return changed, [path for path in before if path not in after]

    def _flat(self, sha: str) -> dict[str, JsonObject] | None:
        """Return the entries of a tree (or of a commit's tree) by path, None when GitHub cuts it off."""
        try:
            data = self.client.get(f"repos/{self.repo.full_name}/git/trees/{sha}", recursive=1).data
        except NotFound:
            return None
        if not isinstance(data, dict) or data.get("truncated") is not False:
            return None
        return {need(e, "path"): e for e in objects(data.get("tree")) if e.get("type") != "tree"}

    def _diffed(
        self, differences: tuple[list[JsonObject], list[str]], held: JsonObject, head: Head, stamp: int
    ) -> Iterator[Page]:
        """Yield the differences of two trees. Until the last page the cursor stays: a new try starts over."""
        changed, gone = differences
        events, failures = [things.file_gone(self.repo, self.branch, path, stamp) for path in gone], list[UnitFailure]()
        for begin in range(0, len(changed), _STEP):
            if begin:
                yield replace(_page(events, failures, held), reconcile=False)
                events, failures = [], []
            self._add(changed[begin : begin + _STEP], stamp, events, failures)
        cursor = {"head": head.sha, "version": stamp, "etag": head.etag}
        yield replace(_page(events, failures, cursor, done=True), reconcile=False)

    def _changed(
        self, entry: JsonObject, stamp: int, head: Head, events: list[Event], failures: list[UnitFailure]
    ) -> None:
        status, path = entry.get("status"), need(entry, "filename")
        if status == "removed":
            events.append(things.file_gone(self.repo, self.branch, path, stamp))
            return
        if status == "renamed" and entry.get("previous_filename"):
            events.append(things.file_gone(self.repo, self.branch, need(entry, "previous_filename"), stamp))
        if not isinstance(entry.get("sha"), str):
            failures.append(self._no_blob(path))
            return
        events.append(things.file(self.repo, self.branch, {"path": path, "sha": entry["sha"]}, stamp, head.author))

    def _no_blob(self, path: str) -> UnitFailure:
        about = things.file_gone(self.repo, self.branch, path, 0).resource
        return UnitFailure("body", Gap.NOT_IN_API, "a submodule: its files are in another repository", about)

    def _tree(
        self, state: JsonObject, *, first: list[Event] | None = None, unread: list[UnitFailure] | None = None
    ) -> Iterator[Page]:
        """Read the pending trees; GitHub cuts a recursive one off at 100,000 entries, then go level by level.

        https://docs.github.com/en/rest/git/trees
        """
        events, failures = list(first or ()), list(unread or ())
        pending: list[list[Any]] = [list(item) for item in state["pending"]]
        while pending:
            sha, prefix, done = pending.pop(0)
            entries = self._entries(sha, prefix, pending)
            while done < len(entries):
                self._add(entries[done : done + _STEP], int(state["stamp"]), events, failures)
                done = min(done + _STEP, len(entries))
                if done < len(entries) or pending:
                    rest = [[sha, prefix, done], *pending] if done < len(entries) else pending
                    yield _page(events, failures, {**state, "pending": rest})
                    events, failures = [], []
        cursor = {"head": state["target"], "version": state["stamp"], "etag": state.get("etag", "")}
        yield _page(events, failures, cursor, done=True)

    def _entries(self, sha: str, prefix: str, pending: list[list[Any]]) -> list[JsonObject]:
        path = f"repos/{self.repo.full_name}/git/trees/{sha}"
        data = self.client.get(path, recursive=1).data
        if isinstance(data, dict) and data.get("truncated") is True:
            data = self.client.get(path).data
            listed = objects(data.get("tree")) if isinstance(data, dict) else []
            below = [[need(e, "sha"), f"{prefix}{need(e, 'path')}/", 0] for e in listed if e.get("type") == "tree"]
            known = {item[1] for item in pending}
            pending.extend(item for item in below if item[1] not in known)
        entries = objects(data.get("tree")) if isinstance(data, dict) else []
        return [{**e, "path": prefix + need(e, "path")} for e in entries if e.get("type") != "tree"]

    def _add(self, entries: list[JsonObject], stamp: int, events: list[Event], failures: list[UnitFailure]) -> None:
        for entry in entries:
            if entry.get("type") == "commit":
                failures.append(self._no_blob(str(entry["path"])))
                continue
            try:
                events.append(things.file(self.repo, self.branch, entry, stamp))
            except Malformed as error:
                failures.append(UnitFailure("body", Gap.MALFORMED, str(error)))


def _page(events: list[Event], failures: list[UnitFailure], cursor: JsonObject, *, done: bool = False) -> Page:
    listed = len(events) + len(failures)
    return Page(tuple(events), tuple(failures), cursor, listed, done=done, reconcile=done)
