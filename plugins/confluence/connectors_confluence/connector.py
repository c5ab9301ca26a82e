"""The contract with the host, thin: each power hands over to its module."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Any, ClassVar

from connectors import Budget, Connector, Context
from connectors.errors import MissingScope, NotFound, Unsupported
from connectors.model import (
    ActionSpec,
    Blob,
    Check,
    Cursor,
    Delivery,
    Event,
    Gap,
    Outcome,
    Page,
    Partition,
    Person,
    PersonRef,
    Receipt,
    Resource,
    ScanUnit,
    Target,
    UnitFailure,
)
from connectors_confluence import events
from connectors_confluence.actions import ACTIONS, act
from connectors_confluence.client import Confluence
from connectors_confluence.config import ConfluenceConfig
from connectors_confluence.health import check
from connectors_confluence.not_read import not_read
from connectors_confluence.resources import READ_ALONE, TITLE_ONLY, Content, from_v1, from_v2
from connectors_confluence.resources import event as content_event
from connectors_confluence.shapes import mapping, text
from connectors_confluence.storage import flatten
from connectors_confluence.sync import Reader


class ConfluenceConnector(Connector[ConfluenceConfig]):
    """Confluence Cloud and Data Center: pages, blog posts, comments and attachments."""

    name = "confluence"
    title = "Confluence"
    Config = ConfluenceConfig
    # 65,000 points an hour for apps, 1 and 1 more per object of an answer
    # (https://developer.atlassian.com/cloud/confluence/rate-limiting/). A search of 25 contents costs 26.
    budgets: ClassVar[Mapping[str, Budget]] = {
        "default": Budget(units=10, seconds=1, burst=30),
        "search": Budget(units=1800, seconds=3600, burst=20),
        "write": Budget(units=10, seconds=1, burst=10),
        "download": Budget(units=10, seconds=1, burst=20),
        "auth": Budget(units=10, seconds=60, burst=5),
    }
    actions: ClassVar[tuple[ActionSpec, ...]] = ACTIONS

    def __init__(self, config: ConfluenceConfig, context: Context) -> None:
        super().__init__(config, context)
        self.confluence = Confluence(config, context)

    def check(self) -> Iterator[Check]:
        """Say what works: credentials, spaces, webhooks, end of the token, rate headroom."""
        yield from check(self.confluence, self.config, self.context.now())

    def receive(self, delivery: Delivery, now: datetime) -> Receipt:
        """Verify and parse one delivery."""
        return events.receive(delivery, self.config, now)

    def partitions(self) -> Iterator[Partition]:
        """List the spaces."""
        return Reader(self.confluence, self.config).partitions()

    def read(self, partition: Partition, cursor: Cursor | None) -> Iterator[Page]:
        """Read a space, or what changed in it since the last reading."""
        return Reader(self.confluence, self.config).read(partition, cursor)

    def act(self, action: str, target: Target, *, dry_run: bool) -> Outcome:
        """Write a redacted version, remove old versions, or delete an attachment."""
        return act(self.confluence, action, target, dry_run=dry_run)

    def reread(self, resource: Resource) -> Event:
        """Return a page, blog post, comment or attachment as it is now."""
        if resource.kind not in READ_ALONE:
            raise Unsupported(f"a {resource.kind} is not read alone")
        return content_event(self._now(resource), self.config.site)

    def person(self, ref: PersonRef) -> Person:
        """Return a user; Data Center shows no e-mail address, Cloud only where privacy settings allow it."""
        user = self.confluence.user(ref.id)
        outside = user.get("isExternalCollaborator") is True
        return Person(ref.id, text(user.get("displayName")) or ref.name, text(user.get("email")) or ref.email, outside)

    def not_read(self) -> Iterator[UnitFailure]:
        """Name the kinds of places that are left out."""
        yield from not_read(self.config)

    def units(self, event: Event) -> Iterator[ScanUnit | UnitFailure]:
        """Turn a content into what is scanned."""
        kind, payload = event.resource.kind, mapping(event.payload)
        if kind == "attachment":
            yield from self._attachment(event, payload if "container" in payload else self._fetched(event))
            return
        if kind in TITLE_ONLY:
            yield from _titled(text(payload.get("title")))
            yield UnitFailure("content", Gap.NOT_IN_API, f"the API shows the title of a {kind} only")
            return
        if payload.get("body") is None:
            payload = self._fetched(event)
        yield from _titled(text(payload.get("title")) if kind != "comment" else "")
        body = text(payload.get("body"))
        found = body if kind == "space" else flatten(body).text
        if found.strip():
            yield ScanUnit("body", found)
        if self.config.history and kind in {"page", "blogpost"}:
            yield from self._history(event)

    def _now(self, resource: Resource) -> Content:
        """Read a content as it is now. Raises `NotFound` for what is in the trash."""
        kind, _, ident = resource.id.partition(":")
        raw, space = self.confluence.content(kind, ident), resource.container.id
        content = from_v2(raw, kind, space) if self.config.is_cloud else from_v1(raw, space)
        if content.status not in {"current", "archived"}:
            raise NotFound("it is in the trash")
        return content

    def _fetched(self, event: Event) -> Mapping[str, Any]:
        content = self._now(event.resource)
        return {
            "title": content.title,
            "body": content.body or "",
            "comment": content.comment,
            "media_type": content.media_type,
            "size": content.size,
            "container": content.parent.partition(":")[2],
        }

    def _history(self, event: Event) -> Iterator[ScanUnit | UnitFailure]:
        """Yield old versions, named by their time: their numbers change when one is deleted."""
        kind, _, ident = event.resource.id.partition(":")
        try:
            versions = list(self.confluence.versions(kind, ident))
        except (MissingScope, NotFound, Unsupported) as error:
            # No part is named: findings in all old versions, whatever their times, must stay as they are.
            yield UnitFailure("", Gap.MISSING_SCOPE, f"history: {error.args[0]}")
            return
        for _, when, title, body in versions:
            found = "\n".join(part for part in (title, flatten(body).text) if part.strip())
            if found:
                yield ScanUnit(f"version:{when}", found, label="old version")

    def _attachment(self, event: Event, payload: Mapping[str, Any]) -> Iterator[ScanUnit]:
        ident, name = event.resource.id.partition(":")[2], text(payload.get("title"))
        size, container = payload.get("size"), text(payload.get("container"))
        yield ScanUnit("name", name, label="file name")
        if text(payload.get("comment")):
            yield ScanUnit("comment", text(payload["comment"]), label="version comment")
        opened = partial(self.confluence.download, container, ident, name)
        blob = Blob(name, text(payload.get("media_type")), size if isinstance(size, int) else None, opened)
        yield ScanUnit("content", blob=blob, label="content")


def _titled(title: str) -> Iterator[ScanUnit]:
    if title:
        yield ScanUnit("title", title)
