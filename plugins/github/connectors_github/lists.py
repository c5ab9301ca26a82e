"""Reading the lists of a repository: issues, comments, reviews, discussions, releases, commits.

Lists that GitHub sorts by time of change are read by that time (`since`), not by page numbers, which shift while
people work; `seen` are the ids at the edge, `page` counts only within one instant. The others are read by `page`.
`full` says that the pass began at the beginning. A first pass may be bound by a cursor with `since` alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from connectors.errors import ConnectorsError, Malformed, NotFound, Unsupported
from connectors.model import Cursor, Event, Gap, Page, UnitFailure
from connectors_github import things
from connectors_github.client import Answer, GitHubClient, objects
from connectors_github.things import JsonObject, Repo, need

Make = Callable[[JsonObject], list[Event]]

_SIZE = 100


@dataclass
class Batch:
    """What one page will carry."""

    events: list[Event]
    failures: list[UnitFailure]

    def add(self, item: JsonObject, make: Make) -> None:
        """Add an object's events, or why there are none."""
        try:
            self.events.extend(make(item))
        except Malformed as error:
            self.failures.append(UnitFailure("body", Gap.MALFORMED, str(error)))

    def page(self, cursor: JsonObject, *, done: bool = False, reconcile: bool = False) -> Page:
        """Return the page."""
        listed = len(self.events) + len(self.failures)
        return Page(tuple(self.events), tuple(self.failures), cursor, listed, done, reconcile)


def _begin(cursor: Cursor | None) -> JsonObject:
    state: JsonObject = dict(cursor or {})
    state.setdefault("full", not state.get("since"))
    return state


def by_time(client: GitHubClient, path: str, cursor: Cursor | None, make: Make, **params: Any) -> Iterator[Page]:
    """Read a list that takes `since` and is sorted by time of change, oldest change first."""
    state = _begin(cursor)
    while True:
        since, number = state.get("since"), int(state.get("page") or 1)
        answer = client.get(path, sort="updated", direction="asc", since=since, per_page=_SIZE, page=number, **params)
        seen = {str(ident) for ident in state.get("seen") or ()}
        batch = Batch([], [])
        for item in answer.items:
            if str(item.get("id")) not in seen or item.get("updated_at") != since:
                batch.add(item, make)
        edge = max((str(item.get("updated_at") or "") for item in answer.items), default="") or since
        at_edge = [str(item.get("id")) for item in answer.items if item.get("updated_at") == edge]
        if edge == since:
            at_edge, number = [*seen, *at_edge], number + 1
        else:
            number = 1
        following = {"since": edge, "seen": sorted(set(at_edge)), "page": number, "full": state["full"]}
        if answer.last_page:
            yield batch.page({**following, "page": 1, "full": False}, done=True, reconcile=bool(state["full"]))
            return
        yield batch.page(following)
        state = following


def by_page(client: GitHubClient, path: str, cursor: Cursor | None, make: Make, **params: Any) -> Iterator[Page]:
    """Read a list that has only page numbers, all of it in every pass."""
    number = int((cursor or {}).get("page") or 1)
    while True:
        answer = client.get(path, per_page=_SIZE, page=number, **params)
        batch = Batch([], [])
        for item in answer.items:
            batch.add(item, make)
        number += 1
        if answer.last_page:
            yield batch.page({"page": 1}, done=True, reconcile=True)
            return
        yield batch.page({"page": number})


def issues(client: GitHubClient, repo: Repo, cursor: Cursor | None, make: Make, *, enabled: bool) -> Iterator[Page]:
    """Read issues and pull requests; where issues are switched off GitHub lists only the latter, without `since`."""
    root = f"repos/{repo.full_name}"
    if enabled:
        yield from by_time(client, f"{root}/issues", cursor, make, state="all")
    else:
        yield from by_page(client, f"{root}/pulls", cursor, make, state="all", sort="created", direction="asc")


def reviews(client: GitHubClient, repo: Repo, cursor: Cursor | None, *, enabled: bool) -> Iterator[Page]:
    """Read the reviews of the pull requests that changed, found in the list of issues."""

    def of_pull(item: JsonObject) -> list[Event]:
        if not things.is_pull(item):
            return []
        number, page, found = things.number(item, "number"), 1, list[Event]()
        parent = f"pull:{repo.id}:{number}"
        while True:
            answer = client.get(f"repos/{repo.full_name}/pulls/{number}/reviews", per_page=_SIZE, page=page)
            found += [
                things.comment(repo, "review", review, parent=parent) for review in answer.items if _dated(review)
            ]
            if answer.last_page:
                return found
            page += 1

    yield from issues(client, repo, cursor, of_pull, enabled=enabled)


