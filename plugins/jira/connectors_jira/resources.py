"""How Jira's things are named: pure functions from payloads to resources and events.

Ids are built from Jira's numeric ids, which survive renames and moves, and are the same from every door:
`issue:<id>`, `comment:<issue id>:<id>`, `attachment:<id>`, below `project:<id>`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.model import Container, Event, EventKind, PersonRef, Resource
from connectors_jira.shapes import mapping, micros, moment, objects, text

RECENT = "recent"
"""The partition of what changed lately in any project, for deliveries that do not name a project."""


@dataclass(frozen=True, slots=True)
class Issue:
    """What a payload says about an issue: enough to name it and everything that hangs on it."""

    id: str
    key: str
    container: Container
    site: str

    @classmethod
    def of(cls, payload: Mapping[str, Any], site: str) -> Issue:
        """Read an issue of the API or of a webhook; missing facts are empty."""
        project = mapping(mapping(payload.get("fields")).get("project"))
        return cls(text(payload.get("id")), text(payload.get("key")), container(project), site)

    @property
    def url(self) -> str:
        """Return the address people open."""
        return f"{self.site}/browse/{self.key}" if self.key else ""

    @property
    def label(self) -> str:
        """Return the name shown in alerts."""
        return f"issue {self.key or self.id}"


def container(project: Mapping[str, Any]) -> Container:
    """Return the container of a project."""
    return Container(text(project.get("id")), text(project.get("key")))


def person_ref(user: Any) -> PersonRef | None:
    """Return the reference to a user: by account id on Cloud, by key on Data Center."""
    found = mapping(user)
    ref = text(found.get("accountId")) or text(found.get("key")) or text(found.get("name"))
    return PersonRef(ref, text(found.get("displayName")), text(found.get("emailAddress"))) if ref else None


def project_resource(place: Container) -> Resource:
    """Return the project as a resource: the parent of its issues, and where gaps of a whole project stand."""
    return Resource(f"project:{place.id}", "project", place, f"project {place.name or place.id}")


def issue_resource(issue: Issue, fields: Mapping[str, Any]) -> Resource:
    """Return the resource of an issue; its author is the reporter, else the creator."""
    author = person_ref(fields.get("reporter")) or person_ref(fields.get("creator"))
    parent = f"project:{issue.container.id}" if issue.container.id else ""
    return Resource(
        f"issue:{issue.id}",
        "issue",
        issue.container,
        issue.label,
        issue.url,
        author,
        parent=parent,
    )


def issue_event(payload: Mapping[str, Any], site: str, *, fetch: bool) -> Event:
    """Return the event of an issue. `fetch` leaves the content out: `units` will read the issue as it is then."""
    issue, fields = Issue.of(payload, site), mapping(payload.get("fields"))
    kept = {name: value for name, value in fields.items() if name not in {"comment", "attachment"}}
    return Event(
        EventKind.CHANGED,
        issue_resource(issue, fields),
        micros(fields.get("updated")),
        {"id": issue.id} if fetch else {"id": issue.id, "fields": kept},
        moment(fields.get("updated")),
    )


def comment_event(comment: Mapping[str, Any], issue: Issue) -> Event:
    """Return the event of a comment, with its body."""
    changed = comment.get("updated") or comment.get("created")
    resource = Resource(
        f"comment:{issue.id}:{text(comment.get('id'))}",
        "comment",
        issue.container,
        f"comment on {issue.label}",
        f"{issue.url}?focusedCommentId={text(comment.get('id'))}" if issue.url else "",
        person_ref(comment.get("author")),
        parent=f"issue:{issue.id}",
    )
    return Event(EventKind.CHANGED, resource, micros(changed), {"body": comment.get("body")}, moment(changed))


def attachment_event(attachment: Mapping[str, Any], issue: Issue) -> Event:
    """Return the event of an attachment; its content is fetched late."""
    facts = {key: attachment.get(key) for key in ("id", "filename", "mimeType", "size")}
    made = attachment.get("created")
    resource = Resource(
        f"attachment:{text(attachment.get('id'))}",
        "attachment",
        issue.container,
        f"attachment of {issue.label}",
        issue.url,
        person_ref(attachment.get("author")),
        parent=f"issue:{issue.id}",
    )
    return Event(EventKind.CHANGED, resource, micros(made), facts, moment(made))


def attachment_events(payload: Mapping[str, Any], site: str) -> Iterator[Event]:
    """Yield the events of the attachments that an issue carries."""
    issue = Issue.of(payload, site)
    for attachment in objects(mapping(payload.get("fields")).get("attachment")):
        yield attachment_event(attachment, issue)


def deleted(resource_id: str, kind: str, place: Container, version: int) -> Event:
    """Return the event of something that is gone."""
    label = f"{kind} {resource_id.partition(':')[2]}"
    return Event(EventKind.DELETED, Resource(resource_id, kind, place, label), version)
