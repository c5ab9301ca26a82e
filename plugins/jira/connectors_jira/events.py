"""Webhooks, pure: raw bytes and headers to verified events.

https://developer.atlassian.com/cloud/jira/platform/webhooks/
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

import jwt

from connectors.errors import Malformed, Unverified
from connectors.model import Container, Delivery, Event, EventKind, Partition, Receipt, Resource
from connectors_jira.config import JiraConfig
from connectors_jira.resources import (
    RECENT,
    Issue,
    attachment_event,
    attachment_events,
    comment_event,
    container,
    deleted,
    issue_event,
    issue_resource,
    project_resource,
)
from connectors_jira.shapes import mapping, micros, objects, text

LEEWAY = 60
"""Seconds by which clocks may differ when a token's times are judged."""

Parser = Callable[[Mapping[str, Any], JiraConfig], Iterator[Event]]


def receive(delivery: Delivery, config: JiraConfig, now: datetime) -> Receipt:
    """Verify and parse one delivery. Raises `Unverified` and `Malformed`, nothing else."""
    verify(delivery, config, now)
    body = parse(delivery.body)
    name = text(body.get("webhookEvent"))
    if not name:
        raise Malformed("the body names no webhookEvent")
    parser = PARSERS.get(name)
    events = tuple(e for e in parser(body, config) if config.wants(e.resource.container.name)) if parser else ()
    return Receipt(events, delivery_id=delivery_id(delivery))


def verify(delivery: Delivery, config: JiraConfig, now: datetime) -> None:
    """Check the sender: the HMAC of an admin webhook, or the token of a dynamic one.

    A signature that is there must hold; a token is looked at only when there is no signature.
    """
    signature = delivery.headers.get("x-hub-signature", "")
    if signature:
        if config.webhook_secret is None:
            raise Unverified("a signature came, but no webhook_secret is set")
        _check_signature(signature, delivery.body, config.webhook_secret.get_secret_value())
        return
    scheme, _, token = delivery.headers.get("authorization", "").partition(" ")
    if scheme.lower() not in {"bearer", "jwt"} or not token or config.oauth is None:
        raise Unverified("no signature that this connection can check")
    _check_token(token.strip(), config.oauth.client_secret.get_secret_value(), now)


def _check_signature(header: str, body: bytes, secret: str) -> None:
    method, _, given = header.partition("=")
    wanted = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    if method.lower() != "sha256" or not hmac.compare_digest(given.strip().lower().encode(), wanted.encode()):
        raise Unverified("the signature does not match")


def _check_token(token: str, secret: str, now: datetime) -> None:
    """Check an HS256 token against the app's client secret; one without an end is refused."""
    checks = {"verify_aud": False, "verify_exp": False, "verify_iat": False, "verify_nbf": False}
    try:
        claims = jwt.decode(token, secret, algorithms=["HS256"], options=checks)  # type: ignore[arg-type]  # a plain dict of the documented keys
    except jwt.PyJWTError:
        raise Unverified("the token is not signed with the app's client secret") from None
    except (ValueError, TypeError, RecursionError):
        raise Unverified("the token is not a token") from None
    ends = claims.get("exp")
    if isinstance(ends, bool) or not isinstance(ends, int | float) or not ends + LEEWAY > now.timestamp():
        raise Unverified("the token has expired")


def parse(body: bytes) -> Mapping[str, Any]:
    """Return the JSON object of a verified body."""
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        raise Malformed("the body is not JSON") from None
    if not isinstance(parsed, Mapping):
        raise Malformed("the body is not a JSON object")
    return parsed


def delivery_id(delivery: Delivery) -> str:
    """Return Jira's id of the delivery, the same over retries; Data Center releases without one get a digest."""
    given = delivery.headers.get("x-atlassian-webhook-identifier", "")
    return given or hashlib.sha256(delivery.body).hexdigest()


def _issue_of(body: Mapping[str, Any], config: JiraConfig) -> tuple[Mapping[str, Any], Issue]:
    payload = mapping(body.get("issue"))
    issue = Issue.of(payload, config.site)
    if not issue.id:
        raise Malformed("the body names no issue")
    return payload, issue


def _at(body: Mapping[str, Any]) -> int:
    return micros(body.get("timestamp"))


def _issue_changed(body: Mapping[str, Any], config: JiraConfig) -> Iterator[Event]:
    payload, issue = _issue_of(body, config)
    if not issue.container.id:
        yield _hint(body)
        return
    yield issue_event(payload, config.site, fetch=True)
    comment = mapping(body.get("comment"))
    if text(comment.get("id")):
        yield comment_event(comment, issue)
    gone, touched = _attachments_touched(body)
    for attachment_id in gone:
        yield deleted(f"attachment:{attachment_id}", "attachment", issue.container, _at(body))
    for event in attachment_events(payload, config.site):
        if touched is None or event.resource.id.partition(":")[2] in touched:
            yield event


