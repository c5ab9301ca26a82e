"""How the contract kit provokes a connector: faults, forgeries, broken bodies, and everything that it says."""

from __future__ import annotations

import json
import re
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, get_args

import pytest
from pydantic import BaseModel, SecretStr

from connectors.contract import Connector, powers
from connectors.errors import ConnectorsError
from connectors.model import Delivery, Event, EventKind, Receipt
from connectors.testing.bench import CANARY, Bench, Kit, KitContext
from connectors.testing.fakeapps import FakeApps

FORGERIES = ("tampered body", "tampered header", "missing header", "stale", "wrong secret", "no secret")
"""The ways in which a delivery can be unproven."""

Forged = tuple[Any, Delivery, timedelta]
"""The connector to hand it to, the delivery, and how much later than now."""

_ALWAYS = 10_000
_THINGS = 7
_SHORTEST = 6


@contextmanager
def serve(connector: type[Connector[Any]], bench: type[Bench]) -> Iterator[Kit]:
    """Serve a new bench's fake, and yield the kit for one test."""
    table = bench()
    with FakeApps(table.fake).running() as server:
        yield Kit(connector, table, server.url(table.fake.name), KitContext(table))


def example(model: type[BaseModel]) -> dict[str, Any]:
    """Return a config model's own example: `json_schema_extra`, else the examples of its required fields.

    References such as `${env:TOKEN}` stand for some text.
    """
    whole = model.model_json_schema().get("examples")
    if whole:
        return dict(_resolved(whole[0]))
    required = {name: setting for name, setting in model.model_fields.items() if setting.is_required()}
    for name, setting in required.items():
        assert setting.examples, f"required setting {name!r} has no example"
    return {name: _resolved((setting.examples or [None])[0]) for name, setting in required.items()}


