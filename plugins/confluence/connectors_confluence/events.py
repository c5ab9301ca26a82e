"""Deliveries, pure: webhooks of Data Center, and events that a relay app forwards from Cloud, signed the same way.

https://confluence.atlassian.com/doc/managing-webhooks-1021225606.html
https://developer.atlassian.com/platform/forge/events-reference/confluence/
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from connectors.errors import Malformed, Unverified
from connectors.model import Container, Delivery, Event, EventKind, Partition, Receipt, Resource
from connectors_confluence.config import ConfluenceConfig
from connectors_confluence.resources import RECENT, Content, content_id, deleted, resource, space_resource
from connectors_confluence.shapes import mapping, micros, objects, text

HOLDERS: Mapping[str, str] = {"page": "page", "blog": "blogpost", "blogpost": "blogpost", "comment": "comment"}
"""Where a webhook's body holds the content that it is about, and what kind that is."""
GONE = frozenset({"trashed", "removed", "deleted", "purged"})
CHANGED = frozenset(
    {
        "created", "updated", "restored", "moved", "copied", "archived", "unarchived", "initialized", "started",
        "snapshotted", "published",
    }
)  # fmt: skip


def receive(delivery: Delivery, config: ConfluenceConfig, now: datetime) -> Receipt:
    """Verify and parse one delivery. Raises `Unverified` and `Malformed`, nothing else."""
    verify(delivery, config)
    body = parse(delivery.body)
    ident = delivery.headers.get("x-atlassian-webhook-identifier", "") or hashlib.sha256(delivery.body).hexdigest()
    if text(body.get("eventType")):
        found = _relayed(body, config, now)
    elif text(body.get("event")):
        found = _posted(body, config, now)
    elif body.get("test") is True:
        return Receipt(delivery_id=ident)
    else:
        raise Malformed("the body names no event")
    return Receipt(tuple(e for e in found if config.wants(e.resource.container.name)), delivery_id=ident)


def verify(delivery: Delivery, config: ConfluenceConfig) -> None:
    """Check the HMAC of the body (`X-Hub-Signature: sha256=<hex>`)."""
    if config.webhook_secret is None:
        raise Unverified("no webhook_secret is set")
    method, _, given = delivery.headers.get("x-hub-signature", "").partition("=")
    wanted = hmac.new(config.webhook_secret.get_secret_value().encode(), delivery.body, hashlib.sha256).hexdigest()
    if method.lower() != "sha256" or not hmac.compare_digest(given.strip().lower().encode(), wanted.encode()):
        raise Unverified("the signature is absent or does not match")


def parse(body: bytes) -> Mapping[str, Any]:
    """Return the JSON object of a verified body."""
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        raise Malformed("the body is not JSON") from None
    if not isinstance(parsed, Mapping):
        raise Malformed("the body is not a JSON object")
    return parsed


def _posted(body: Mapping[str, Any], config: ConfluenceConfig, now: datetime) -> Iterator[Event]:
    """Turn a webhook of Data Center into events. By default it names ids only, without the space."""
    subject, _, verb = text(body.get("event")).rpartition("_")
    at = micros(body.get("timestamp")) or micros(now.isoformat())
    if subject == "space" and verb in GONE:
        key = text(mapping(body.get("space")).get("key")) or text(body.get("spaceKey"))
        if key:
            yield Event(EventKind.DELETED, space_resource(key), at)
    elif subject == "attachment":
        yield from _attachments(body, verb, at)
    elif subject in HOLDERS and verb in GONE | CHANGED:
        node = (
            mapping(body.get("blog") or body.get("blogpost"))
            if subject.startswith("blog")
            else mapping(body.get(subject))
        )
        ident = content_id(node.get("id"))
        if not ident:
            raise Malformed(f"the body names no {subject}")
        yield _event(HOLDERS[subject], ident, node, verb, at, config)


def _event(kind: str, ident: str, node: Mapping[str, Any], verb: str, at: int, config: ConfluenceConfig) -> Event:
    space, changed = text(node.get("spaceKey")), micros(node.get("modificationDate"))
    if verb in GONE:
        return deleted(kind, ident, space, at)
    if verb == "restored":
        # Newer than its deletion, which a reading would not be: restoring makes no version.
        return Event(EventKind.CHANGED, resource(Content(kind, ident, space), config.site), at, {})
    if not space or not changed or kind in {"comment", "attachment"}:
        return hint(at)
    return Event(EventKind.CHANGED, resource(Content(kind, ident, space), config.site), changed, {})


def _attachments(body: Mapping[str, Any], verb: str, at: int) -> Iterator[Event]:
    files = objects(body.get("attachments"))
    if not files:
        raise Malformed("the body names no attachments")
    space = text(mapping(body.get("attachedTo")).get("spaceKey"))
    if verb in GONE:
        yield from (deleted("attachment", content_id(f.get("id")), space, at) for f in files if content_id(f.get("id")))
    else:
        yield hint(at)


def _relayed(body: Mapping[str, Any], config: ConfluenceConfig, now: datetime) -> Iterator[Event]:
    """Turn an event of the Forge platform into events: `avi:confluence:<verb>:<kind>`."""
    *_, verb, kind = ("", "", *text(body.get("eventType")).split(":"))
    at = micros(body.get("timestamp")) or micros(now.isoformat())
    if kind not in {"page", "blogpost", "comment", "attachment"} or verb not in GONE | CHANGED:
        return
    node = mapping(body.get("content")) or mapping(body.get(kind))
    ident, space = content_id(node.get("id")), text(mapping(node.get("space")).get("key"))
    if not ident:
        raise Malformed(f"the body names no {kind}")
    facts = {"spaceKey": space, "modificationDate": mapping(node.get("version")).get("when")}
    yield _event(kind, ident, facts, verb, at, config)


def hint(at: int) -> Event:
    """Ask for a read of what changed lately."""
    cursor = {"mode": "idle", "since": at // 1000}
    named = Resource(RECENT, "hint", Container(""), "recent changes")
    return Event(EventKind.SYNC, named, at, partition=Partition(RECENT, "recent changes"), cursor=cursor)
