"""The `connectors` command as admins use it, on an installation that has worked for a while."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from connectors.cli.root import cli
from connectors.errors import StoreUnavailable
from connectors.testing.installation import Installation
from connectors.testing.town import Town


@pytest.fixture(scope="module")
def worked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the configuration and the database of a company whose history has been read."""
    from connectors.cli.sync import settled

    folder = tmp_path_factory.mktemp("worked")
    with Town().running() as town:
        (folder / "connectors.yaml").write_text(town.config(folder), encoding="utf-8")
        installation = Installation(town.config(folder), folder)
        with installation.running(worker=False):
            names = tuple(installation.runtime.config.connections)
            for _ in range(20):
                installation.worker.drain()
                if settled(installation.runtime, names):
                    break
            headers, _ = town.slack.sign(b"{")
            installation.post("acme-slack", *town.slack.sign(b"{"))
            installation.post("acme-slack", {**headers, "x-slack-signature": "v0=0"}, b"{")
        yield folder


@pytest.fixture
def run(worked: Path, tmp_path: Path) -> Any:
    """Run a command on a copy of that installation; return exit code and output."""
    folder = tmp_path / "installation"
    shutil.copytree(worked, folder)

    def call(*arguments: str, stdin: str | None = None) -> tuple[int, str]:
        done = CliRunner().invoke(cli, ["--config", str(folder / "connectors.yaml"), *arguments], input=stdin)
        output = done.output + ("" if isinstance(done.exception, SystemExit) else str(done.exception or ""))
        return done.exit_code, output

    return call


def as_json(run: Any, *arguments: str) -> Any:
    code, output = run(*arguments, "--json")
    assert code == 0, output
    return json.loads(output)


def test_findings_are_listed_shown_decided_and_exported(run: Any) -> None:
    rows = as_json(run, "findings", "list")
    assert len(rows) > 5
    only = as_json(run, "findings", "list", "--severity", "critical", "--state", "open", "--limit", "2")
    assert [row["severity"] for row in only] == ["CRITICAL", "CRITICAL"]
    start = rows[0]["id"][:8]
    assert start in run("findings", "list")[1]
    assert run("findings", "set", start, "false_positive", "--comment", "a test value")[0] == 0
    shown = as_json(run, "findings", "show", start)
    assert [change["after"] for change in shown["history"]] == ["open", "false_positive"]
    assert "a test value" in run("findings", "show", start)[1]
    code, output = run("findings", "confirm", start, "--comment", "it opens the door")
    assert (code, "confirmed, 1 opened again" in output) == (0, True)
    assert as_json(run, "findings", "show", start)["state"] == "open"
    assert "confirmed" in {row["verdict"] for row in as_json(run, "findings", "feedback")}
    assert run("findings", "set", start, "false_positive", "--comment", "a test value")[0] == 0
    for kind in ("ndjson", "csv", "ocsf", "sarif", "junit"):
        code, output = run("findings", "export", "--format", kind)
        assert (code, bool(output.strip())) == (0, True), kind
    assert run("findings", "show", "ffffffffffff")[0] != 0


def test_the_ledger_adds_up(run: Any) -> None:
    found = as_json(run, "coverage", "--gaps")
    assert found["adds_up"]
    assert sum(line["listed"] for line in found["partitions"]) > 20
    assert all(line["pending"] == 0 for line in found["partitions"])
    assert run("coverage", "acme-slack")[0] == 0
    assert "no connection" in run("coverage", "nowhere")[1]


def test_deliveries_that_were_not_understood_are_listed(run: Any) -> None:
    (row,) = as_json(run, "deliveries", "--failed")
    assert (row["connection"], row["state"], bool(row["reason"])) == ("acme-slack", "failed", True)
    assert "not JSON" in run("deliveries", "replay", row["id"][:8])[1]


def test_jobs_alerts_syncs_and_dead_letters(run: Any) -> None:
    assert isinstance(as_json(run, "jobs"), list)
    assert run("jobs", "retry", "--all") == (0, "0 dead letters are ready again.\n")
    assert run("jobs", "retry", "beef")[0] == 2
    assert run("jobs", "retry")[0] == 2
    alerts = as_json(run, "alerts")
    assert {alert["state"] for alert in alerts} == {"delivered"}
    status = as_json(run, "sync", "--status")
    assert {line["state"] for line in status} == {"done"}
    assert run("sync")[0] == 2
    assert run("sync", "acme-slack", "--since", "soon")[0] == 2
    assert run("sync", "acme-slack", "--detach")[0] == 0
    assert [job["queue"] for job in as_json(run, "jobs") if job["state"] == "ready" and job["key"] == "acme-slack"]


