"""`connectors check` asks the apps and the database, and its exit code says how bad it is."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from connectors.cli.root import cli
from connectors.testing.fakeapps import FakeApps
from connectors.testing.fakeapps.slack import FakeSlack
from connectors.vault import new_key


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    app = FakeSlack()
    app.add_channel("general")
    with FakeApps(app).running():
        yield app


def checked(slack: FakeSlack, folder: Path, *, token: str, database: str = "sqlite:///c.db") -> tuple[int, Any]:
    (folder / "connectors.yaml").write_text(
        f"""
database: {{url: "{database}"}}
vault: {{keys: [{new_key()}], fingerprint_key: invented}}
gateway: {{public_url: "https://dlp.acme.example"}}
connections:
  acme-slack:
    connector: slack
    config: {{token: {token}, webhook_secret: {slack.signing_secret}, base_url: "{slack.base_url}/api/"}}
policies: [{{name: secrets, detectors: [secret], alert: [log]}}]
destinations: {{log: {{kind: console}}}}
"""
    )
    done = CliRunner().invoke(cli, ["--config", str(folder / "connectors.yaml"), "check", "--json"])
    assert token not in done.output
    return done.exit_code, json.loads(done.stdout)


def failed(said: Any) -> set[str]:
    return {each["subject"] for each in said["checks"] if each["level"] == "failed"}


def test_what_works_is_no_failure(slack: FakeSlack, tmp_path: Path) -> None:
    code, said = checked(slack, tmp_path, token=slack.token)
    assert (code, failed(said)) == ({"ok": 0, "warning": 1}[said["level"]], set())
    assert ("POST", "/api/auth.test") in slack.calls


def test_a_token_that_is_refused_is_a_failure(slack: FakeSlack, tmp_path: Path) -> None:
    code, said = checked(slack, tmp_path, token="xoxb-" + "refused-9")
    assert (code, said["level"], failed(said)) == (2, "failed", {"acme-slack"})


def test_an_app_that_is_away_is_a_failure(slack: FakeSlack, tmp_path: Path) -> None:
    token = slack.token
    slack.fail(None, times=1000)
    assert failed(checked(slack, tmp_path, token=token)[1]) == {"acme-slack"}


def test_a_database_that_is_away_is_a_failure(slack: FakeSlack, tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        away = f"postgresql://nobody@127.0.0.1:{closed.getsockname()[1]}/gone"
        code, said = checked(slack, tmp_path, token=slack.token, database=away)
    assert code == 2
    assert any(each["name"] == "database" and each["level"] == "failed" for each in said["checks"])
    assert "acme-slack" not in failed(said)
    assert slack.calls == []