def _attachments_touched(body: Mapping[str, Any]) -> tuple[list[str], set[str] | None]:
    """Return the attachments that the changelog removes, and those it adds (None: there is no changelog)."""
    if "changelog" not in body:
        return [], None
    items = [
        i for i in objects(mapping(body["changelog"]).get("items")) if text(i.get("field")).lower() == "attachment"
    ]
    gone = [text(i.get("from")) for i in items if text(i.get("from")) and not text(i.get("to"))]
    return gone, {text(i.get("to")) for i in items if text(i.get("to"))}


def _issue_deleted(body: Mapping[str, Any], config: JiraConfig) -> Iterator[Event]:
    payload, issue = _issue_of(body, config)
    resource = issue_resource(issue, mapping(payload.get("fields")))
    yield Event(EventKind.DELETED, resource, _at(body) or micros(mapping(payload.get("fields")).get("updated")))


def _comment_changed(body: Mapping[str, Any], config: JiraConfig) -> Iterator[Event]:
    comment, issue = mapping(body.get("comment")), Issue.of(mapping(body.get("issue")), config.site)
    if not text(comment.get("id")):
        raise Malformed("the body names no comment")
    if issue.id and issue.container.id and comment.get("body") is not None:
        yield comment_event(comment, issue)
    else:
        yield _hint(body)


def _comment_deleted(body: Mapping[str, Any], config: JiraConfig) -> Iterator[Event]:
    comment, issue = mapping(body.get("comment")), Issue.of(mapping(body.get("issue")), config.site)
    issue_id = issue.id or _issue_in_address(text(comment.get("self")))
    if not text(comment.get("id")) or not issue_id:
        raise Malformed("the body names no comment of an issue")
    yield deleted(f"comment:{issue_id}:{text(comment['id'])}", "comment", issue.container, _at(body))


def _issue_in_address(address: str) -> str:
    """Return the issue id of `.../issue/10001/comment/10100`, the only place where Data Center names it."""
    _, _, rest = address.partition("/issue/")
    found = rest.partition("/")[0]
    return found if found.isdigit() else ""


def _attachment_created(body: Mapping[str, Any], config: JiraConfig) -> Iterator[Event]:
    attachment, issue = mapping(body.get("attachment")), Issue.of(mapping(body.get("issue")), config.site)
    if not text(attachment.get("id")):
        raise Malformed("the body names no attachment")
    yield attachment_event(attachment, issue) if issue.id and issue.container.id else _hint(body)


def _attachment_deleted(body: Mapping[str, Any], config: JiraConfig) -> Iterator[Event]:
    attachment_id = text(mapping(body.get("attachment")).get("id"))
    if not attachment_id:
        raise Malformed("the body names no attachment")
    place = Issue.of(mapping(body.get("issue")), config.site).container
    yield deleted(f"attachment:{attachment_id}", "attachment", place, _at(body))


def _worklog_changed(body: Mapping[str, Any], _config: JiraConfig) -> Iterator[Event]:
    """A worklog is a part of its issue, and its deliveries name the issue's id only: read what changed lately."""
    if not text(mapping(body.get("worklog")).get("id")):
        raise Malformed("the body names no worklog")
    yield _hint(body)


def _project_deleted(body: Mapping[str, Any], _config: JiraConfig) -> Iterator[Event]:
    place = container(mapping(body.get("project")))
    if not place.id:
        raise Malformed("the body names no project")
    yield Event(EventKind.DELETED, project_resource(place), _at(body))


def _project_back(body: Mapping[str, Any], _config: JiraConfig) -> Iterator[Event]:
    place = container(mapping(body.get("project")))
    if not place.id:
        raise Malformed("the body names no project")
    yield Event(EventKind.SYNC, project_resource(place), _at(body), partition=Partition(place.id, place.name))


def _hint(body: Mapping[str, Any]) -> Event:
    """Ask for a read of what changed lately: the delivery does not say in which project."""
    resource = Resource(RECENT, "hint", Container(""), "recent changes")
    cursor = {"mode": "idle", "since": _at(body) // 1000} if _at(body) else None
    return Event(EventKind.SYNC, resource, _at(body), partition=Partition(RECENT, "recent changes"), cursor=cursor)


PARSERS: Mapping[str, Parser] = {
    "jira:issue_created": _issue_changed,
    "jira:issue_updated": _issue_changed,
    "jira:issue_deleted": _issue_deleted,
    "comment_created": _comment_changed,
    "comment_updated": _comment_changed,
    "comment_deleted": _comment_deleted,
    "attachment_created": _attachment_created,
    "attachment_deleted": _attachment_deleted,
    "worklog_created": _worklog_changed,
    "worklog_updated": _worklog_changed,
    "worklog_deleted": _worklog_changed,
    "jira:worklog_updated": _worklog_changed,
    "project_deleted": _project_deleted,
    "project_soft_deleted": _project_deleted,
    "project_restored_deleted": _project_back,
    "project_restored_archived": _project_back,
}
"""What is done with each documented event. Links, sprints, boards, versions, users and properties hold no scanned
text of their own, or come with an issue event: they are accepted and yield nothing."""
