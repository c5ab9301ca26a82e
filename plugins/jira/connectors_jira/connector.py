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
    Subscription,
    Target,
    UnitFailure,
)
from connectors_jira import events
from connectors_jira.actions import ACTIONS, act
from connectors_jira.client import Jira
from connectors_jira.config import JiraConfig
from connectors_jira.health import check
from connectors_jira.not_read import not_read
from connectors_jira.rereading import reread
from connectors_jira.shapes import mapping, objects, text
from connectors_jira.subscribing import subscribe, unsubscribe
from connectors_jira.sync import Reader
from connectors_jira.units import field_units, history_unit, remote_link_unit, value_text, worklog_unit


class JiraConnector(Connector[JiraConfig]):
    """Jira Cloud and Data Center: issues with all their texts, comments, worklogs and attachments."""

    name = "jira"
    title = "Jira"
    Config = JiraConfig
    # Cloud allows 100 reads and 50 writes a second for one endpoint, and 65,000 points an hour to apps
    # (https://developer.atlassian.com/cloud/jira/platform/rate-limiting/). A page of 50 issues costs 51 points.
    budgets: ClassVar[Mapping[str, Budget]] = {
        "default": Budget(units=20, seconds=1, burst=50),
        "search": Budget(units=1200, seconds=3600, burst=20),
        "write": Budget(units=20, seconds=2, burst=10),
        "download": Budget(units=10, seconds=1, burst=20),
        "auth": Budget(units=10, seconds=60, burst=5),
    }
    actions: ClassVar[tuple[ActionSpec, ...]] = ACTIONS

    def __init__(self, config: JiraConfig, context: Context) -> None:
        super().__init__(config, context)
        self.jira = Jira(config, context)

    def check(self) -> Iterator[Check]:
        """Say what works: credentials, permissions, projects, webhook secret, end of the token, rate headroom."""
        yield from check(self.jira, self.config, self.context.now())

    def receive(self, delivery: Delivery, now: datetime) -> Receipt:
        """Verify and parse one delivery."""
        return events.receive(delivery, self.config, now)

    def partitions(self) -> Iterator[Partition]:
        """List the projects."""
        return Reader(self.jira, self.config).partitions()

    def read(self, partition: Partition, cursor: Cursor | None) -> Iterator[Page]:
        """Read a project, or what changed in it since the last reading."""
        return Reader(self.jira, self.config).read(partition, cursor)

    def subscribe(self, callback: str, current: Subscription | None) -> Subscription:
        """Register or refresh the dynamic webhooks of an OAuth app."""
        return subscribe(self.jira, self.config, callback, current)

    def unsubscribe(self, current: Subscription) -> None:
        """Delete the dynamic webhooks; one that an admin made is the admin's to delete."""
        unsubscribe(self.jira, current)

    def act(self, action: str, target: Target, *, dry_run: bool) -> Outcome:
        """Redact a field, comment or worklog, or delete an attachment."""
        return act(self.jira, action, target, dry_run=dry_run)

    def reread(self, resource: Resource) -> Event:
        """Return an issue, comment or attachment as it is now."""
        return reread(self.jira, self.config, resource)

    def person(self, ref: PersonRef) -> Person:
        """Return a user; the e-mail address is there only when the user's privacy settings show it."""
        user = self.jira.user(ref.id)
        outside = text(user.get("accountType")) == "customer"
        return Person(ref.id, text(user.get("displayName")) or ref.name, text(user.get("emailAddress")), outside)

    def not_read(self) -> Iterator[UnitFailure]:
        """Name the kinds of places that are left out."""
        yield from not_read(self.config)

    def units(self, event: Event) -> Iterator[ScanUnit | UnitFailure]:
        """Turn an issue, a comment or an attachment into what is scanned."""
        payload = mapping(event.payload)
        if event.resource.kind == "comment":
            yield from self._comment(event, payload)
        elif event.resource.kind == "attachment":
            yield from self._attachment(payload)
        elif event.resource.kind == "issue":
            yield from self._issue(text(payload.get("id")), payload.get("fields"))

    def _issue(self, issue_id: str, kept: Any) -> Iterator[ScanUnit | UnitFailure]:
        fields = mapping(kept if isinstance(kept, Mapping) else self.jira.issue(issue_id).get("fields"))
        yield from field_units(fields)
        yield from self._guarded("worklogs", lambda: [worklog_unit(w) for w in self._worklogs(issue_id, fields)])
        if self.config.changelog:
            yield from self._guarded("changelog", lambda: [history_unit(e) for e in self.jira.changelog(issue_id)])
        if self.config.remote_links:
            links = partial(self.jira.remote_links, issue_id)
            yield from self._guarded("remotelinks", lambda: [remote_link_unit(link) for link in links()])

    def _worklogs(self, issue_id: str, fields: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """Return all worklogs; an issue embeds the first 20 and says how many there are."""
        embedded = mapping(fields.get("worklog"))
        found, total = objects(embedded.get("worklogs")), embedded.get("total")
        if isinstance(total, int) and total <= len(found):
            return found
        return list(self.jira.worklogs(issue_id))

    def _guarded(self, part: str, make: Any) -> Iterator[ScanUnit | UnitFailure]:
        """Yield units with text; a part that the account may not read is a gap, not the end of the issue."""
        try:
            made: list[ScanUnit] = make()
        except (MissingScope, NotFound, Unsupported) as error:
            # No part is named: findings in all of these parts, whatever their ids, must stay as they are.
            yield UnitFailure("", Gap.MISSING_SCOPE, f"{part}: {error.args[0]}")
            return
        yield from (unit for unit in made if unit.text)

    def _comment(self, event: Event, payload: Mapping[str, Any]) -> Iterator[ScanUnit]:
        body = payload.get("body")
        if body is None:
            _, issue_id, comment_id = event.resource.id.split(":")
            body = self.jira.comment(issue_id, comment_id).get("body")
        found = value_text(body)
        if found:
            yield ScanUnit("body", found)

    def _attachment(self, payload: Mapping[str, Any]) -> Iterator[ScanUnit]:
        attachment_id, name, size = text(payload.get("id")), text(payload.get("filename")), payload.get("size")
        blob = Blob(
            name,
            text(payload.get("mimeType")),
            size if isinstance(size, int) else None,
            partial(self.jira.attachment, attachment_id, name),
        )
        yield ScanUnit("name", name, label="file name")
        yield ScanUnit("content", blob=blob, label="content")
