"""SIGHUP to a running `connectors up`: a good change is served, a bad one changes nothing, and no request notices."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from connectors.testing.fakeapps.slack import FakeSlack
from connectors.testing.planted import aws_key

CONNECTION = """
  {name}:
    connector: slack
    sync: {{enabled: false}}
    config: {{token: {token}, webhook_secret: {secret}, base_url: {url}/api/}}"""

REST = """
policies: [{{name: only, detectors: [{detectors}], min_confidence: POSSIBLE, alert: [screen]}}]
destinations: {{screen: {{kind: console}}}}
gateway: {{port: {port}}}
outbound: {{allow: [127.0.0.0/8]}}
work: {{threads: 1, poll: 0.05}}
detection: {{cache: {cache}}}
dashboard: {{enabled: false}}
log: {{format: json, level: debug}}
"""


@pytest.fixture(scope="module")
def cache(cache_folder: Path) -> Path:
    return cache_folder / "connectors"


@pytest.fixture
def slack() -> FakeSlack:
    return FakeSlack()


class House:
    """One `connectors up` and its configuration file."""

    def __init__(self, folder: Path, slack: FakeSlack, url: str, cache: Path) -> None:
        self.folder, self.slack, self.app_url, self.cache = folder, slack, url, cache
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.channel, self.user = slack.add_channel("general"), slack.add_user("Ana")
        self.log = folder / "log"
        self.process: subprocess.Popen[bytes] | None = None

    def write(self, *connections: str, detectors: str) -> None:
        facts = {"token": self.slack.token, "secret": self.slack.signing_secret, "url": self.app_url}
        listed = "".join(CONNECTION.format(name=name, **facts) for name in connections)
        rest = REST.format(detectors=detectors, port=self.port, cache=self.cache)
        (self.folder / "connectors.yaml").write_text(f"connections:{listed}{rest}")

    def start(self) -> None:
        entry = "from connectors.cli import main; main()"
        command = [sys.executable, "-c", entry, "--config", str(self.folder / "connectors.yaml"), "up"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        wait(self, lambda: self.status("nowhere") == 404)

    def status(self, connection: str, text: str = "hello") -> int:
        headers, body = self.slack.post_message(self.channel, self.user, text)
        url = f"http://127.0.0.1:{self.port}/webhooks/{connection}"
        try:
            return requests.post(url, data=body, headers=headers, timeout=30).status_code
        except requests.ConnectionError:
            return 0

    def reload(self, *, until: str) -> None:
        seen = self.log.read_text().count(until)
        assert self.process is not None
        self.process.send_signal(signal.SIGHUP)
        wait(self, lambda: self.log.read_text().count(until) > seen)

    def count(self, sql: str) -> int:
        with sqlite3.connect(self.folder / "connectors.db") as database:
            return int(database.execute(sql).fetchone()[0])


def wait(house: House, holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert house.process is not None
        assert house.process.poll() is None, house.log.read_text()
        assert time.monotonic() < deadline, house.log.read_text()
        time.sleep(0.05)


@pytest.fixture
def house(tmp_path: Path, slack: FakeSlack, fake_app: Callable[[FakeSlack], str], cache: Path) -> Iterator[House]:
    made = House(tmp_path, slack, fake_app(slack), cache)
    made.write("acme", detectors="email_address")
    made.start()
    yield made
    if made.process is not None and made.process.poll() is None:
        os.kill(made.process.pid, signal.SIGKILL)
        made.process.wait()


def test_a_reload_takes_effect_refuses_mistakes_and_loses_nothing(house: House) -> None:
    answers: list[int] = []
    over = threading.Event()

    def talk() -> None:
        while not over.is_set():
            answers.append(house.status("acme", f"message {len(answers)}"))

    talking = threading.Thread(target=talk)
    talking.start()
    try:
        assert house.status("acme", aws_key("before")) == 200
        assert house.status("beta") == 404
        house.write("acme", "beta", detectors="aws_access_key_id")
        house.reload(until='"reloaded"')
        wait(house, lambda: house.status("beta", aws_key("after")) == 200)
        wait(house, lambda: house.count("SELECT count(*) FROM finding") > 0)
        house.write("acme", detectors="no_such_detector")
        house.reload(until='"reload_refused"')
        (house.folder / "connectors.yaml").write_text("connections: {acme: {connector: slack}}\nwrok: {}\n")
        house.reload(until='"reload_refused"')
        assert house.status("beta") == 200
    finally:
        over.set()
        talking.join()
    assert set(answers) == {200}
    assert len(answers) > 5
    refused = [line for line in house.log.read_text().splitlines() if '"reload_refused"' in line]
    assert "no_such_detector" in refused[0]
    assert "wrok" in refused[1]
    assert house.process is not None
    house.process.terminate()
    assert house.process.wait(60) == 0
    assert house.count("SELECT count(*) FROM delivery WHERE connection = 'acme'") == len(answers) + 1
    assert house.count("SELECT count(*) FROM finding WHERE connection = 'beta'") == 1


def test_a_change_that_only_a_start_takes_up_is_told(house: House) -> None:
    house.port += 1
    house.write("acme", detectors="email_address")
    house.port -= 1
    house.reload(until='"restart_needed"')
    assert '"key": "gateway.port"' in house.log.read_text()
    assert house.status("acme") == 200


IDS = {
    "delivery_accepted": {"delivery", "events", "connection", "tenant", "residency"},
    "event_recorded": {"event_id", "connection", "tenant", "residency"},
    "alert_delivered": {"alert", "destination", "job", "queue", "connection", "tenant", "residency"},
    "job_done": {"job", "queue", "connection", "tenant", "residency"},
}


def test_the_lines_of_one_webhook_hang_together_and_hold_none_of_it(house: House) -> None:
    house.write("acme", detectors="aws_access_key_id")
    house.reload(until='"reloaded"')
    assert house.status("acme", f"swordfish {aws_key('walk')}") == 200
    wait(house, lambda: '"alert_delivered"' in house.log.read_text())
    wait(house, lambda: '"job_done"' in house.log.read_text().partition('"alert_delivered"')[2])
    text = house.log.read_text()
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    for name, wanted in IDS.items():
        found = [line for line in lines if line["event"] == name]
        assert found, name
        assert all(wanted <= line.keys() for line in found), name
    [delivered] = [line for line in lines if line["event"] == "delivery_accepted"]
    [recorded] = [line for line in lines if line["event"] == "event_recorded"]
    assert delivered["events"] == [recorded["event_id"]]
    told = next(line for line in lines if line["event"] == "alert_delivered")
    assert told["job"] in {line["job"] for line in lines if line["event"] == "job_done"}
    shown = [line for line in text.splitlines() if "swordfish" in line or aws_key("walk") in line]
    assert shown == []
