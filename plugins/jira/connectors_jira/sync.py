"""Reading a project: everything by creation time, then what changed since.

Times in JQL are minutes in the time zone of the account, so every bound is relative (`-95m`), which no time zone
can shift. Issues come in the order `created, id`, which never changes while somebody edits; a cursor holds the
place in it, so that reading goes on after a pause of any length:

- Cloud pages by tokens that live for days only. The cursor keeps the token and the creation time it stands at, and
  starts again from that time when the token is refused.
- Data Center pages by number. The cursor keeps the number and the id of the last issue; when another issue
  stands there, some were deleted meanwhile, and the reading steps back by one page.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from connectors.errors import MissingScope, NotFound, Transient, Unsupported
from connectors.model import Container, Cursor, Event, Gap, Page, Partition, UnitFailure
from connectors_jira.client import Jira
from connectors_jira.config import JiraConfig
from connectors_jira.resources import (
    RECENT,
    Issue,
    attachment_events,
    comment_event,
    issue_event,
    issue_resource,
    project_resource,
)
from connectors_jira.shapes import mapping, micros, objects, text

OVERLAP = timedelta(minutes=10)
"""Read again before the last read's start: search lags behind writes, and clocks differ."""
FIRST_LOOK = timedelta(hours=1)
TOKEN_LIFE = timedelta(days=6)
"""Jira keeps a page token for seven days."""
WINDOW_LIFE = timedelta(minutes=8)
"""A relative bound moves on with the clock; a query with one is made anew before it has eaten up the overlap."""
PAGE = 50


@dataclass(frozen=True, slots=True)
class Walk:
    """Where a reading stands. `mode` is `full`, `changes`, or `idle` between readings; times are epoch ms."""

    mode: str
    started: int
    since: int = 0
    token: str = ""
    token_at: int = 0
    jql: str = ""
    created: int = 0
    at: int = 0
    last: str = ""
    gaps: bool = False
    fresh: bool = True
    refused: int = -1
    """Where a token was refused; the same place twice would go round in circles."""

    def cursor(self) -> Cursor:
        """Return the walk as a cursor; what is empty is left out."""
        return {name: getattr(self, name) for name in CURSOR_KEYS if getattr(self, name)}


CURSOR_KEYS = ("mode", "started", "since", "token", "token_at", "jql", "created", "at", "last", "gaps")


def ms(when: datetime) -> int:
    """Return epoch milliseconds."""
    return int(when.timestamp() * 1000)


def begin(cursor: Cursor | None, now: datetime) -> Walk:
    """Return the walk that `cursor` continues; a finished one leads to reading what changed since."""
    kept = {k: v for k, v in (cursor or {}).items() if k in CURSOR_KEYS}
    mode = kept.get("mode")
    if mode in {"full", "changes"}:
        return Walk(**{"started": ms(now), **kept, "fresh": False})
    since = kept.get("since")
    if mode == "idle" and isinstance(since, int):
        return Walk("changes", ms(now), since)
    return Walk("full", ms(now))


def minutes_ago(then: int, now: datetime) -> str:
    """Return `-<n>m` that reaches back at least to `then` (epoch ms)."""
    return f'"-{max(1, (ms(now) - then) // 60_000 + 2)}m"'


