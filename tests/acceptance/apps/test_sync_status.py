"""`connectors sync --status`: how far each partition is, when it will be ready, and what stopped it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from connectors.cli.root import cli
from connectors.cli.sync import request
from connectors.testing.fakeapps import FakeApps
from connectors.testing.fakeapps.slack import FakeSlack
from connectors.testing.installation import Installation
from connectors.work import sync
from connectors_slack import history
from connectors_slack.connector import SlackConnector

CONFIG = """
connections:
  acme:
    connector: slack
    sync: {{enabled: false}}
    config: {{token: {token}, base_url: {url}/api/, page_size: 10}}
detection: {{cache: cache}}
"""

Run = Callable[..., Any]


@pytest.fixture
def slack() -> FakeSlack:
    fake = FakeSlack()
    channel, user = fake.add_channel("general"), fake.add_user("Ann")
    fake.fill(channel, [user], messages=120, threads=0)
    return fake


@pytest.fixture
def house(slack: FakeSlack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    """A house whose workers take a partition for one page at a time."""
    monkeypatch.setattr(SlackConnector, "budgets", {})
    monkeypatch.setattr(history, "_BATCH", 20)
    monkeypatch.setattr(sync, "SLICE", timedelta(0))
    with FakeApps(slack).running() as apps:
        config = CONFIG.format(token=slack.token, url=apps.url("slack"))
        (tmp_path / "connectors.yaml").write_text(config)
        made = Installation(config, tmp_path)
        with made.running(gateway=False, worker=False):
            yield made


@pytest.fixture
def status(house: Installation) -> Run:
    def run(*arguments: str) -> Any:
        config = str(house.runtime.folder / "connectors.yaml")
        done = CliRunner().invoke(cli, ["--config", config, "sync", "--status", *arguments], catch_exceptions=False)
        assert done.exit_code == 0
        return json.loads(done.stdout) if "--json" in arguments else done.stdout

    return run


def line(lines: list[dict[str, Any]], label: str) -> dict[str, Any]:
    return next(one for one in lines if one["label"] == label)


def test_status_tells_how_far_and_how_long(house: Installation, status: Run) -> None:
    assert status("--json") == []
    request(house.runtime, "acme", from_start=False)
    residency = house.runtime.owner("acme").residency
    for _ in range(5):
        assert house.worker._run_job(residency)
    begun = line(status("acme", "--json"), "#general")
    assert begun["state"] == "reading"
    assert 0 < begun["counts"]["listed"] < 120
    assert begun["counts"]["listed"] < begun["estimate"] < 400
    assert begun["eta_seconds"] > 0
    assert "reading" in status()
    assert "of about" in status()

    house.worker.drain()
    ended = line(status("--json"), "#general")
    assert (ended["state"], ended["eta_seconds"]) == ("done", None)
    assert ended["counts"]["listed"] == ended["counts"]["scanned"] >= 120
    assert ended["finished_at"] > ended["started_at"]
