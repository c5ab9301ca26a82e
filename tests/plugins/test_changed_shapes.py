"""Answers and deliveries of another shape than expected: nothing but the product's own errors comes out of a plugin.

Every app's fake answers whole readings, with some answers changed: values replaced, dropped, or of a later version of
the API. Deliveries are changed in the same way, and signed again.
"""

from __future__ import annotations

import copy
import hashlib
import hmac
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from connectors.contract import Connector
from connectors.errors import ConnectorsError, Malformed
from connectors.model import Delivery, Event, EventKind, Page, ScanUnit, UnitFailure
from connectors.testing.context import MemoryContext
from connectors.testing.fakeapps import FakeApp, Request, Response
from connectors.testing.town import Town
from connectors_confluence.connector import ConfluenceConnector
from connectors_gdrive.connector import DriveConnector
from connectors_github.connector import GitHubConnector
from connectors_jira.connector import JiraConnector
from connectors_slack.connector import SlackConnector

CLASSES: dict[str, type[Connector[Any]]] = {
    "slack": SlackConnector,
    "github": GitHubConnector,
    "gdrive": DriveConnector,
    "jira": JiraConnector,
    "confluence": ConfluenceConnector,
}
RUNS = 20
FIXTURES = Path(__file__).parents[2] / "fixtures"
JUNK: tuple[Any, ...] = (
    None, True, 0, -1, 10**30, 1.5, "", "x", "9" * 40, "9999-12-31T23:59:59Z", "\ud800", [], {}, [None], ["x"],
    {"x": 1}, [[]], [{"id": None}],
)  # fmt: skip


def paths(value: Any, prefix: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths of all values inside a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path for key, inner in items for path in [(*prefix, key), *paths(inner, (*prefix, key))]]


def changed(value: Any, chance: random.Random) -> Any:
    """Return a copy with one value replaced or dropped, or with one that is not known yet."""
    known = paths(value)
    if not known:
        return chance.choice(JUNK)
    path, made = chance.choice(known), copy.deepcopy(value)
    holder = made
    for key in path[:-1]:
        holder = holder[key]
    way = chance.randrange(4)
    if way == 0:
        del holder[path[-1]]
    elif way == 1 and isinstance(holder, dict):
        holder["of_a_later_version"] = chance.choice(JUNK)
    else:
        holder[path[-1]] = chance.choice(JUNK)
    return made


@dataclass
class Changing:
    """Stands before a fake app and changes some of its answers."""

    answer: Callable[[Request], Response]
    chance: random.Random = field(default_factory=random.Random)
    share: float = 0.0
    paths: set[str] = field(default_factory=set)

    def __call__(self, request: Request) -> Response:
        answer = self.answer(request)
        if self.chance.random() >= self.share or "json" not in str(answer.headers.get("Content-Type", "")):
            return answer
        self.paths.add(request.path)
        shape = json.loads(answer.body)
        for _ in range(self.chance.randint(1, 4)):
            shape = changed(shape, self.chance)
        return replace(answer, body=json.dumps(shape).encode("utf-8", "surrogatepass"))


@pytest.fixture(scope="module")
def town() -> Iterator[Town]:
    with Town().running() as running:
        yield running


@pytest.fixture(scope="module")
def configs(town: Town, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """The configuration of each app's connection to its fake."""
    folder = tmp_path_factory.mktemp("town")
    tree = yaml.safe_load(town.config(folder))["connections"]
    found = {app: dict(tree[f"acme-{app}"]["config"]) for app in CLASSES}
    found["gdrive"]["service_account"] = (folder / "drive-key.json").read_text()
    found["github"] |= {"commit_history": True, "gists": True}
    return found


def connector(app: str, config: dict[str, Any]) -> Connector[Any]:
    made = CLASSES[app]
    return made(made.Config.model_validate(config), MemoryContext(f"acme-{app}"))


def whole_reading(made: Any) -> int:
    """Read everything and turn it into units, as the host does; return how many things that were."""
    count = 0
    try:
        for partition in made.partitions():
            try:
                for number, page in enumerate(made.read(partition, None)):
                    assert number < 200, "reading goes round in circles"
                    assert isinstance(page, Page)
                    assert page.listed == len(page.events) + len(page.failures)
                    json.dumps(dict(page.cursor or {}))
                    for event in page.events:
                        count += units(made, event)
            except ConnectorsError:
                continue
    except ConnectorsError:
        pass
    return count


def units(made: Any, event: Event) -> int:
    """Ask for an event's units; return how many there are."""
    assert isinstance(event.version, int)
    json.dumps(event.payload)
    if event.kind is not EventKind.CHANGED:
        return 0
    count = 0
    try:
        for unit in made.units(event):
            assert isinstance(unit, ScanUnit | UnitFailure)
            count += 1
            if isinstance(unit, ScanUnit) and unit.blob is not None:
                with unit.blob.open() as stream:
                    stream.read(1000)
            elif isinstance(unit, ScanUnit):
                assert isinstance(unit.text, str)
    except ConnectorsError:
        pass
    return count


@pytest.mark.parametrize("app", CLASSES)
def test_no_changed_answer_raises_anything_but_the_products_errors(
    app: str, town: Town, configs: dict[str, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake: FakeApp = getattr(town, app)
    changing = Changing(fake.answer)
    monkeypatch.setattr(fake, "answer", changing)
    everything = whole_reading(connector(app, configs[app]))
    assert everything > 5
    for run in range(RUNS):
        changing.chance, changing.share = random.Random(f"{app}{run}"), (0.1, 0.3, 0.6)[run % 3]
        whole_reading(connector(app, configs[app]))
    assert len(changing.paths) > 3, "the changes must reach more than one kind of answer"


def _signed(app: str, body: bytes, secret: str) -> dict[str, str]:
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {"x-hub-signature": f"sha256={digest}", "x-connectors-timestamp": str(int(datetime.now(UTC).timestamp()))}


@pytest.mark.parametrize("app", ["jira", "confluence"])
def test_no_changed_delivery_raises_anything_but_malformed(app: str, configs: dict[str, dict[str, Any]]) -> None:
    config = {**configs[app], "url": "http://127.0.0.1:9"}
    made: Any = connector(app, config)
    shapes = [json.loads(p.read_text()) for p in sorted((FIXTURES / app).glob("webhook_*.json"))]
    events = 0
    for run in range(400):
        chance = random.Random(f"{app}{run}")
        shape = changed(chance.choice(shapes), chance)
        for _ in range(chance.randrange(3)):
            shape = changed(shape, chance)
        body = json.dumps(shape).encode("utf-8", "surrogatepass")
        if chance.random() < 0.1:
            body = body[: chance.randrange(len(body))]
        delivery = Delivery("c", _signed(app, body, config["webhook_secret"]), body)
        try:
            receipt = made.receive(delivery, datetime.now(UTC))
        except Malformed:
            continue
        for event in receipt.events:
            assert isinstance(event.version, int)
            json.dumps(event.payload)
            events += 1
    assert events > 50
