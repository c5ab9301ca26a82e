"""`kill -9` of real worker processes at random moments: no event lost, no finding doubled, no alert doubled."""

from __future__ import annotations

import base64
import hashlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from connectors.config import parse_config
from connectors.model import Delivery
from connectors.runtime import Runtime
from connectors.store import inbox, ledger
from connectors.store.inbox import Arrival, prepare
from connectors.store.migrations import upgrade
from connectors.store.tables import metadata
from connectors.testing.company import aws_key
from connectors.testing.fakeapps.slack import FakeSlack
from connectors.work.context import Connections

EVENTS = 120

CONFIG = """
connections:
  acme-slack:
    connector: slack
    sync: {{enabled: false}}
    config: {{token: {token}, webhook_secret: {secret}, base_url: {slack}/api/}}
policies:
  - {{name: secrets, detectors: [secret], alert: [hook]}}
destinations:
  hook:
    kind: webhook
    config: {{url: "{url}", secret: whsec_{key}, allow_http: true}}
    throttle: {{limit: 100000}}
outbound: {{allow: [127.0.0.0/8]}}
work: {{threads: 2, batch: 20, lease: 2s, poll: 0.05}}
log: {{level: error}}
"""


class Receiver:
    """An idempotent receiver of alerts: it keeps the ids, and counts what it was told under each."""

    def __init__(self) -> None:
        self.told: dict[str, set[str]] = {}
        told = self.told

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                told.setdefault(self.headers["webhook-id"], set()).add(hashlib.sha256(body).hexdigest())
                self.send_response(204)
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/alerts"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def slack() -> FakeSlack:
    return FakeSlack()


@pytest.fixture
def runtime(tmp_path: Path, receiver: Receiver, slack: FakeSlack, fake_app: Any) -> Iterator[Runtime]:
    key = base64.b64encode(b"secret" * 6).decode()
    text = CONFIG.format(
        url=receiver.url, secret=slack.signing_secret, key=key, slack=fake_app(slack), token=slack.token
    )
    (tmp_path / "connectors.yaml").write_text(text)
    made = Runtime.open(parse_config(text, folder=tmp_path), folder=tmp_path)
    upgrade(made.databases.of("default"))
    fill(made, slack)
    yield made
    made.close()


def fill(runtime: Runtime, slack: FakeSlack) -> None:
    channel, user = slack.add_channel("general"), slack.add_user("Ana", email="ana@acme.example")
    connector: Any = Connections(runtime).get("acme-slack")
    database, now = runtime.databases.of("default"), datetime.now(UTC)
    arrivals = []
    for number in range(EVENTS):
        headers, body = slack.post_message(channel, user, f"key {aws_key(str(number))}")
        receipt = connector.receive(Delivery("acme-slack", headers, body), now)
        arrival = Arrival("default", "default", "acme-slack", receipt.delivery_id, now, receipt.events)
        arrivals.append(prepare(arrival, vault=runtime.vault, shards=database.shards))
    database.run(lambda c: inbox.accept(database, c, arrivals, now=now))


def start(folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", "from connectors.cli import main; main()"]
    return subprocess.Popen([*command, "--config", str(folder / "connectors.yaml"), "worker"], cwd=folder)


def count(runtime: Runtime, table: str, **equal: Any) -> int:
    wanted = metadata.tables[table]
    query = sa.select(sa.func.count()).select_from(wanted).where(*(wanted.c[k] == v for k, v in equal.items()))
    return int(runtime.databases.of("default").read(lambda c: c.execute(query).scalar_one()))


def wait_for(runtime: Runtime, at_least: int, process: subprocess.Popen[bytes], *, table: str, **equal: Any) -> None:
    # Long, because it only bounds a failure: on a machine that does much else a process takes long to start.
    deadline = time.monotonic() + 240
    while count(runtime, table, **equal) < at_least:
        assert process.poll() is None, "the worker ended by itself"
        assert time.monotonic() < deadline, f"{count(runtime, table, **equal)} of {at_least} after four minutes"
        time.sleep(0.05)


@pytest.mark.timeout(600)
def test_killed_at_random_moments_nothing_is_lost_and_nothing_doubled(
    runtime: Runtime, receiver: Receiver, tmp_path: Path
) -> None:
    chance = random.Random(7)
    for share in (0.1, 0.6):
        process = start(tmp_path)
        wait_for(runtime, int(EVENTS * share), process, table="alert", state="delivered")
        time.sleep(chance.uniform(0, 0.05))
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    process = start(tmp_path)
    wait_for(runtime, EVENTS, process, table="alert", state="delivered")
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert count(runtime, "finding") == count(runtime, "finding", state="open") == EVENTS
    assert count(runtime, "finding_change") == EVENTS
    assert count(runtime, "alert") == count(runtime, "alert", state="delivered") == EVENTS
    assert len(receiver.told) == EVENTS
    assert count(runtime, "inbox") == 0
    lines = runtime.databases.of("default").read(lambda c: ledger.coverage(c, "default"))
    assert [(line.counts.listed, line.holds) for line in lines] == [(EVENTS, True)]


def test_a_worker_that_is_asked_to_stop_ends_what_it_holds(
    runtime: Runtime, receiver: Receiver, tmp_path: Path
) -> None:
    process = start(tmp_path)
    wait_for(runtime, 20, process, table="finding")
    os.kill(process.pid, signal.SIGTERM)
    assert process.wait(30) == 0
    held = metadata.tables["inbox"].c.lease
    query = sa.select(sa.func.count()).where(held.is_not(None))
    assert runtime.databases.of("default").read(lambda c: c.execute(query).scalar_one()) == 0
    assert count(runtime, "finding") + count(runtime, "inbox") == EVENTS
