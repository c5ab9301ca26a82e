"""The whole house with Kafka between the gateway and the worker: one finding, one alert, and a ledger that balances."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from connectors.config.models import StreamSettings
from connectors.store import findings, inbox, ledger, letters
from connectors.store.engine import Row
from connectors.store.ledger import Counts
from connectors.testing.fakeapps import FakeApps
from connectors.testing.fakeapps.slack import FakeSlack
from connectors.testing.installation import Installation
from connectors.testing.planted import aws_key
from connectors.work.kafka import KafkaStream
from connectors.work.kafka.options import topic_of

pytestmark = pytest.mark.kafka


@pytest.fixture
def slack() -> FakeSlack:
    return FakeSlack()


@pytest.fixture
def installation(slack: FakeSlack, settings: StreamSettings, tmp_path: Path) -> Iterator[Installation]:
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
        yield Installation(config, tmp_path)


@pytest.fixture
def house(installation: Installation) -> Iterator[Installation]:
    with installation.running():
        yield installation


@pytest.fixture
def idle(installation: Installation) -> Iterator[Installation]:
    """The same house while no worker runs."""
    with installation.running(worker=False):
        yield installation


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


def on_the_topic(settings: StreamSettings, wanted: int) -> bytes:
    """Return every byte of a topic's messages, as anybody who may read it sees them."""
    from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

    options = {"bootstrap.servers": settings.brokers, "group.id": f"{settings.group}-reader"}
    consumer = Consumer(options)
    consumer.assign([TopicPartition(topic_of(settings, "default"), each, OFFSET_BEGINNING) for each in range(2)])
    seen, count, deadline = b"", 0, time.monotonic() + 30
    while count < wanted and time.monotonic() < deadline:
        message = consumer.poll(0.1)
        if message is not None and message.error() is None:
            seen += message.key() + message.value() + repr(message.headers()).encode()
            count += 1
    consumer.close()
    assert count >= wanted
    return seen


def test_nothing_of_what_people_wrote_is_readable_on_the_topic(
    house: Installation, slack: FakeSlack, settings: StreamSettings
) -> None:
    user, channel = slack.add_user("Nightingale"), slack.add_channel("project-nightingale")
    for number in range(5):
        deliver(house, *slack.post_message(channel, user, f"nightingale {number} {aws_key(str(number))}"))
    raw = on_the_topic(settings, 5)
    assert b"acme-slack" in raw, "this is not what was sent"
    assert b"nightingale" not in raw.lower()
    assert not any(aws_key(str(number)).encode() in raw for number in range(5))


def test_a_dead_letter_is_made_ready_again_and_becomes_a_finding(idle: Installation, slack: FakeSlack) -> None:
    database, publisher = idle.runtime.databases.of("default"), idle.runtime.publisher
    assert publisher is not None
    user, channel = slack.add_user("Ana"), slack.add_channel("general")
    deliver(idle, *slack.post_message(channel, user, f"this is {aws_key('dead')}"))
    stream = KafkaStream(idle.runtime.config.stream, publisher, database, "default", remember=timedelta(days=1))
    rows: list[Row] = []
    deadline = time.monotonic() + 60
    while not rows and time.monotonic() < deadline:
        rows = stream.claim(10, now=idle.runtime.now(), avoid=())
    for row in rows:
        key = (row["tenant"], row["connection"], row["partition"], row["generation"])
        failed = [(key, Counts(failed=1))]
        add = partial(ledger.add, database, residency="default", counts=failed, now=idle.runtime.now())
        assert stream.bury(row, reason="gave up", expires_at=None, effects=add)
    stream.close()
    assert counted(idle) == (0, Counts(listed=1, failed=1))
    database.run(lambda c: letters.revive(database, c, "default", now=idle.runtime.now()))
    idle.worker.drain()
    assert counted(idle) == (1, Counts(listed=1, scanned=1))
