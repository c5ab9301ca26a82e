"""The vault's keys are rotated beside gateway and worker: nothing that rests becomes unreadable on its way."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from connectors.config import parse_config
from connectors.runtime import Runtime
from connectors.store import inbox, letters
from connectors.store.rotation import rotate_all
from connectors.testing.fakeapps import FakeApps
from connectors.testing.fakeapps.slack import FakeSlack
from connectors.testing.installation import Installation
from connectors.testing.planted import aws_key
from connectors.vault import new_key

CONFIG = """
database: {{url: "sqlite:///house.db"}}
vault: {{keys: [{keys}], fingerprint_key: {fingerprint}}}
connections:
  acme-slack:
    connector: slack
    sync: {{enabled: false}}
    config: {{token: {token}, webhook_secret: {secret}, base_url: "{url}/api/"}}
policies: [{{name: credentials, detectors: [secret], min_confidence: POSSIBLE}}]
outbound: {{allow: [127.0.0.0/8]}}
work: {{threads: 2, poll: 0.02, batch: 5}}
retention: {{bodies: 1d}}
"""


def test_keys_are_rotated_beside_gateway_and_worker(tmp_path: Path) -> None:
    old, new, fingerprint = new_key(), new_key(), new_key()
    slack = FakeSlack()
    channel, user = slack.add_channel("general"), slack.add_user("Ana")
    with FakeApps(slack).running() as apps:
        facts = {"fingerprint": fingerprint, "token": slack.token, "secret": slack.signing_secret}
        facts["url"] = apps.url("slack")

        def config(*keys: str) -> str:
            return CONFIG.format(keys=", ".join(keys), **facts)

        def post(house: Installation, number: int) -> None:
            headers, body = slack.post_message(channel, user, f"key {number} {aws_key(str(number))}")
            assert house.post("acme-slack", headers, body).status_code == 200

        before = Installation(config(old), tmp_path)
        with before.running(worker=False):
            for number in range(10):
                post(before, number)
        running = Installation(config(new, old), tmp_path)
        over = threading.Event()
        rotated: list[int] = []

        def rotate() -> None:
            while not over.is_set():
                rotated.append(rotate_all(running.runtime.databases, running.runtime.vault))

        with running.running():
            turning = threading.Thread(target=rotate)
            turning.start()
            for number in range(10, 40):
                post(running, number)
            wait_until_empty(running)
            over.set()
            turning.join()
            rotate_all(running.runtime.databases, running.runtime.vault)
        assert sum(rotated) > 0
        after = Runtime.open(parse_config(config(new), folder=tmp_path), folder=tmp_path)
        database = after.databases.of("default")
        assert database.read(lambda c: letters.dead_events(c, "default")) == []
        assert len(database.read(lambda c: inbox_of(c))) == 40
        rotate_all(after.databases, after.vault)  # what the old key alone could read would raise here
        after.close()


def wait_until_empty(house: Installation) -> None:
    database, pause = house.runtime.databases.of("default"), threading.Event()
    for _ in range(1200):
        if not database.read(lambda c: inbox.backlog(c, "default", now=house.runtime.now())).events:
            return
        pause.wait(0.05)
    raise AssertionError("the backlog does not drain")


def inbox_of(connection: Any) -> list[Any]:
    from connectors.store import findings

    return findings.listed(connection, "default", limit=100)