def _dated(review: JsonObject) -> bool:
    """Tell whether a review was submitted; a pending one is its author's draft and has no time."""
    return review.get("state") != "PENDING"


@dataclass(frozen=True, slots=True)
class Commits:
    """Reads the commits of a branch: those since the last pass by comparing, else all of them.

    Cursor between passes: `head`. A first pass may be bound by `since`. A start cursor from a push has `before`
    (a commit) or `base` (a branch). In a pass: also `target` and `page`.
    """

    client: GitHubClient
    repo: Repo
    branch: str
    patches: bool

    def read(self, cursor: Cursor | None) -> Iterator[Page]:
        """Yield the pages of a pass."""
        state: JsonObject = dict(cursor or {})
        if "target" not in state:
            path = f"repos/{self.repo.full_name}/branches/{quote(self.branch, errors='replace')}"
            try:
                found = self.client.get(path).data
            except NotFound:
                yield Page(done=True)
                return
            head = need(things.inner(found if isinstance(found, dict) else {}, "commit"), "sha")
            if head == state.get("head"):
                yield Page(cursor=state, done=True)
                return
            state |= {"target": head, "page": 1}
        while True:
            answer = self._answer(state)
            compared = answer.data.get("commits") if isinstance(answer.data, dict) else answer.data
            batch = Batch([], [])
            for item in objects(compared):
                batch.add(item, lambda value: [things.commit(self.repo, value, patches=self.patches)])
            if answer.last_page:
                yield batch.page({"head": state["target"]}, done=True)
                return
            state["page"] = int(state["page"]) + 1
            yield batch.page(dict(state))

    def _answer(self, state: JsonObject) -> Answer:
        root, page = f"repos/{self.repo.full_name}", int(state["page"])
        start = state.get("base") if self.patches else state.get("before") or state.get("base")
        base = state.get("head") or start
        if base and not state.get("all"):
            try:
                path = f"{root}/compare/{quote(str(base), errors='replace')}...{state['target']}"
                return self.client.get(path, per_page=_SIZE, page=page)
            except (NotFound, Unsupported):
                state["all"] = True
        return self.client.get(
            f"{root}/commits", sha=state["target"], since=state.get("since"), per_page=_SIZE, page=page
        )


_COMMENT = "databaseId body url updatedAt createdAt author { login ... on User { databaseId } }"
_COMMENTS = (
    "pageInfo { hasNextPage endCursor } nodes { id " + _COMMENT + " replies(first: 100) "
    "{ pageInfo { hasNextPage endCursor } nodes { " + _COMMENT + " } } }"
)
DISCUSSIONS = (
    "query($owner: String!, $name: String!, $after: String, $field: DiscussionOrderField!, "
    "$direction: OrderDirection!) { repository(owner: $owner, name: $name) { discussions(first: 25, after: $after, "
    "orderBy: {field: $field, direction: $direction}) { pageInfo { hasNextPage endCursor } nodes { id number title "
    + _COMMENT
    + " comments(first: 50) { "
    + _COMMENTS
    + " } } } } }"
)
"""https://docs.github.com/en/graphql/guides/using-the-graphql-api-for-discussions"""

MORE_COMMENTS = (
    "query($id: ID!, $after: String) { node(id: $id) { ... on Discussion { comments(first: 50, after: $after) { "
    + _COMMENTS
    + " } } } }"
)
MORE_REPLIES = (
    "query($id: ID!, $after: String) { node(id: $id) { ... on DiscussionComment { replies(first: 100, after: $after) "
    "{ pageInfo { hasNextPage endCursor } nodes { " + _COMMENT + " } } } } }"
)


