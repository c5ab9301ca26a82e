"""Deliveries: who is believed, and what each event becomes."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.errors import Malformed, Unverified
from connectors.model import Delivery, EventKind, Receipt
from connectors.testing.fakeapps.jira import FakeJira
from connectors_jira.config import JiraConfig, OAuth
from connectors_jira.events import receive

SECRET = "an-invented-secret-of-32-characters"
NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
CONFIG = JiraConfig(
    url="https://acme.atlassian.net",
    email="a@acme.example",
    token="t",
    webhook_secret=SECRET,
    projects=("OPS",),
)
APP = JiraConfig(url="https://acme.atlassian.net", oauth=OAuth(client_id="app", client_secret=SECRET))


def signed(body: bytes, *, secret: str = SECRET, **headers: str) -> Delivery:
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return Delivery("acme", {"x-hub-signature": f"sha256={digest}", **headers}, body)


def got(event: str, **parts: Any) -> Receipt:
    body = json.dumps({"webhookEvent": event, "timestamp": 1767600000123, **parts}).encode()
    return receive(signed(body), CONFIG, NOW)


def bearer(claims: dict[str, Any], *, secret: str = SECRET, algorithm: str = "HS256") -> Delivery:
    token = jwt.encode(claims, secret, algorithm=algorithm)
    return Delivery("acme", {"authorization": f"Bearer {token}"}, b'{"webhookEvent": "jira:new_thing"}')


ISSUE = {
    "id": "10001",
    "key": "OPS-1",
    "fields": {
        "summary": "s",
        "updated": "2026-01-05T11:00:00.123+0000",
        "project": {"id": "10000", "key": "OPS"},
        "attachment": [{"id": "7", "filename": "f", "created": "2026-01-05T10:00:00.000+0000"}, {"id": "8"}],
    },
}


def test_a_signature_of_the_documented_kind_is_accepted() -> None:
    # https://developer.atlassian.com/cloud/jira/platform/webhooks/#secure-webhooks names this vector.
    secret, body = "It's a Secret to Everybody", b"Hello World!"
    given_digest = "a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9"
    config = CONFIG.model_copy(update={"webhook_secret": type(CONFIG.webhook_secret)(secret)})  # type: ignore[misc]  # SecretStr
    delivery = Delivery("acme", {"x-hub-signature": f"sha256={given_digest}"}, body)
    with pytest.raises(Malformed):
        receive(delivery, config, NOW)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-hub-signature": ""},
        {"x-hub-signature": "sha256=" + "0" * 64},
        {"x-hub-signature": "sha1=" + "0" * 40},
        {"x-hub-signature": "sha256=ü"},
        {"authorization": "Basic abc"},
        {"authorization": "Bearer abc"},
    ],
)
def test_without_a_good_signature_nothing_is_believed(headers: dict[str, str]) -> None:
    with pytest.raises(Unverified):
        receive(Delivery("acme", headers, b"{}"), CONFIG, NOW)


def test_a_changed_body_or_another_secret_is_refused() -> None:
    good = signed(b'{"webhookEvent":"x"}')
    with pytest.raises(Unverified):
        receive(Delivery("acme", good.headers, b'{"webhookEvent":"y"}'), CONFIG, NOW)
    with pytest.raises(Unverified):
        receive(signed(b"{}", secret="other"), CONFIG, NOW)


def test_without_a_secret_no_signature_is_good() -> None:
    with pytest.raises(Unverified):
        receive(signed(b"{}"), APP, NOW)


def test_a_token_of_the_app_is_accepted_until_it_ends() -> None:
    ends = int(NOW.timestamp()) + 100
    assert receive(bearer({"exp": ends}), APP, NOW).events == ()
    with pytest.raises(Unverified):
        receive(bearer({"exp": ends}), APP, NOW + timedelta(minutes=5))


@pytest.mark.parametrize("claims", [{}, {"exp": "soon"}, {"exp": True}])
def test_a_token_without_an_end_is_refused(claims: dict[str, Any]) -> None:
    with pytest.raises(Unverified):
        receive(bearer(claims), APP, NOW)


def test_a_token_with_another_secret_or_none_is_refused() -> None:
    claims = {"exp": int(time.time()) + 10_000_000}
    with pytest.raises(Unverified):
        receive(bearer(claims, secret="another-secret-of-at-least-32-chars"), APP, NOW)
    with pytest.raises(Unverified):
        receive(bearer(claims, secret="", algorithm="none"), APP, NOW)


def test_an_issue_becomes_an_event_of_its_stable_id_and_version() -> None:
    event = got("jira:issue_created", issue=ISSUE).events[0]
    assert (event.resource.id, event.version) == ("issue:10001", 1767610800123000)
    assert event.resource.container.name == "OPS"
    assert event.resource.url == "https://acme.atlassian.net/browse/OPS-1"
    assert event.payload == {"id": "10001"}


def test_an_edit_brings_only_the_attachments_it_touches() -> None:
    items = [{"field": "Attachment", "from": "6", "to": "7"}, {"field": "Attachment", "from": "9", "to": None}]
    events = got("jira:issue_updated", issue=ISSUE, changelog={"items": items}).events
    assert [(e.kind, e.resource.id) for e in events[1:]] == [
        (EventKind.DELETED, "attachment:9"),
        (EventKind.CHANGED, "attachment:7"),
    ]
    assert [e.resource.id for e in got("jira:issue_created", issue=ISSUE).events[1:]] == [
        "attachment:7",
        "attachment:8",
    ]


def test_a_deleted_issue_is_newer_than_its_last_change() -> None:
    (event,) = got("jira:issue_deleted", issue=ISSUE).events
    assert (event.kind, event.resource.id, event.version) == (EventKind.DELETED, "issue:10001", 1767600000123000)


def test_comments_are_resources_of_their_own_under_their_issue() -> None:
    comment = {"id": "55", "body": "b", "updated": "2026-01-05T11:30:00.000+0000"}
    (event,) = got("comment_updated", issue=ISSUE, comment=comment).events
    assert (event.resource.id, event.resource.parent) == ("comment:10001:55", "issue:10001")
    (gone,) = got("comment_deleted", comment={"id": "55", "self": "https://x/rest/api/2/issue/10001/comment/55"}).events
    assert (gone.kind, gone.resource.id) == (EventKind.DELETED, "comment:10001:55")


@pytest.mark.parametrize(
    ("event", "parts"),
    [
        ("worklog_created", {"worklog": {"id": "1", "issueId": "10001"}}),
        ("attachment_created", {"attachment": {"id": "1"}}),
        ("comment_created", {"comment": {"id": "1", "body": "b"}}),
        ("jira:issue_updated", {"issue": {"id": "10001", "fields": {}}}),
    ],
)
def test_a_delivery_that_names_no_project_asks_for_a_read(event: str, parts: dict[str, Any]) -> None:
    (hint,) = got(event, **parts).events
    assert hint.kind is EventKind.SYNC
    assert hint.partition is not None
    assert hint.partition.id == "recent"
    assert hint.cursor == {"mode": "idle", "since": 1767600000123}


def test_projects_that_are_left_out_give_nothing() -> None:
    other = {**ISSUE, "fields": {**ISSUE["fields"], "project": {"id": "2", "key": "HR"}}}  # type: ignore[dict-item]  # a JSON literal
    assert got("jira:issue_created", issue=other).events == ()


def test_a_deleted_project_takes_its_issues_along() -> None:
    (event,) = got("project_deleted", project={"id": 10000, "key": "OPS"}).events
    assert event.resource.id == got("jira:issue_created", issue=ISSUE).events[0].resource.parent


def test_unknown_events_are_no_failure() -> None:
    assert got("jira:something_of_2030", issue=7) == Receipt(
        delivery_id=got("jira:something_of_2030", issue=7).delivery_id
    )


def test_the_delivery_id_is_jiras_own_and_else_a_digest() -> None:
    body = b'{"webhookEvent":"x"}'
    named = receive(signed(body, **{"x-atlassian-webhook-identifier": "abc"}), CONFIG, NOW)
    assert named.delivery_id == "abc"
    assert receive(signed(body), CONFIG, NOW).delivery_id == hashlib.sha256(body).hexdigest()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    [
        "jira:issue_created", "jira:issue_updated", "jira:issue_deleted", "comment_created", "comment_deleted",
        "attachment_created", "attachment_deleted", "worklog_updated", "project_deleted", "project_restored_deleted",
    ]
)  # fmt: skip
KEYS = st.sampled_from(["issue", "comment", "attachment", "worklog", "project", "changelog", "timestamp"])
BROKEN = st.recursive(
    JSON,
    lambda inner: st.dictionaries(
        st.sampled_from(
            ["id", "key", "fields", "project", "items", "field", "from", "to", "updated", "created", "body", "self"]
        ),
        inner,
        max_size=6,
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(name=NAMES, parts=st.dictionaries(KEYS, BROKEN, max_size=5))
def test_no_shape_of_a_verified_body_raises_anything_else(name: str, parts: dict[str, Any]) -> None:
    body = json.dumps({**parts, "webhookEvent": name}).encode()
    with contextlib.suppress(Malformed):
        receive(signed(body), CONFIG, NOW)


@settings(max_examples=100, deadline=None)
@given(body=st.binary(max_size=60), cut=st.integers(0, 400))
def test_truncated_and_random_bodies_are_malformed(body: bytes, cut: int) -> None:
    whole = json.dumps({"webhookEvent": "jira:issue_created", "issue": ISSUE}).encode()
    for candidate in (body, whole[:cut], b"[" * 100_000):
        with contextlib.suppress(Malformed):
            receive(signed(candidate), CONFIG, NOW)


def test_the_fake_signs_as_jira_does() -> None:
    fake = FakeJira()
    fake.add_project("OPS")
    issue = fake.add_issue("OPS", "hello")
    config = CONFIG.model_copy(update={"webhook_secret": type(CONFIG.webhook_secret)(fake.webhook_secret)})  # type: ignore[misc]  # SecretStr
    headers, body = fake.signed("jira:issue_created", issue=issue["id"])
    assert receive(Delivery("acme", headers, body), config, fake.now).events[0].resource.id == f"issue:{issue['id']}"
    app = APP.model_copy(update={"oauth": OAuth(client_id="app", client_secret=fake.client_secret)})
    headers, body = fake.tokened("jira:issue_created", issue=issue["id"])
    assert receive(Delivery("acme", headers, body), app, fake.now).events
