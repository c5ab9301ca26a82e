"""How Confluence's things are named: pure functions from the shapes of both APIs to resources and events.

Ids are Confluence's own content ids, the same from every door: `page:<id>`, `blogpost:<id>`, `comment:<id>`,
`attachment:<id>`, below `space:<key>`. A resource's version is the time of its last version in microseconds, not the
version's number: numbers fall when old versions are deleted, and trash has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connectors.model import Container, Event, EventKind, PersonRef, Resource
from connectors_confluence.shapes import mapping, micros, moment, text

RECENT = "recent"
"""The partition of what changed lately in any space, for deliveries that do not name a space."""
KINDS = frozenset({"page", "blogpost", "comment", "attachment", "whiteboard", "database", "embed", "folder"})
READ_ALONE = frozenset({"page", "blogpost", "comment", "attachment"})
TITLE_ONLY = frozenset({"whiteboard", "database", "embed", "folder"})
"""Kinds of which the API shows the title and not the content."""


@dataclass(frozen=True, slots=True)
class Content:
    """One content as either API shows it. `body` is None when the answer did not carry it."""

    kind: str
    id: str
    space: str
    title: str = ""
    version: int = 0
    number: int = 0
    changed: str = ""
    author: PersonRef | None = None
    body: str | None = None
    parent: str = ""
    location: str = ""
    media_type: str = ""
    size: int | None = None
    comment: str = ""
    status: str = "current"


def content_id(value: Any) -> str:
    """Return an id without the `att` that the APIs put before attachments' numbers."""
    return text(value).removeprefix("att")


def from_v1(raw: Mapping[str, Any], space: str = "") -> Content:
    """Read a content of the v1 API (Data Center, and CQL on Cloud)."""
    version, extensions = mapping(raw.get("version")), mapping(raw.get("extensions"))
    container, body = mapping(raw.get("container")), mapping(mapping(raw.get("body")).get("storage"))
    author, size = mapping(version.get("by")), extensions.get("fileSize")
    kind = text(raw.get("type"))
    return Content(
        kind,
        content_id(raw.get("id")),
        text(mapping(raw.get("space")).get("key")) or text(mapping(container.get("space")).get("key")) or space,
        text(raw.get("title")),
        micros(version.get("when")),
        _number(version.get("number")),
        text(version.get("when")),
        _person(author),
        text(body.get("value")) if "value" in body else None,
        _parent(text(container.get("type")), content_id(container.get("id"))),
        text(extensions.get("location")),
        text(extensions.get("mediaType")) or text(mapping(raw.get("metadata")).get("mediaType")),
        size if isinstance(size, int) else None,
        text(extensions.get("comment")) or text(mapping(raw.get("metadata")).get("comment")),
        text(raw.get("status")) or "current",
    )


def from_v2(raw: Mapping[str, Any], kind: str, space: str, location: str = "") -> Content:
    """Read a content of the v2 API (Cloud); it names a space by its id only, so the key is handed in."""
    version, body = mapping(raw.get("version")), mapping(mapping(raw.get("body")).get("storage"))
    author, size = text(version.get("authorId")), raw.get("fileSize")
    parent = _parent("page", content_id(raw.get("pageId"))) or _parent("blogpost", content_id(raw.get("blogPostId")))
    return Content(
        kind,
        content_id(raw.get("id")),
        space,
        text(raw.get("title")),
        micros(version.get("createdAt")),
        _number(version.get("number")),
        text(version.get("createdAt")),
        PersonRef(author) if author else None,
        text(body.get("value")) if "value" in body else None,
        parent or _parent("attachment", content_id(raw.get("attachmentId"))),
        location,
        text(raw.get("mediaType")),
        size if isinstance(size, int) else None,
        text(raw.get("comment")),
        text(raw.get("status")) or "current",
    )


def resource(content: Content, site: str) -> Resource:
    """Return the resource of a content. Neither label nor address holds its title."""
    space = Container(content.space, content.space)
    _, _, parent_id = content.parent.partition(":")
    page = parent_id if content.kind in {"comment", "attachment"} else content.id
    paths = {
        "comment": f"/pages/viewpage.action?pageId={page}&focusedCommentId={content.id}",
        "attachment": f"/pages/viewpageattachments.action?pageId={page}",
    }
    place = f" in {content.space}" if content.space else ""
    return Resource(
        f"{content.kind}:{content.id}",
        content.kind,
        space,
        f"{content.kind} {content.id}{place}",
        site + paths.get(content.kind, f"/pages/viewpage.action?pageId={page}") if page else "",
        content.author,
        parent=content.parent or (f"space:{content.space}" if content.space else ""),
    )


def event(content: Content, site: str) -> Event:
    """Return the event of a content with what `units` needs; content that did not come is fetched then."""
    payload: dict[str, Any] = {"title": content.title, "body": content.body}
    if content.kind == "attachment":
        payload = {"title": content.title, "comment": content.comment, "media_type": content.media_type}
        payload |= {"size": content.size, "container": content.parent.partition(":")[2]}
    return Event(EventKind.CHANGED, resource(content, site), content.version, payload, moment(content.changed))


def space_resource(key: str) -> Resource:
    """Return the space as a resource: parent of its pages, and where gaps of a whole space stand."""
    return Resource(f"space:{key}", "space", Container(key, key), f"space {key}")


def space_event(space: Mapping[str, Any], version: int) -> Event:
    """Return the event of a space's name and description. A space has no version: the reading's time is it."""
    description = text(mapping(mapping(space.get("description")).get("plain")).get("value"))
    payload = {"title": text(space.get("name")), "body": description}
    return Event(EventKind.CHANGED, space_resource(text(space.get("key"))), version, payload)


def deleted(kind: str, ident: str, space: str, version: int) -> Event:
    """Return the event of something that is gone or in the trash."""
    gone = Resource(f"{kind}:{ident}", kind, Container(space, space), f"{kind} {ident}")
    return Event(EventKind.DELETED, gone, version)


def _parent(kind: str, ident: str) -> str:
    return f"{kind}:{ident}" if kind in {"page", "blogpost", "attachment"} and ident else ""


def _person(user: Mapping[str, Any]) -> PersonRef | None:
    ref = text(user.get("accountId")) or text(user.get("userKey"))
    return PersonRef(ref, text(user.get("displayName")), text(user.get("email"))) if ref else None


def _number(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