def discussions(client: GitHubClient, repo: Repo, cursor: Cursor | None) -> Iterator[Page]:
    """Read discussions with comments and replies: all of them by age, later only those that changed."""
    state: JsonObject = dict(cursor or {})
    known = str(state.get("since") or "")
    newest, after = str(state.get("newest") or known), state.get("after")
    owner, _, name = repo.full_name.partition("/")
    order = {"field": "UPDATED_AT", "direction": "DESC"} if known else {"field": "CREATED_AT", "direction": "ASC"}
    while True:
        data = client.graphql(DISCUSSIONS, owner=owner, name=name, after=after, **order)
        nodes, following = _connection(data, "repository", "discussions")
        fresh = [node for node in nodes if not known or str(node.get("updatedAt") or "") >= known]
        batch = Batch([], [])
        for node in fresh:
            batch.add(node, lambda node: _whole(client, repo, node))
            newest = max(newest, str(node.get("updatedAt") or ""))
        after = following
        if not after or len(fresh) < len(nodes):
            yield batch.page({"since": newest} if newest else {}, done=True, reconcile=not known)
            return
        yield batch.page({"since": known, "newest": newest, "after": after})


def _whole(client: GitHubClient, repo: Repo, node: JsonObject) -> list[Event]:
    found = [things.discussion(repo, node)]
    parent = found[0].resource.id
    for held in _all(client, node, "comments", MORE_COMMENTS):
        found.append(things.comment(repo, "discussion_comment", held, parent=parent))
        replies = _all(client, held, "replies", MORE_REPLIES)
        found += [things.comment(repo, "discussion_comment", reply, parent=parent) for reply in replies]
    return found


def _all(client: GitHubClient, node: JsonObject, key: str, query: str) -> Iterator[JsonObject]:
    nodes, after = _connection(node, key)
    yield from nodes
    while after:
        nodes, after = _connection(client.graphql(query, id=node.get("id"), after=after), "node", key)
        yield from nodes


def _connection(data: JsonObject, *path: str) -> tuple[list[JsonObject], str]:
    """Return the nodes of a GraphQL connection and the cursor of its next page, empty on the last."""
    held: Any = data
    for key in path:
        held = held.get(key) if isinstance(held, dict) else None
    if not isinstance(held, dict):
        return [], ""
    info = held.get("pageInfo")
    more = isinstance(info, dict) and info.get("hasNextPage") is True
    return objects(held.get("nodes")), str(info.get("endCursor") or "") if more and isinstance(info, dict) else ""


def deliveries(
    client: GitHubClient, path: str, cursor: Cursor | None, receive: Callable[[JsonObject], list[Event]]
) -> Iterator[Page]:
    """Recover deliveries that our endpoint did not take, from what GitHub keeps of them for three days.

    Newest first, back to the newest one looked at before. https://docs.github.com/en/rest/apps/webhooks
    """
    state: JsonObject = dict(cursor or {})
    known, top = int(state.get("newest") or 0), int(state.get("top") or 0)
    after, taken = state.get("cursor"), {str(guid) for guid in state.get("taken") or ()}
    while True:
        answer = client.get(path + "/deliveries", per_page=_SIZE, cursor=after)
        batch, end = Batch([], []), False
        for item in answer.items:
            ident, guid = things.number(item, "id"), str(item.get("guid"))
            end = end or ident <= known
            if end:
                break
            top = max(top, ident)
            if _accepted(item):
                taken.add(guid)
            elif guid not in taken:
                taken.add(guid)
                _recover(client, path, ident, batch, receive)
        after = answer.headers.get("link", "")
        after = _cursor_in(after)
        if end or not after:
            yield batch.page({"newest": max(top, known)}, done=True)
            return
        yield batch.page({"newest": known, "top": top, "cursor": after, "taken": sorted(taken)[-500:]})


def _accepted(item: JsonObject) -> bool:
    code = item.get("status_code")
    return isinstance(code, int) and 200 <= code < 300


def _recover(
    client: GitHubClient, path: str, ident: int, batch: Batch, receive: Callable[[JsonObject], list[Event]]
) -> None:
    try:
        held = client.get(f"{path}/deliveries/{ident}").data
        batch.add(held if isinstance(held, dict) else {}, receive)
    except ConnectorsError as error:
        if error.code in ("rate_limited", "transient", "auth"):
            raise
        batch.failures.append(UnitFailure("delivery", Gap.FETCH_FAILED, str(error)))


def _cursor_in(link: str) -> str:
    """Return the `cursor` parameter of the next page's address."""
    following = next((part for part in link.split(",") if 'rel="next"' in part), "")
    return following.partition("cursor=")[2].partition("&")[0].partition(">")[0] if following else ""
