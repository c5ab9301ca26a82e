"""Reading a space: everything of it step by step, then what changed since.

A full reading goes through the pages, the blog posts and, on Cloud, the kinds that only search lists; each page
brings its comments, replies and attachments. The cursor keeps the step and the link to the step's next page. A link
that is refused (they live as long as the app likes) starts the step again, which is harmless by identity.

What changed is asked of CQL by a bound relative to now (`now("-95m")`), which no time zone can shift, with overlap.
https://developer.atlassian.com/cloud/confluence/advanced-searching-using-cql/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from connectors.errors import MissingScope, NotFound, Transient, Unsupported
from connectors.model import Cursor, Event, Gap, Page, Partition, UnitFailure
from connectors_confluence.client import Confluence
from connectors_confluence.config import ConfluenceConfig
from connectors_confluence.resources import (
    KINDS,
    RECENT,
    Content,
    event,
    from_v1,
    from_v2,
    resource,
    space_event,
    space_resource,
)
from connectors_confluence.shapes import text

OVERLAP = timedelta(minutes=10)
"""Read again before the last read's start: search lags behind writes, and clocks differ."""
FIRST_LOOK = timedelta(hours=1)
STEPS = ("page", "blogpost", "other")
PAGE = 25
LOCATIONS = ("footer", "inline")
REFUSED = (MissingScope, NotFound, Unsupported)

Found = tuple[list[Event], list[UnitFailure]]


@dataclass(frozen=True, slots=True)
class Walk:
    """Where a reading stands. `mode` is `full`, `changes`, or `idle` between readings; times are epoch ms."""

    mode: str
    started: int
    since: int = 0
    step: int = 0
    following: str = ""
    gaps: bool = False
    fresh: bool = True

    def cursor(self) -> Cursor:
        """Return the walk as a cursor; what is empty is left out."""
        return {name: getattr(self, name) for name in CURSOR_KEYS if getattr(self, name)}


CURSOR_KEYS = ("mode", "started", "since", "step", "following", "gaps")


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


def finished(walk: Walk) -> Walk:
    """Return what is left of a walk that reached its end: where the next one starts."""
    return Walk("idle", 0, since=walk.started)


