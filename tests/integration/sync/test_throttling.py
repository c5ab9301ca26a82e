"""A connection that its app slows down waits by itself: the others go on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.store import findings, inbox, jobs
from connectors.testing.fakeapps import FakeApps, Response
from connectors.testing.fakeapps.slack import FakeSlack
from connectors.testing.installation import Installation
from connectors.testing.planted import aws_key
from connectors.work import sync

CONFIG = """
connections:
  slow:
    connector: slack
    sync: {{enabled: false}}
    config: {{token: {t}, webhook_secret: {s}, base_url: {slow}/api/}}
  fast:
    connector: slack
    sync: {{enabled: false}}
    config: {{token: {t}, webhook_secret: {s}, base_url: {fast}/api/}}
detection: {{cache: {cache}}}
policies:
  - {{name: credentials, detectors: [secret], min_confidence: POSSIBLE}}
"""


class Slow(FakeSlack):
    name = "slow"


class Fast(FakeSlack):
    name = "fast"


@pytest.fixture
def apps() -> Iterator[tuple[FakeSlack, FakeSlack]]:
    slow, fast = Slow(), Fast()
    with FakeApps(slow, fast).running():
        yield slow, fast


@pytest.fixture
def house(apps: tuple[FakeSlack, FakeSlack], tmp_path: Path, cache: Path) -> Iterator[Installation]:
    slow, fast = apps
    config = CONFIG.format(t=slow.token, s=slow.signing_secret, slow=slow.base_url, fast=fast.base_url, cache=cache)
    made = Installation(config, tmp_path)
    with made.running(worker=False):
        yield made


def shared(slack: FakeSlack, *, count: int = 3) -> list[Any]:
    """Share files of which the app tells only ids: each needs a call."""
    channel, user = slack.add_channel("general"), slack.add_user("Ann")
    texts = [f"key {aws_key(f'{slack.name}{n}')}".encode() for n in range(count)]
    files = [slack.add_file(channel, user, f"{n}.txt", text) for n, text in enumerate(texts)]
    return [slack.file_event("file_shared", file) for file in files]


def found(house: Installation) -> dict[str, int]:
    """Return how many findings each connection has."""
    residency = house.runtime.owner("fast").residency
    rows = house.runtime.databases.of(residency).read(lambda c: findings.listed(c, residency, limit=100))
    return {name: sum(row["connection"] == name for row in rows) for name in ("slow", "fast")}


def test_a_throttled_connection_does_not_slow_another(house: Installation, apps: tuple[FakeSlack, FakeSlack]) -> None:
    slow, fast = apps
    slow.fail(Response.of({"ok": False, "error": "ratelimited"}, 429, retry_after="30"), times=50)
    for slack in (slow, fast):
        for headers, body in shared(slack):
            assert house.post(slack.name, headers, body).status_code == 200
    house.worker.drain()
    assert found(house) == {"slow": 0, "fast": 3}
    assert len(slow.calls) == 1, "one refusal is enough to wait"

    residency = house.runtime.owner("slow").residency
    waiting = house.runtime.databases.of(residency).read(lambda c: inbox.waiting(c, residency, "slow", limit=100))
    assert waiting == 3, "what waits is not lost"


def test_what_waits_for_a_throttled_app_does_not_stop_the_reading_of_another(
    house: Installation, apps: tuple[FakeSlack, FakeSlack], monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, fast = apps
    monkeypatch.setattr(sync, "BACKLOG_LIMIT", 3)
    slow.fail(Response.of({"ok": False, "error": "ratelimited"}, 429, retry_after="30"), times=50)
    for headers, body in shared(slow):
        house.post("slow", headers, body)
    fast.write(fast.add_channel("general"), fast.add_user("Ann"), f"key {aws_key('history')}")
    runtime, owner = house.runtime, house.runtime.owner("fast")
    database = runtime.databases.of(owner.residency)
    wanted = sync.request("fast", residency=owner.residency, tenant=owner.tenant)
    database.run(lambda c: jobs.enqueue(database, c, [wanted], vault=runtime.vault, now=runtime.now()))
    house.worker.drain()
    assert found(house) == {"slow": 0, "fast": 1}