def _resolved(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _resolved(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_resolved(one) for one in value]
    if isinstance(value, str):
        return re.sub(r"\$\{(?:env|file):[^}]*\}", "from-a-reference", value)
    return value


def types(annotation: Any) -> set[Any]:
    """Return every type that an annotation mentions."""
    return {annotation}.union(*(types(one) for one in get_args(annotation)))


def fail(kit: Kit, fault: str, body: bytes = b"kit fault") -> None:
    """Let the fake answer everything with one fault until `kit.bench.fake.faults` is cleared."""
    kit.bench.fake.fail(kit.bench.fault(fault, body), times=_ALWAYS)


def secrets(config: BaseModel) -> dict[str, str]:
    """Return every secret value of a configuration that is long enough to be recognised, by setting."""
    found: dict[str, str] = {}
    for name, value in config:
        if isinstance(value, BaseModel):
            found |= {f"{name}.{inner}": secret for inner, secret in secrets(value).items()}
        elif isinstance(value, SecretStr) and len(value.get_secret_value()) >= _SHORTEST:
            found[name] = value.get_secret_value()
    return found


@contextmanager
def untouched(kit: Kit) -> Iterator[None]:
    """Fail when the connector calls the app or writes state meanwhile."""
    calls, state = len(kit.bench.fake.calls), repr(vars(kit.context.state))
    yield
    assert len(kit.bench.fake.calls) == calls, "receive() calls the app: it must be pure"
    assert repr(vars(kit.context.state)) == state, "receive() writes state: it must be pure"


def forged(kit: Kit, connector: Any, delivery: Delivery, *, forgery: str) -> list[Forged]:
    """Return deliveries that are not proven; skips where the app cannot be forged in this way."""
    bench, now = kit.bench, timedelta(0)
    if forgery == "wrong secret":
        return [(kit.connect(webhook_secret="another-secret-altogether"), delivery, now)]  # noqa: S106 (no secret)
    if forgery == "no secret":
        return [
            (kit.connector(connector.config.model_copy(update={"webhook_secret": None}), kit.context), delivery, now)
        ]
    if forgery == "stale":
        if bench.stale_after is None:
            pytest.skip("the app signs no time")
        return [(connector, delivery, bench.stale_after + timedelta(seconds=1))]
    if forgery == "tampered body":
        if not bench.signs_body:
            pytest.skip("the app does not sign the body")
        return [(connector, replace(delivery, body=body), now) for body in (delivery.body + b" ", b"", b"{}")]
    assert bench.signature, "the bench names no signature headers"
    missing = [name for name in bench.signature if name not in delivery.headers]
    assert not missing, f"the bench's delivery lacks {missing}"
    wrong: Callable[[str], list[str]] = {"tampered header": _tampered, "missing header": _nothing}[forgery]
    made = []
    for name in bench.signature:
        rest = {key: value for key, value in delivery.headers.items() if key != name}
        changed = wrong(delivery.headers[name])
        made += [(connector, replace(delivery, headers={**rest, name: value}), now) for value in changed]
        if forgery == "missing header":
            made.append((connector, replace(delivery, headers=rest), now))
    return made


def _tampered(value: str) -> list[str]:
    last = "1" if value[-1:] == "0" else "0"
    return [value[:-1] + last, value[:-1], value + "0", "\u00e9" + value]


def _nothing(_: str) -> list[str]:
    return [""]


def broken(body: bytes) -> Iterator[bytes]:
    """Yield bodies that nobody documented: truncated, of other types, with one thing missing or wrong."""
    yield from (b"", b"{", b"null", b"[]", b'"x"', b"7", b"{}", b"\xff\xfe", body[: len(body) // 2])
    try:
        whole = json.loads(body)
    except ValueError:
        return
    for wreck in _wrecks(whole, depth=2):
        yield json.dumps(wreck).encode()


def _wrecks(value: Any, *, depth: int) -> Iterator[Any]:
    if not isinstance(value, dict) or depth == 0:
        return
    odds: tuple[Any, ...] = (None, "", 0, [], {}, [None])
    for key in value:
        rest = {name: one for name, one in value.items() if name != key}
        yield rest
        yield from ({**rest, key: odd} for odd in odds)
        yield from ({**rest, key: wreck} for wreck in _wrecks(value[key], depth=depth - 1))


def posted(delivery: Delivery | None) -> Delivery:
    """Return what the app posted; skips when it posts nothing."""
    if delivery is None:
        pytest.skip("the app posts nothing about this")
    return delivery


def seed(kit: Kit) -> list[str]:
    """Make more things than two pages hold, and return the words in them."""
    words = [f"{CANARY}-seed{number}" for number in range(_THINGS)]
    for word in words:
        kit.bench.create(f"here is {word}.")
    kit.bench.small_pages()
    return words


def names(receipt: Receipt) -> list[tuple[str, str, int]]:
    """Return what identifies a receipt's events."""
    return [(event.kind, event.resource.id, event.version) for event in receipt.events]


def holds(kit: Kit, connector: Any, event: Event) -> set[tuple[str, str]]:
    """Return the (resource, part)s of an event in which the canary stands."""
    if event.kind is not EventKind.CHANGED:
        return set()
    return {(event.resource.id, part) for part, text in kit.texts(connector, event).items() if CANARY in text}


def deletes(events: list[Event], resource: str) -> bool:
    """Say whether events delete a resource."""
    return any(event.kind is EventKind.DELETED and event.resource.id == resource for event in events)


def around(text: str, word: str) -> str:
    """Return the neighbourhood of a word."""
    at = text.find(word)
    return text[max(0, at - 120) : at + 40]


def said(kit: Kit) -> Iterator[str]:
    """Yield everything that a connector says while things go well and while they go wrong."""
    connector = kit.connect()
    yield repr(connector.config)
    _, delivery = kit.bench.create(f"the value {CANARY} stands here")
    yield from _said_by_reading(kit, connector)
    if delivery is not None and "ReceivesWebhooks" in powers(kit.connector):
        yield from _said_by_receiving(kit, connector, delivery)
    for fault in ("401", "403", "429", "500", "garbage"):
        other = kit.connect()
        fail(kit, fault, CANARY.encode())
        yield from _said_by_reading(kit, other)
        kit.bench.fake.faults.clear()


def _said_by_reading(kit: Kit, connector: Any) -> Iterator[str]:
    yield from _spoken(lambda: [repr(check) for check in connector.check()])
    if "Syncs" not in powers(kit.connector):
        return

    def reading() -> Iterator[str]:
        for partition in connector.partitions():
            yield repr(partition)
            for page in kit.read(connector, partition):
                yield repr(page) + json.dumps(page.cursor)
                for event in page.events:
                    yield from (repr(unit) for unit in connector.units(event))

    yield from _spoken(reading)


def _said_by_receiving(kit: Kit, connector: Any, delivery: Delivery) -> Iterator[str]:
    yield repr(delivery)
    yield from _spoken(partial(_receipt, kit, connector, delivery))
    for name in kit.bench.signature:
        forgery = replace(delivery, headers={**delivery.headers, name: CANARY})
        yield from _spoken(partial(_receipt, kit, connector, forgery))
    if type(kit.bench).sign is not Bench.sign:
        for body in (f'{{"{CANARY}": "{CANARY}"}}', f'["{CANARY}"', f'"{CANARY}"'):
            signed = kit.bench.sign(body.encode(), delivery)
            yield from _spoken(partial(_receipt, kit, connector, signed))


def _receipt(kit: Kit, connector: Any, delivery: Delivery) -> list[str]:
    return [repr(kit.receive(connector, delivery))]


def _spoken(speak: Callable[[], Any]) -> Iterator[str]:
    """Yield what is said; an error is said with its causes, as a log would show it."""
    try:
        yield from speak()
    except ConnectorsError as error:
        yield repr(error)
        yield from traceback.TracebackException.from_exception(error).format(chain=True)
