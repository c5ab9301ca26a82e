"""Actions by the command, on every app: a dry run changes nothing, a real one does, a second has nothing to do."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from connectors.cli.root import cli
from connectors.store import findings
from connectors.store.engine import Row
from connectors.store.tables.findings import audit
from connectors.testing.installation import Installation
from connectors.testing.town import Town
from connectors_confluence.connector import ConfluenceConnector
from connectors_gdrive.connector import DriveConnector
from connectors_github.connector import GitHubConnector
from connectors_jira.connector import JiraConnector
from connectors_slack.connector import SlackConnector

Show = Callable[[Town], object]


def _drive(town: Town) -> object:
    return {name: file.entry["permissions"] for name, file in town.gdrive.files.items()}


def _github(town: Town) -> object:
    return {name: repr(repo.issues) for name, repo in town.github.repos.items()}


CASES: dict[str, tuple[str, str, Show, str]] = {
    "slack": ("thread reply in #engineering", "delete_message", lambda town: town.slack.messages, ""),
    "github": ("pull request body", "redact", _github, ""),
    "gdrive": ("Google sheet that anyone with the link can read", "unshare_link", _drive, ""),
    "jira": ("comment on an issue", "redact", lambda town: town.jira.issues, ""),
    "confluence": ("code block on a page", "redact", lambda town: town.confluence.contents, "old version"),
}
"""For each app: where the value stands, what is done, what of the app to compare, what must be said to remain."""


@pytest.fixture(scope="module")
def town() -> Iterator[Town]:
    with pytest.MonkeyPatch.context() as patch:
        for connector in (SlackConnector, GitHubConnector, DriveConnector, JiraConnector, ConfluenceConnector):
            patch.setattr(connector, "budgets", {})
        with Town().running() as running:
            yield running


@pytest.fixture(scope="module")
def house(town: Town, tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("actions")
    config = town.config(folder) + f"detection: {{cache: {cache}}}\n"
    (folder / "connectors.yaml").write_text(config)
    made = Installation(config, folder)
    with made.running(gateway=False, worker=False):
        made.worker.drain()
        yield made


@pytest.fixture
def act(house: Installation) -> Callable[..., Result]:
    """Run `connectors act`."""

    def run(*arguments: str) -> Result:
        config = str(house.runtime.folder / "connectors.yaml")
        return CliRunner().invoke(cli, ["--config", config, "act", *arguments, "--json"], catch_exceptions=False)

    return run


def found(house: Installation, town: Town, app: str, place: str) -> Row:
    """Return the finding of a planted value."""
    planted = next(one for one in town.planted if (one.app, one.place) == (app, place))
    residency = house.runtime.owner(f"acme-{app}").residency
    rows = house.runtime.databases.of(residency).read(lambda c: findings.listed(c, residency, limit=500))
    row: Row = next(row for row in rows if (row["resource_id"], row["family"]) == (planted.resource, planted.family))
    return row


def audited(house: Installation, row: Row) -> list[Any]:
    """Return what the audit says of a finding, oldest first."""
    query = sa.select(audit).where(audit.c.subject == f"finding:{row['id']}").order_by(audit.c.at)
    return list(house.runtime.databases.of(row["residency"]).read(lambda c: c.execute(query).all()))


def shown(value: object) -> str:
    return json.dumps(value, default=str, sort_keys=True)


@pytest.mark.parametrize("app", CASES)
def test_dry_run_real_run_and_second_run(app: str, house: Installation, town: Town, act: Callable[..., Result]) -> None:
    place, action, show, remains = CASES[app]
    row, before = found(house, town, app, place), shown(show(town))

    tried = act(str(row["id"]), action, "--dry-run", "--why", "a trial")
    assert (tried.exit_code, json.loads(tried.stdout)["state"]) == (0, "dry_run")
    assert shown(show(town)) == before

    done = act(str(row["id"]), action, "--yes", "--why", "asked by its author")
    assert (done.exit_code, json.loads(done.stdout)["state"]) == (0, "done")
    after = shown(show(town))
    assert after != before
    assert remains in json.loads(done.stdout)["remaining"]

    again = act(str(row["id"]), action, "--yes", "--why", "once more")
    assert json.loads(again.stdout)["state"] == "nothing_to_do"
    assert shown(show(town)) == after

    rows = audited(house, row)
    assert [one.result for one in rows] == ["dry_run", "done", "nothing_to_do"]
    assert [one.detail["why"] for one in rows] == ["a trial", "asked by its author", "once more"]
    assert {one.act for one in rows} == {f"action:{action}"}
    assert all(one.actor.startswith("cli:") for one in rows)
    assert len(rows[1].detail["before_hash"]) == 64


def test_without_an_action_the_command_lists_what_there_is(
    house: Installation, town: Town, act: Callable[..., Result]
) -> None:
    row = found(house, town, "gdrive", "Google document")
    assert "unshare_link" in act(str(row["id"])).stdout


def test_an_action_of_another_kind_is_refused(house: Installation, town: Town, act: Callable[..., Result]) -> None:
    row = found(house, town, "slack", "file in #engineering")
    refused = act(str(row["id"]), "delete_message", "--yes")
    assert refused.exit_code == 1
