"""Events as JSON values: what rests, encrypted, between the gateway and a worker."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from connectors.model import Container, Event, EventKind, Partition, PersonRef, Resource, Visibility


def encode_event(event: Event) -> dict[str, Any]:
    """Return an event as a JSON-able value; what is at its default is left out."""
    encoded: dict[str, Any] = {"kind": str(event.kind), "resource": encode_resource(event.resource)}
    if event.version:
        encoded["version"] = event.version
    if event.occurred_at is not None:
        encoded["occurred_at"] = event.occurred_at.isoformat()
    if not event.complete:
        encoded["partial"] = True
    if event.partition is not None:
        place = event.partition
        encoded["partition"] = _without_defaults(id=place.id, label=place.label, estimate=place.estimate)
    if event.cursor:
        encoded["cursor"] = dict(event.cursor)
    if event.payload is not None:
        encoded["payload"] = event.payload
    return encoded


def decode_event(value: dict[str, Any]) -> Event:
    """Return the event that `encode_event` was given."""
    partition = value.get("partition")
    occurred = value.get("occurred_at")
    return Event(
        kind=EventKind(value["kind"]),
        resource=decode_resource(value["resource"]),
        version=value.get("version", 0),
        payload=value.get("payload"),
        occurred_at=datetime.fromisoformat(occurred) if occurred else None,
        complete=not value.get("partial", False),
        partition=Partition(partition["id"], partition.get("label", ""), partition.get("estimate"))
        if partition
        else None,
        cursor=value.get("cursor"),
    )


def encode_resource(resource: Resource) -> dict[str, Any]:
    """Return a resource as a JSON-able value."""
    encoded: dict[str, Any] = {"id": resource.id, "kind": resource.kind}
    container, author = resource.container, resource.author
    place = _without_defaults(id=container.id, name=container.name, visibility=str(container.visibility))
    if place:
        encoded["container"] = place
    if resource.label:
        encoded["label"] = resource.label
    if resource.url:
        encoded["url"] = resource.url
    if author is not None:
        encoded["author"] = _without_defaults(id=author.id, name=author.name, email=author.email)
    if resource.visibility is not Visibility.UNKNOWN:
        encoded["visibility"] = str(resource.visibility)
    if resource.parent:
        encoded["parent"] = resource.parent
    return encoded


def decode_resource(value: dict[str, Any]) -> Resource:
    """Return the resource that `encode_resource` was given."""
    container = value.get("container", {})
    author = value.get("author")
    return Resource(
        id=value["id"],
        kind=value["kind"],
        container=Container(
            container.get("id", ""),
            container.get("name", ""),
            Visibility(container.get("visibility", "unknown")),
        ),
        label=value.get("label", ""),
        url=value.get("url", ""),
        author=PersonRef(author.get("id", ""), author.get("name", ""), author.get("email", "")) if author else None,
        visibility=Visibility(value.get("visibility", "unknown")),
        parent=value.get("parent", ""),
    )


def _without_defaults(**values: Any) -> dict[str, Any]:
    # Every default is falsy but one.
    return {name: value for name, value in values.items() if value and value != "unknown"}
