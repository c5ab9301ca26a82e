"""Deliveries: who is believed, and what each event becomes."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.errors import Malformed, Unverified
from connectors.model import Delivery, Event, EventKind
from connectors.testing.fakeapps.confluence import FakeConfluence
from connectors_confluence.config import ConfluenceConfig
from connectors_confluence.events import receive

SECRET = "an-invented-secret-of-32-characters"
NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
CONFIG = ConfluenceConfig(url="https://wiki.acme.example", pat="t", webhook_secret=SECRET, spaces=("ENG",))
AT = 1767600000123


def signed(body: bytes, *, secret: str = SECRET) -> Delivery:
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return Delivery("acme", {"x-hub-signature": f"sha256={digest}"}, body)


def got(**body: Any) -> tuple[Event, ...]:
    return receive(signed(json.dumps({"timestamp": AT, **body}).encode()), CONFIG, NOW).events


@pytest.mark.parametrize(
    "headers",
    [{}, {"x-hub-signature": "sha256=" + "0" * 64}, {"x-hub-signature": "sha1=aa"}, {"authorization": "Bearer x"}],
)
def test_without_a_good_signature_nothing_is_believed(headers: dict[str, str]) -> None:
    with pytest.raises(Unverified):
        receive(Delivery("acme", headers, b'{"event":"page_created"}'), CONFIG, NOW)


def test_a_changed_body_another_secret_or_none_is_refused() -> None:
    good = signed(b'{"event":"x"}')
    with pytest.raises(Unverified):
        receive(Delivery("acme", good.headers, b'{"event":"y"}'), CONFIG, NOW)
    with pytest.raises(Unverified):
        receive(signed(b"{}", secret="other"), CONFIG, NOW)
    with pytest.raises(Unverified):
        receive(good, CONFIG.model_copy(update={"webhook_secret": None}), NOW)


def test_a_page_named_by_its_id_only_asks_for_a_read() -> None:
    (hint,) = got(event="page_updated", page={"id": 5})
    assert hint.kind is EventKind.SYNC
    assert hint.partition is not None
    assert (hint.partition.id, hint.cursor) == ("recent", {"mode": "idle", "since": AT})


def test_a_page_named_in_full_is_an_event_of_its_version() -> None:
    (event,) = got(event="page_updated", page={"id": 5, "spaceKey": "ENG", "modificationDate": AT})
    assert (event.kind, event.resource.id, event.version) == (EventKind.CHANGED, "page:5", AT * 1000)
    assert event.resource.parent == "space:ENG"


@pytest.mark.parametrize(
    ("event", "body", "ids"),
    [
        ("page_trashed", {"page": {"id": 5}}, ["page:5"]),
        ("page_removed", {"page": {"id": 5}}, ["page:5"]),
        ("blog_trashed", {"blog": {"id": 6}}, ["blogpost:6"]),
        ("comment_removed", {"comment": {"id": 7}}, ["comment:7"]),
        ("attachment_removed", {"attachments": [{"id": 8}, {"id": "att9"}]}, ["attachment:8", "attachment:9"]),
        ("space_removed", {"space": {"key": "ENG"}}, ["space:ENG"]),
    ],
)
def test_what_is_gone_or_in_the_trash_is_deleted(event: str, body: dict[str, Any], ids: list[str]) -> None:
    events = got(event=event, **body)
    assert [e.resource.id for e in events] == ids
    assert {(e.kind, e.version) for e in events} == {(EventKind.DELETED, AT * 1000)}


def test_what_is_restored_is_newer_than_its_deletion() -> None:
    (event,) = got(event="page_restored", page={"id": 5})
    assert (event.kind, event.version) == (EventKind.CHANGED, AT * 1000)


@pytest.mark.parametrize("event", ["label_added", "user_created", "page_viewed", "something_of_2030", "plugin_enabled"])
def test_events_without_content_are_no_failure(event: str) -> None:
    assert got(event=event, label={"name": "x"}) == ()


def test_the_test_connection_of_the_admin_page_is_answered() -> None:
    assert got(test=True) == ()


def test_spaces_that_are_left_out_give_nothing() -> None:
    assert got(event="page_trashed", page={"id": 5, "spaceKey": "HR"}) == ()


def test_relayed_events_of_cloud_are_read_as_their_webhooks() -> None:
    content = {"id": "5", "space": {"key": "ENG"}, "version": {"when": "2026-01-05T08:00:00.000Z"}}
    (event,) = got(eventType="avi:confluence:updated:page", content=content)
    assert (event.resource.id, event.version) == ("page:5", 1767600000000000)
    (gone,) = got(eventType="avi:confluence:trashed:page", content=content)
    assert gone.kind is EventKind.DELETED
    (hint,) = got(eventType="avi:confluence:created:comment", content={"id": "6"})
    assert hint.kind is EventKind.SYNC
    assert got(eventType="avi:confluence:liked:page", content=content) == ()


def test_the_same_body_has_the_same_delivery_id() -> None:
    one, two = (receive(signed(b'{"event":"page_viewed","timestamp":1}'), CONFIG, NOW) for _ in range(2))
    other = receive(signed(b'{"event":"page_viewed","timestamp":2}'), CONFIG, NOW)
    assert one.delivery_id == two.delivery_id != other.delivery_id


SHAPES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "spaceKey", "modificationDate", "space", "key", "version", "when"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=10,
)


HOLDERS = ["page", "blog", "comment", "content", "attachments", "attachedTo", "space", "timestamp", "test"]
EVENTS = ["page_updated", "blog_trashed", "comment_created", "attachment_removed", "space_removed", "_", 5]
RELAYED = ["avi:confluence:updated:page", "avi:confluence:trashed:comment", "::", ""]


@settings(max_examples=300, deadline=None)
@given(
    parts=st.dictionaries(st.sampled_from(HOLDERS), SHAPES, max_size=5),
    name=st.fixed_dictionaries({}, optional={"event": st.sampled_from(EVENTS), "eventType": st.sampled_from(RELAYED)}),
)
def test_no_shape_of_a_verified_body_raises_anything_else(parts: dict[str, Any], name: dict[str, Any]) -> None:
    with contextlib.suppress(Malformed):
        receive(signed(json.dumps({**parts, **name}).encode()), CONFIG, NOW)


@settings(max_examples=100, deadline=None)
@given(body=st.binary(max_size=60), cut=st.integers(0, 60))
def test_truncated_and_random_bodies_are_malformed(body: bytes, cut: int) -> None:
    whole = json.dumps({"event": "page_created", "page": {"id": 5}}).encode()
    for candidate in (body, whole[:cut], b"[" * 100_000):
        with contextlib.suppress(Malformed):
            receive(signed(candidate), CONFIG, NOW)


def test_the_fake_signs_as_the_apps_do() -> None:
    fake = FakeConfluence(cloud=False)
    fake.add_space("ENG")
    page = fake.add_page("ENG", "t", "<p>b</p>")
    config = CONFIG.model_copy(update={"webhook_secret": type(CONFIG.webhook_secret)(fake.webhook_secret)})  # type: ignore[misc]  # SecretStr
    for headers, body in (fake.posted("page_created", page, full=True), fake.relayed("created", page)):
        assert receive(Delivery("acme", headers, body), config, fake.now).events[0].resource.id == f"page:{page}"
