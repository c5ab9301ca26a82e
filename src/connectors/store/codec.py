"""Events as JSON values: what rests, encrypted, between the gateway and a worker."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from connectors.model import Container, Event, EventKind, Partition, PersonRef, Resource, Visibility


def encode_event(event: Event) -> dict[str, Any]:
    """Return an event as a JSON-able value; what is at its default is left out."""
    encoded = _without_defaults(
        kind=event.kind.value,
        resource=encode_resource(event.resource),
        version=event.version,
        occurred_at=event.occurred_at.isoformat() if event.occurred_at else None,
        partial=not event.complete,
        partition=_without_defaults(
            id=event.partition.id, label=event.partition.label, estimate=event.partition.estimate
        )
        if event.partition
        else None,
        cursor=dict(event.cursor) if event.cursor is not None else None,
    )
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
    container, author = resource.container, resource.author
    return _without_defaults(
        id=resource.id,
        kind=resource.kind,
        container=_without_defaults(id=container.id, name=container.name, visibility=container.visibility.value),
        label=resource.label,
        url=resource.url,
        author=_without_defaults(id=author.id, name=author.name, email=author.email) if author else None,
        visibility=resource.visibility.value,
        parent=resource.parent,
    )


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