class Reader:
    """Reads one partition after another; every method may be stopped between two pages."""

    def __init__(self, confluence: Confluence, config: ConfluenceConfig) -> None:
        self.confluence = confluence
        self.config = config

    def partitions(self) -> Iterator[Partition]:
        """Yield one partition per space that the filters let through."""
        for space in self.confluence.spaces():
            key = text(space.get("key"))
            if key and self.config.wants(key):
                yield Partition(key, key)

    def read(self, partition: Partition, cursor: Cursor | None) -> Iterator[Page]:
        """Yield pages of events; the last one carries the cursor for the next reading."""
        now = self.confluence.context.now()
        first = partition.since or (now - FIRST_LOOK if partition.id == RECENT else None)
        if cursor is None and first is not None:
            cursor = {"mode": "idle", "since": ms(first)}
        walk = begin(cursor, now)
        try:
            yield from self._pages(walk, partition.id)
        except REFUSED as error:
            gap = UnitFailure("space", Gap.MISSING_SCOPE, error.args[0], space_resource(partition.id))
            yield Page(failures=(gap,), listed=1, cursor=(cursor or {"mode": "new"}), done=True)

    def _pages(self, walk: Walk, key: str) -> Iterator[Page]:
        space = self.confluence.space(key) if walk.mode == "full" else {}
        events = [space_event(space, walk.started * 1000)] if walk.mode == "full" and walk.fresh else []
        failures: list[UnitFailure] = []
        while True:
            try:
                contents, walk = self._step(walk, key, space)
            except REFUSED as error:
                if walk.mode != "full" or walk.step == 0:
                    raise
                failures.append(UnitFailure(STEPS[walk.step], Gap.MISSING_SCOPE, error.args[0], space_resource(key)))
                contents, walk = [], replace(walk, following="", step=walk.step + 1)
            for content in contents:
                made, failed = self._whole(content) if walk.mode == "full" else self._one(content)
                events += made
                failures += failed
            walk = replace(walk, gaps=walk.gaps or bool(failures), fresh=False)
            done = not walk.following and (walk.mode == "changes" or walk.step >= self._steps)
            yield Page(
                tuple(events),
                tuple(failures),
                (finished(walk) if done else walk).cursor(),
                len(events) + len(failures),
                done=done,
                reconcile=done and walk.mode == "full" and not walk.gaps,
            )
            if done:
                return
            events, failures = [], []

    @property
    def _steps(self) -> int:
        return len(STEPS) if self.config.is_cloud else len(STEPS) - 1

    def _step(self, walk: Walk, key: str, space: Mapping[str, Any]) -> tuple[list[Content], Walk]:
        if walk.mode == "full" and not self.config.is_cloud:
            return self._by_number(walk, key)
        if walk.following:
            try:
                raw, following = self.confluence.page(walk.following)
            except Unsupported:
                raw, following = self._first(walk, key, space)
                if following == walk.following:
                    raise Transient("Confluence refuses its own page links") from None
        else:
            raw, following = self._first(walk, key, space)
        searched = walk.mode == "changes" or STEPS[walk.step] == "other"
        contents = [
            from_v1(r, key if walk.mode == "full" else "") if searched else from_v2(r, STEPS[walk.step], key)
            for r in raw
        ]
        step = walk.step if following or walk.mode == "changes" else walk.step + 1
        return contents, replace(walk, following=following, step=step)

    def _first(self, walk: Walk, key: str, space: Mapping[str, Any]) -> tuple[list[Mapping[str, Any]], str]:
        """Ask for the first page of a step."""
        if walk.mode == "changes":
            return self.confluence.search(self._cql(walk, key), limit=PAGE)
        kind = STEPS[walk.step]
        if kind == "other":
            return self.confluence.search(
                f'space = "{key}" and type in (whiteboard, database, embed, folder) order by created', limit=PAGE
            )
        path = f"{self.confluence.v2}/spaces/{text(space.get('id'))}/{kind}s"
        status = ["current", "archived"] if kind == "page" else ["current"]
        return self.confluence.page(path, {"limit": PAGE, "status": status, "sort": "id", "body-format": "storage"})

    def _by_number(self, walk: Walk, key: str) -> tuple[list[Content], Walk]:
        """Read on from a number. The content before it must be the one read last: else some were deleted meanwhile,
        the others moved up, and the reading steps back by one page."""
        place, _, last = walk.following.partition(":")
        at = int(place) if place.isdigit() else 0
        raw, more = self.confluence.contents(key, STEPS[walk.step], start=at - 1 if last else at, limit=PAGE)
        if last:
            if not raw or text(raw[0].get("id")) != last:
                return [], replace(walk, following=f"{max(0, at - PAGE)}:")
            raw = raw[1:]
        if not (more and raw):
            return [from_v1(r, key) for r in raw], replace(walk, following="", step=walk.step + 1)
        following = f"{at + len(raw)}:{text(raw[-1].get('id'))}"
        return [from_v1(r, key) for r in raw], replace(walk, following=following)

    def _cql(self, walk: Walk, key: str) -> str:
        back = walk.since - OVERLAP // timedelta(milliseconds=1)
        minutes = max(1, (ms(self.confluence.context.now()) - back) // 60_000 + 1)
        terms = [f'space = "{key}"'] if key != RECENT else []
        kinds = "page, blogpost, comment, attachment" + (
            ", whiteboard, database, embed, folder" if self.config.is_cloud else ""
        )
        terms += [f"type in ({kinds})", f'lastmodified >= now("-{minutes}m")']
        return " and ".join(terms) + " order by created"

    def _one(self, content: Content) -> Found:
        """Return the event of a content that search found."""
        if content.kind not in KINDS:
            gap = UnitFailure(
                content.kind or "content", Gap.NOT_IN_API, "a kind that is not known", space_resource(content.space)
            )
            return [], [gap]
        named = resource(content, self.config.site)
        if not self.config.wants(content.space):
            return [], [UnitFailure(content.kind, Gap.EXCLUDED, "the space is left out", named)]
        return [event(content, self.config.site)], []

    def _whole(self, content: Content) -> Found:
        """Return the events of a page or blog post with its comments and attachments."""
        events, failures = self._one(content)
        if content.kind not in {"page", "blogpost"}:
            return events, failures
        for part, listing in (("comments", self._comments), ("attachments", self._attachments)):
            try:
                events += [event(found, self.config.site) for found in listing(content)]
            except REFUSED as error:
                failures.append(
                    UnitFailure(part, Gap.MISSING_SCOPE, error.args[0], resource(content, self.config.site))
                )
        return events, failures

    def _comments(self, content: Content) -> Iterator[Content]:
        """Yield every comment of a page: footer and inline, open and resolved, with replies."""
        if not self.config.is_cloud:
            path = f"{self.confluence.v1}/content/{content.id}/child/comment"
            params = {
                "depth": "all",
                "limit": 100,
                "location": ["footer", "inline", "resolved"],
                "expand": "body.storage,version,extensions",
            }
            for raw in self.confluence.pages(path, params):
                yield replace(from_v1(raw, content.space), parent=f"{content.kind}:{content.id}")
            return
        params = {"limit": 250, "body-format": "storage"}
        for location in LOCATIONS:
            path = f"{self.confluence.v2_path(content.kind, content.id)}/{location}-comments"
            for raw in self.confluence.pages(path, params):
                yield from self._thread(raw, content, location)

    def _thread(self, root: Mapping[str, Any], content: Content, location: str) -> Iterator[Content]:
        """Yield a comment and all replies below it; each level is a listing of its own."""
        waiting = [root]
        while waiting:
            raw = waiting.pop()
            comment = from_v2(raw, "comment", content.space, location)
            yield replace(comment, parent=f"{content.kind}:{content.id}")
            path = f"{self.confluence.v2_path(f'{location}-comment', comment.id)}/children"
            waiting += list(self.confluence.pages(path, {"limit": 250, "body-format": "storage"}))

    def _attachments(self, content: Content) -> Iterator[Content]:
        parent = f"{content.kind}:{content.id}"
        if self.config.is_cloud:
            path = f"{self.confluence.v2_path(content.kind, content.id)}/attachments"
            for raw in self.confluence.pages(path, {"limit": 250}):
                yield replace(from_v2(raw, "attachment", content.space), parent=parent)
            return
        path = f"{self.confluence.v1}/content/{content.id}/child/attachment"
        for raw in self.confluence.pages(path, {"limit": 100, "expand": "version,extensions,metadata"}):
            yield replace(from_v1(raw, content.space), parent=parent)