class Reader:
    """Reads one partition after another; every method may be stopped between two pages."""

    def __init__(self, jira: Jira, config: JiraConfig) -> None:
        self.jira = jira
        self.config = config

    def partitions(self) -> Iterator[Partition]:
        """Yield one partition per project that the filters let through."""
        for project in self.jira.projects():
            if self.config.wants(text(project.get("key"))):
                count = mapping(project.get("insight")).get("totalIssueCount")
                yield Partition(
                    text(project.get("id")), text(project.get("key")), count if isinstance(count, int) else None
                )

    def read(self, partition: Partition, cursor: Cursor | None) -> Iterator[Page]:
        """Yield pages of events; the last one carries the cursor for the next reading."""
        now = self.jira.context.now()
        first = partition.since or (now - FIRST_LOOK if partition.id == RECENT else None)
        if cursor is None and first is not None:
            cursor = {"mode": "idle", "since": ms(first)}
        walk = begin(cursor, now)
        place = Container(partition.id, partition.label)
        try:
            yield from self._pages(walk, place)
        except (MissingScope, NotFound, Unsupported) as error:
            # Jira answers 400, not 403, to a search in a project that the account may not browse.
            gap = UnitFailure("issues", Gap.MISSING_SCOPE, error.args[0], project_resource(place))
            yield Page(failures=(gap,), listed=1, cursor=(cursor or {"mode": "new"}), done=True)

    def _pages(self, walk: Walk, place: Container) -> Iterator[Page]:
        while True:
            issues, walk, more = self._step(walk, place)
            events: list[Event] = []
            failures: list[UnitFailure] = []
            for issue in issues:
                made, failed = self._of_issue(issue)
                events += made
                failures += failed
            walk = replace(walk, gaps=walk.gaps or any(f.reason is not Gap.EXCLUDED for f in failures), fresh=False)
            cursor = walk.cursor() if more else finished(walk).cursor()
            yield Page(
                tuple(events),
                tuple(failures),
                cursor,
                len(events) + len(failures),
                done=not more,
                reconcile=not more and walk.mode == "full" and not walk.gaps,
            )
            if not more:
                return

    def _step(self, walk: Walk, place: Container) -> tuple[list[Mapping[str, Any]], Walk, bool]:
        return self._by_token(walk, place) if self.config.is_cloud else self._by_number(walk, place)

    def _by_token(self, walk: Walk, place: Container) -> tuple[list[Mapping[str, Any]], Walk, bool]:
        now = self.jira.context.now()
        life = WINDOW_LIFE if walk.mode == "changes" else TOKEN_LIFE
        if not walk.token or ms(now) - walk.token_at >= life // timedelta(milliseconds=1):
            walk = self._renewed(walk, place, now)
        try:
            issues, following = self.jira.search(walk.jql, token=walk.token, limit=PAGE)
        except Unsupported:
            if not walk.token:
                raise
            if walk.refused == walk.created:
                raise Transient("Jira refuses its own page tokens") from None
            walk = replace(self._renewed(walk, place, now), refused=walk.created)
            issues, following = self.jira.search(walk.jql, limit=PAGE)
        created = _created(issues[-1]) if issues else walk.created
        return issues, replace(walk, token=following, created=created), bool(following)

    def _renewed(self, walk: Walk, place: Container, now: datetime) -> Walk:
        """Return the walk with a query of its own from the creation time it stands at."""
        return replace(walk, token="", token_at=ms(now), jql=self._jql(walk, place, now))

    def _by_number(self, walk: Walk, place: Container) -> tuple[list[Mapping[str, Any]], Walk, bool]:
        jql = self._jql(replace(walk, created=0), place, self.jira.context.now())
        start = max(0, walk.at - 1) if walk.last else walk.at
        issues, total = self.jira.search_from(jql, start=start, limit=PAGE)
        if walk.last:
            if not issues or text(issues[0].get("id")) != walk.last:
                return [], replace(walk, at=max(0, walk.at - PAGE), last=""), True
            issues = issues[1:]
            start += 1
        end = start + len(issues)
        last = text(issues[-1].get("id")) if issues else walk.last
        return issues, replace(walk, at=end, last=last), bool(issues) and end < total

    def _jql(self, walk: Walk, place: Container, now: datetime) -> str:
        terms = [f"project = {place.id}"] if place.id != RECENT else []
        if walk.mode == "changes":
            back = walk.since - OVERLAP // timedelta(milliseconds=1)
            terms.append(f"updated >= {minutes_ago(back, now)}")
        if walk.created:
            terms.append(f"created >= {minutes_ago(walk.created, now)}")
        return " AND ".join(terms) + " ORDER BY created ASC, id ASC"

    def _of_issue(self, payload: Mapping[str, Any]) -> tuple[list[Event], list[UnitFailure]]:
        """Return the events of an issue, its comments and its attachments."""
        issue, fields = Issue.of(payload, self.config.site), mapping(payload.get("fields"))
        if not self.config.wants(issue.container.name):
            gap = UnitFailure("issue", Gap.EXCLUDED, "the project is left out", issue_resource(issue, fields))
            return [], [gap]
        events = [issue_event(payload, self.config.site, fetch=False), *attachment_events(payload, self.config.site)]
        try:
            events += [comment_event(comment, issue) for comment in self._comments(issue, fields)]
        except (MissingScope, NotFound, Unsupported) as error:
            return events, [UnitFailure("comments", Gap.MISSING_SCOPE, error.args[0], issue_resource(issue, fields))]
        return events, []

    def _comments(self, issue: Issue, fields: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """Return all comments; a search embeds only some of them (20 on Cloud) and says how many there are."""
        embedded = mapping(fields.get("comment"))
        found, total = objects(embedded.get("comments")), embedded.get("total")
        if isinstance(total, int) and total <= len(found):
            return found
        return list(self.jira.comments(issue.id))


def finished(walk: Walk) -> Walk:
    """Return what is left of a walk that reached its end: where the next one starts.

    A full reading with gaps counts as done too; its next try is the next full reading.
    """
    return Walk("idle", 0, since=walk.started)


def _created(issue: Mapping[str, Any]) -> int:
    return micros(mapping(issue.get("fields")).get("created")) // 1000
