"""Truncated, unknown and future shapes never raise anything but the two errors that say so."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.errors import ConnectorsError, Malformed
from connectors.model import Delivery, EventKind, Receipt
from connectors.testing.context import MemoryContext
from connectors.testing.fakeapps.slack import FakeSlack
from connectors_slack.config import SlackConfig
from connectors_slack.connector import SlackConnector

SHAPES = [path.read_text() for path in sorted((Path(__file__).parents[3] / "fixtures" / "slack").glob("*.json"))]
SIGNER = FakeSlack(signing_secret="secret")
CONNECTOR = SlackConnector(
    SlackConfig(token="xoxb-nobody", webhook_secret="secret", base_url="http://127.0.0.1:9/api/"), MemoryContext()
)
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5) | st.just("9" * 40),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


def receive(body: bytes) -> Receipt | None:
    headers, signed = SIGNER.sign(body)
    try:
        return CONNECTOR.receive(Delivery("c", headers, signed), datetime.now(UTC))
    except Malformed:
        return None


def paths(value: Any, prefix: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths of all values inside a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path for key, inner in items for path in [(*prefix, key), *paths(inner, (*prefix, key))]]


def replaced(value: Any, path: tuple[Any, ...], junk: Any, *, drop: bool) -> Any:
    """Return a copy with one value replaced or dropped."""
    changed = copy.deepcopy(value)
    holder = changed
    for key in path[:-1]:
        holder = holder[key]
    if drop:
        del holder[path[-1]]
    else:
        holder[path[-1]] = junk
    return changed


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_changed_shapes(data: st.DataObject) -> None:
    shape = json.loads(data.draw(st.sampled_from(SHAPES)))
    for _ in range(data.draw(st.integers(1, 3))):
        known = paths(shape)
        if known:
            drop = data.draw(st.booleans())
            shape = replaced(shape, data.draw(st.sampled_from(known)), data.draw(JUNK), drop=drop)
    receipt = receive(json.dumps(shape).encode())
    for event in receipt.events if receipt else ():
        assert isinstance(event.version, int)
        if event.kind is EventKind.CHANGED and "file" not in event.payload:
            list(CONNECTOR.units(event))


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(SHAPES), st.floats(0, 1))
def test_truncated_shapes(shape: str, part: float) -> None:
    body = json.dumps(json.loads(shape)).encode()
    cut = body[: int((len(body) - 1) * part)]
    assert receive(cut) is None


@given(st.binary())
def test_any_bytes(body: bytes) -> None:
    receive(body)


@pytest.mark.parametrize("file", [{}, {"id": 3}, {"id": "F1", "mode": 7, "url_private": 4, "size": "x"}])
def test_strange_files_are_gaps_or_named_errors(file: dict[str, Any]) -> None:
    from connectors.model import Container, Event, Resource

    event = Event(EventKind.CHANGED, Resource("file:F1", "file", Container("C1")), 1, {"file": file})
    try:
        units = list(CONNECTOR.units(event))
    except ConnectorsError:
        return
    assert units
