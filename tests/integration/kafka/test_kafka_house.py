"""The whole house with Kafka between the gateway and the worker: one finding, one alert, and a ledger that balances."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from connectors.config.models import StreamSettings
from connectors.store import findings, inbox, ledger
from connectors.store.ledger import Counts
from connectors.testing.fakeapps import FakeApps
from connectors.testing.fakeapps.slack import FakeSlack
from connectors.testing.installation import Installation
from connectors.testing.planted import aws_key

pytestmark = pytest.mark.kafka


@pytest.fixture
def slack() -> FakeSlack:
    return FakeSlack()


@pytest.fixture
def house(slack: FakeSlack, settings: StreamSettings, tmp_path: Path) -> Iterator[Installation]:
    options = ", ".join(f'{name}: "{value}"' for name, value in settings.options.items())
    with FakeApps(slack).running() as apps:
        config = f"""
connections:
  acme-slack:
    connector: slack
    config: {{token: {slack.token}, webhook_secret: {slack.signing_secret}, base_url: "{apps.url("slack")}/api/"}}
    sync: {{enabled: false}}
policies:
  - {{name: credentials, detectors: [secret], min_confidence: POSSIBLE}}
work: {{threads: 1, poll: 0.05}}
stream:
  kind: kafka
  brokers: {settings.brokers}
  topic: {settings.topic}
  group: {settings.group}
  partitions: 2
  replication: 1
  options: {{{options}}}
outbound: {{allow: [127.0.0.0/8]}}
"""
        with Installation(config, tmp_path).running() as house:
            yield house


def counted(house: Installation) -> tuple[int, Counts]:
    database = house.runtime.databases.of("default")
    rows = database.read(lambda c: findings.listed(c, "default", limit=100))
    lines = database.read(lambda c: ledger.coverage(c, "default"))
    total = Counts()
    for line in lines:
        total.add(line.counts)
    return len(rows), total


def deliver(house: Installation, headers: Mapping[str, str], body: bytes) -> None:
    """Post as the app does: again, when the answer is 503, as it is while a busy broker does not confirm in time."""
    deadline = time.monotonic() + 60
    while (answer := house.post("acme-slack", headers, body)).status_code == 503 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert answer.status_code == 200


def test_webhooks_become_findings_through_kafka_and_the_ledger_balances(house: Installation, slack: FakeSlack) -> None:
    user, channel = slack.add_user("Ana"), slack.add_channel("general")
    for number in range(20):
        headers, body = slack.post_message(channel, user, f"number {number} has {aws_key(str(number))}")
        for _ in range(2):  # Slack sends again what was answered late
            deliver(house, headers, body)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found, counts = counted(house)
        if counts.listed and counts.pending == 0 and found >= 20:
            break
        time.sleep(0.1)
    assert found == 20
    assert (counts.listed, counts.scanned, counts.failed) == (20, 20, 0)
    database = house.runtime.databases.of("default")
    assert database.read(lambda c: inbox.waiting(c, "default", "acme-slack", limit=10)) == 0


def test_an_event_that_kafka_brings_twice_is_counted_once(house: Installation, slack: FakeSlack) -> None:
    user, channel = slack.add_user("Ana"), slack.add_channel("general")
    publisher = house.runtime.publisher
    assert publisher is not None
    sent = publisher.publish

    def twice(residency: str, rows: list[dict[str, object]]) -> object:
        sent(residency, rows)
        return sent(residency, rows)

    publisher.publish = twice  # type: ignore[method-assign,assignment]  # what a lost confirmation leads to
    deliver(house, *slack.post_message(channel, user, f"this is {aws_key('twice')}"))
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and (
        publisher.backlog("default", now=house.runtime.now()).events
        or counted(house)[1].pending
        or not counted(house)[0]
    ):
        time.sleep(0.1)
    found, counts = counted(house)
    assert (found, counts.listed, counts.scanned) == (1, 1, 1)
