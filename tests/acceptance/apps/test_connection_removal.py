"""`connectors connection remove`: the channel at the app is ended, the rows are gone, the audit says who and why."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from connectors.cli.root import cli
from connectors.store import removal
from connectors.store.tables.findings import audit, finding
from connectors.testing.installation import Installation
from connectors.testing.town import Town
from connectors_gdrive.connector import DriveConnector

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def town() -> Iterator[Town]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DriveConnector, "budgets", {})
        with Town().running() as running:
            yield running


@dataclass(frozen=True)
class Read:
    """The folder of an installation that has read everything, and the channels that it opened at the Drive."""

    folder: Path
    channels: dict[str, Any]


@pytest.fixture(scope="module")
def read(town: Town, tmp_path_factory: pytest.TempPathFactory) -> Read:
    """What every test begins with, read once."""
    folder = tmp_path_factory.mktemp("read")
    config = town.config(folder)
    (folder / "connectors.yaml").write_text(config)
    made = Installation(config, folder)
    with made.running(gateway=False, worker=False):
        made.worker.drain()
    assert town.gdrive.channels
    return Read(folder, deepcopy(town.gdrive.channels))


@pytest.fixture
def house(town: Town, read: Read, tmp_path: Path) -> Iterator[Installation]:
    """A house in which the Drive has been read and its channels are open, and which nobody works in any more."""
    shutil.copytree(read.folder, tmp_path, dirs_exist_ok=True)
    town.gdrive.channels.clear()
    town.gdrive.channels.update(deepcopy(read.channels))
    made = Installation((tmp_path / "connectors.yaml").read_text(), tmp_path)
    with made.running(gateway=False, worker=False):
        yield made


@pytest.fixture
def run(house: Installation) -> Run:
    def call(*arguments: str, answer: str = "") -> Result:
        config = str(house.runtime.folder / "connectors.yaml")
        return CliRunner().invoke(cli, ["--config", config, "connection", *arguments], input=answer)

    return call


def turn_off(house: Installation) -> None:
    path = house.runtime.folder / "connectors.yaml"
    path.write_text(path.read_text().replace("connector: gdrive", "connector: gdrive\n    enabled: false"))


def held(house: Installation, name: str, *, findings: bool = True) -> dict[str, int]:
    residency = house.runtime.owner(name).residency
    found: dict[str, int] = house.runtime.databases.of(residency).read(
        lambda c: removal.count(c, residency, name, findings=findings)
    )
    return found


def test_a_dry_run_and_a_refusal_change_nothing(house: Installation, town: Town, run: Run) -> None:
    before = held(house, "acme-gdrive")
    told = json.loads(run("remove", "acme-gdrive", "--findings", "purge", "--dry-run", "--json").stdout)
    assert (told["removed"], told["push_channel"], told["rows"]) == (False, "would be ended", before)
    refused = run("remove", "acme-gdrive", "--yes")
    assert refused.exit_code != 0
    assert "is enabled" in str(refused.exception)
    turn_off(house)
    assert run("remove", "acme-gdrive", answer="n\n").exit_code != 0
    assert held(house, "acme-gdrive") == before
    assert town.gdrive.channels


@pytest.mark.parametrize("findings", ["keep", "purge"])
def test_a_removed_connection_leaves_its_audit_and_what_was_asked_for(
    findings: str, house: Installation, town: Town, run: Run
) -> None:
    others = {name: held(house, name) for name in house.runtime.config.connections if name != "acme-gdrive"}
    turn_off(house)
    done = run("remove", "acme-gdrive", "--findings", findings, "--yes", "--why", "the contract ended", "--json")
    assert (done.exit_code, json.loads(done.stdout)["push_channel"]) == (0, "ended")
    assert town.gdrive.channels == {}
    left = held(house, "acme-gdrive")
    assert held(house, "acme-gdrive", findings=False) == {}
    assert ("finding" in left) == (findings == "keep")
    assert {name: held(house, name) for name in others} == others

    residency = house.runtime.owner("acme-gdrive").residency
    query = sa.select(audit).where(audit.c.subject == "connection:acme-gdrive")
    (row,) = house.runtime.databases.of(residency).read(lambda c: c.execute(query).all())
    assert (row.act, row.result, row.detail["why"]) == ("connection:remove", "done", "the contract ended")
    assert row.actor.startswith("cli:")
    assert row.detail["rows"]["sync_partition"] > 0
    again = run("remove", "acme-gdrive", "--yes", "--json")
    assert json.loads(again.stdout)["rows"] == {}


def test_what_the_configuration_no_longer_names_can_still_be_removed(house: Installation, run: Run) -> None:
    path = house.runtime.folder / "connectors.yaml"
    text = path.read_text()
    start, end = text.index("  acme-gdrive:"), text.index("  acme-jira:")
    path.write_text(text[:start] + text[end:])
    listed = {row["name"]: row["state"] for row in json.loads(run("list", "--json").stdout)}
    assert (listed["acme-gdrive"], listed["acme-slack"]) == ("not configured", "ok")
    assert run("remove", "acme-gdrive", "--findings", "purge", "--yes").exit_code == 0
    query = sa.select(sa.func.count()).select_from(finding).where(finding.c.connection == "acme-gdrive")
    residency = house.runtime.owner("acme-slack").residency
    assert house.runtime.databases.of(residency).read(lambda c: c.execute(query).scalar_one()) == 0


def test_a_name_that_nobody_knows_is_told_so(run: Run) -> None:
    told = run("remove", "acme-gdriv", "--yes")
    assert told.exit_code != 0
    assert "acme-gdrive" in told.exception.hint  # type: ignore[union-attr]
