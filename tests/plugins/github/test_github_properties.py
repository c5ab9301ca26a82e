"""Truncated, unknown and future payloads never raise anything but the errors that say so."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.errors import Malformed
from connectors.model import Delivery, EventKind, Receipt
from connectors.testing.context import MemoryContext
from connectors.testing.fakeapps.github import FakeGitHub
from connectors_github import events
from connectors_github.config import GitHubConfig
from connectors_github.connector import GitHubConnector

FETCHED = ("blob", "asset", "wiki", "commit", "gist")
SHAPES = [
    (next(n for n in sorted(events._HANDLERS, key=len, reverse=True) if path.stem.startswith(n)), path.read_text())
    for path in sorted((Path(__file__).parents[3] / "fixtures" / "github").glob("*.json"))
    if any(path.stem.startswith(name) for name in events._HANDLERS)
]
SIGNER = FakeGitHub(webhook_secret="secret")
CONNECTOR = GitHubConnector(
    GitHubConfig(token="nobody", webhook_secret="secret", api_url="http://127.0.0.1:9"), MemoryContext()
)
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
    | st.sampled_from(["9999-12-31T23:59:59+00:00", "0001-01-01T00:00:00", "2025-01-01"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)  # fmt: skip


def receive(name: str, body: bytes) -> Receipt | None:
    headers, signed = SIGNER.sign(body, name=name)
    try:
        return CONNECTOR.receive(Delivery("c", headers, signed), datetime.now(UTC))
    except Malformed:
        return None


def paths(value: Any, prefix: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths of all values inside a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path for key, inner in items for path in [(*prefix, key), *paths(inner, (*prefix, key))]]


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_changed_payloads(data: st.DataObject) -> None:
    name, text = data.draw(st.sampled_from(SHAPES))
    shape = json.loads(text)
    for _ in range(data.draw(st.integers(1, 3))):
        known = paths(shape)
        path = data.draw(st.sampled_from(known))
        holder = copy.deepcopy(shape)
        inner = holder
        for key in path[:-1]:
            inner = inner[key]
        if data.draw(st.booleans()):
            del inner[path[-1]]
        else:
            inner[path[-1]] = data.draw(JUNK)
        shape = holder or shape
    receipt = receive(name, json.dumps(shape).encode())
    for event in receipt.events if receipt else ():
        assert isinstance(event.version, int)
        if event.kind is EventKind.CHANGED and not any(key in event.payload for key in FETCHED):
            list(CONNECTOR.units(event))


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(SHAPES), st.floats(0, 1))
def test_truncated_payloads(shape: tuple[str, str], part: float) -> None:
    body = json.dumps(json.loads(shape[1])).encode()
    assert receive(shape[0], body[: int((len(body) - 1) * part)]) is None


@given(st.sampled_from([name for name, _ in SHAPES]), st.binary())
def test_any_bytes(name: str, body: bytes) -> None:
    receive(name, body)


@given(st.text(), JUNK)
def test_any_event_name(name: str, payload: Any) -> None:
    receive(name, json.dumps(payload).encode())