def test_plugins_and_detectors(run: Any) -> None:
    rows = {row["name"]: row for row in as_json(run, "plugins", "list")}
    assert (rows["slack"]["loaded"], rows["slack"]["problem"]) == (True, "")
    info = as_json(run, "plugins", "info", "github")
    assert "Syncs" in info["connectors"][0]["powers"]
    assert run("plugins", "info", "nowhere")[0] != 0
    assert len(as_json(run, "detectors", "list")) > 100
    assert run("detectors", "show", "credit_card")[0] == 0
    assert run("detectors", "show", "credit_cart")[0] != 0


def test_the_schema_and_the_keys(run: Any) -> None:
    assert run("db", "check")[0] == 0
    assert "nothing to do" in run("db", "upgrade")[1]
    before = as_json(run, "findings", "list")
    assert len(run("vault", "key")[1].strip()) == 44
    assert run("vault", "rotate")[0] == 0
    assert "under way" in run("vault", "rotate")[1]
    assert run("vault", "finish")[0] == 0
    assert run("vault", "rotate")[0] == 0
    assert as_json(run, "findings", "list") == before
    assert as_json(run, "deliveries", "--failed")


def test_an_action_is_offered_tried_dry_and_refused(run: Any) -> None:
    row = next(row for row in as_json(run, "findings", "list") if row["app"] == "slack")
    code, output = run("act", row["id"])
    assert code == 0
    assert "destructive" in output
    assert run("act", row["id"], "burn", "--yes")[0] == 1
    assert run("act", row["id"], output.split()[0], stdin="n\n")[0] == 1


def test_check_says_what_will_not_work(run: Any, tmp_path: Path) -> None:
    assert run("check", "--offline")[0] in (0, 1)
    bad = tmp_path / "installation" / "connectors.yaml"
    good = bad.read_text()
    bad.write_text(good.replace("min_confidence", "min_confidense").replace("severity: high", "severity: bad"))
    code, output = run("check", "--offline", "--json")
    assert code == 2
    failed = [check["message"] for check in json.loads(output)["checks"] if check["level"] == "failed"]
    assert len(failed) == 3
    bad.write_text(good.replace("detectors: [secret]", "detectors: [sekret]"))
    assert "sekret" in run("check", "--offline")[1]
    bad.write_text(good.split("policies:")[0])
    assert run("check", "--offline")[0] == 1


def test_every_command_explains_itself(run: Any) -> None:
    for name in cli.list_commands(None):  # type: ignore[arg-type]
        code, output = run(name, "--help")
        assert (code, "Usage:" in output) == (0, True), name


def test_the_values_are_nowhere(worked: Path, run: Any) -> None:
    """What was planted is in no file of the installation in the clear, and in no output."""
    from connectors.testing import company

    values = [company.aws_key("deploy"), company.stripe_key("billing"), company.card("refund").replace(" ", "")]
    values += [company.card("refund"), company.github_token("hotfix")]
    kept = b"".join(path.read_bytes() for path in worked.iterdir() if path.is_file())
    said = "".join(run(*command)[1] for command in (("findings", "list"), ("findings", "export"), ("alerts",)))
    for value in values:
        assert value.encode() not in kept
        assert value not in said


def test_the_demo_finds_what_was_planted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.cli.demo.PATIENCE", 110.0)  # it bounds a failure: a machine may be busy
    done = CliRunner().invoke(cli, ["demo", "--once"])
    assert done.exit_code == 0, done.output
    assert "adds up" in done.output


def test_it_is_a_module_too() -> None:
    done = subprocess.run([sys.executable, "-m", "connectors", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("connectors")


def test_a_key_can_be_the_first_thing_that_is_made(tmp_path: Path) -> None:
    (tmp_path / "connectors.yaml").write_text("tenants: {acme: {tier: free}}\n", encoding="utf-8")
    asked = ["--config", str(tmp_path / "connectors.yaml"), "keys"]
    early = CliRunner().invoke(cli, [*asked, "list"])
    assert (type(early.exception), "connectors db upgrade" in str(early.exception)) == (StoreUnavailable, True)
    assert CliRunner().invoke(cli, [*asked, "create", "ci", "--tenant", "acme"]).exit_code == 0
    assert "acme" in CliRunner().invoke(cli, [*asked, "list"]).output
