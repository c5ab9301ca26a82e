"""Every action of every app by the command: dry run, real run, nothing left to do, value gone before, and the audit."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from connectors.cli.root import cli
from connectors.store import findings
from connectors.store.engine import Row
from connectors.store.tables.findings import audit
from connectors.testing.fakeapps import FakeApps
from connectors.testing.fakeapps.confluence import FakeConfluence
from connectors.testing.fakeapps.gdrive import FakeDrive, service_account
from connectors.testing.fakeapps.github import FakeGitHub
from connectors.testing.fakeapps.jira import FakeJira
from connectors.testing.fakeapps.slack import FakeSlack
from connectors.testing.installation import Installation
from connectors.testing.planted import aws_key
from connectors_confluence.connector import ConfluenceConnector
from connectors_gdrive.connector import DriveConnector
from connectors_github.connector import GitHubConnector
from connectors_jira.connector import JiraConnector
from connectors_slack.connector import SlackConnector

CLASSES: tuple[Any, ...] = (SlackConnector, GitHubConnector, DriveConnector, JiraConnector, ConfluenceConnector)
CLEAN = "nothing to see here"


class World:
    """The five apps, Jira and Confluence twice: on Cloud and on Data Center."""

    def __init__(self) -> None:
        def now() -> datetime:
            return datetime.now(UTC)

        self.slack, self.github, self.gdrive = FakeSlack(), FakeGitHub(), FakeDrive()
        self.jira, self.jira_dc = FakeJira(now=now), FakeJira(cloud=False, now=now)
        self.confluence, self.confluence_dc = FakeConfluence(now=now), FakeConfluence(cloud=False, now=now)
        self.slack.scopes += ",discovery:write"
        self.channel, self.user = self.slack.add_channel("general"), self.slack.add_user("Ann")
        self.login = self.github.add_user("ana")
        self.repo = self.github.add_repo("api")
        self.github.limit = self.github.remaining = 100_000
        self.quarantine = self.gdrive.add_file("Quarantine", mime="folder")
        for jira in (self.jira, self.jira_dc):
            jira.add_project("OPS", "Operations")
        for confluence in (self.confluence, self.confluence_dc):
            confluence.add_space("ENG", "Engineering")


@dataclass(frozen=True)
class Case:
    """One action: a thing that holds a text, the same thing without it, and what must be said to remain."""

    connection: str
    action: str
    make: Callable[[World, str], str]
    """Make the thing; return the id of its resource."""
    clean: Callable[[World, str], object]
    """Take the text out of the thing, or the thing away."""
    remains: str = ""
    """What the outcome must say is left, as a pattern; empty where nothing may be said to be left."""
    first: str = ""
    """The action that must come before it."""

    def __str__(self) -> str:
        return f"{self.connection}-{self.action}"


def message(world: World, text: str) -> str:
    return f"message:{world.channel}:{world.slack.write(world.channel, world.user, text)}"


def unsay(world: World, resource: str) -> None:
    _, channel, ts = resource.split(":")
    world.slack.edit_message(channel, ts, CLEAN)


def slack_file(world: World, text: str) -> str:
    return f"file:{world.slack.add_file(world.channel, world.user, 'notes.txt', text.encode())}"


def issue(world: World, text: str) -> str:
    world.github.open_issue(world.repo, world.login, "Look at this", text)
    return f"issue:{world.github.repos[world.repo].id}:{world.github.last_number}"


def reword(world: World, resource: str) -> None:
    number = int(resource.rpartition(":")[2])
    world.github.edit_issue(world.repo, number, login=world.login, body=CLEAN)


def file(world: World, text: str) -> str:
    made = world.gdrive.add_file("notes.txt", text)
    world.gdrive.share(made, type="anyone", role="reader")
    world.gdrive.share(made, type="user", role="reader", emailAddress="eve@elsewhere.example")
    return f"file:{made}"


def empty(world: World, resource: str) -> None:
    world.gdrive.edit_file(resource.removeprefix("file:"), CLEAN)


def of_jira(name: str, action: str) -> Case:
    def comment(world: World, text: str) -> str:
        jira: FakeJira = getattr(world, name)
        made = jira.add_issue("OPS", "A question")
        return f"comment:{made['id']}:{jira.add_comment(made['id'], text)['id']}"

    def reword_comment(world: World, resource: str) -> None:
        _, ident, number = resource.split(":")
        getattr(world, name).edit_comment(ident, number, CLEAN)

    return Case(name.replace("_", "-"), action, comment, reword_comment)


def attached_to_jira(name: str) -> Case:
    def attach(world: World, text: str) -> str:
        jira: FakeJira = getattr(world, name)
        return f"attachment:{jira.add_attachment(jira.add_issue('OPS', 'A log')['id'], 'a.log', text.encode())['id']}"

    def detach(world: World, resource: str) -> None:
        held = getattr(world, name).issues.values()
        for one in held:
            attached = one["fields"]["attachment"]
            attached[:] = [a for a in attached if a["id"] != resource.removeprefix("attachment:")]

    return Case(name.replace("_", "-"), "delete_attachment", attach, detach)


def of_page(name: str, action: str, remains: str = "", first: str = "") -> Case:
    def page(world: World, text: str) -> str:
        confluence: FakeConfluence = getattr(world, name)
        return f"page:{confluence.add_page('ENG', f'Notes {len(confluence.contents)}', f'<p>{text}</p>')}"

    def rewrite(world: World, resource: str) -> None:
        confluence: FakeConfluence = getattr(world, name)
        ident = resource.removeprefix("page:")
        confluence.edit(ident, body=f"<p>{CLEAN}</p>")
        if action == "remove_old_versions":
            for version in confluence.contents[ident]["versions"]:
                version["body"] = f"<p>{CLEAN}</p>"

    return Case(name.replace("_", "-"), action, page, rewrite, remains, first=first)


def attached_to_page(name: str) -> Case:
    def attach(world: World, text: str) -> str:
        confluence: FakeConfluence = getattr(world, name)
        page = confluence.add_page("ENG", f"Files {len(confluence.contents)}", "<p>below</p>")
        return f"attachment:{confluence.add_attachment(page, 'a.txt', text.encode())}"

    def detach(world: World, resource: str) -> None:
        getattr(world, name).contents.pop(resource.removeprefix("attachment:"))

    return Case(name.replace("_", "-"), "delete_attachment", attach, detach)


CASES = (
    Case("slack", "delete_message", message, unsay),
    Case("slack", "tombstone", message, unsay, "kept for legal hold"),
    Case("slack", "notify_author", message, unsay, "stays until the author removes it"),
    Case("slack", "delete_file", slack_file, lambda world, resource: world.slack.files.pop(resource[5:])),
    Case("github", "redact", issue, reword, "edit history still holds it"),
    Case("github", "comment", issue, reword, "the value stays"),
    *(
        Case("gdrive", action, file, empty, "still hold")
        for action in ("unshare_link", "remove_external", "restrict_download", "quarantine")
    ),
    of_jira("jira", "redact"),
    of_jira("jira", "redact_job"),
    of_jira("jira_dc", "redact"),
    attached_to_jira("jira"),
    attached_to_jira("jira_dc"),
    of_page("confluence", "redact", "old version"),
    of_page("confluence", "remove_old_versions", first="redact"),
    of_page("confluence_dc", "redact", "old version"),
    of_page("confluence_dc", "remove_old_versions", first="redact"),
    attached_to_page("confluence"),
    attached_to_page("confluence_dc"),
)


@dataclass
class Planted:
    """A case's two things, by the key that each holds: one to act on, one that is cleaned before."""

    case: Case
    resources: dict[str, str]


@pytest.fixture(scope="module")
def world() -> World:
    return World()


@pytest.fixture(scope="module")
def planted(world: World) -> dict[str, Planted]:
    made = {}
    for case in CASES:
        keys = {which: aws_key(f"{case}{which}") for which in ("there", "gone")}
        made[str(case)] = Planted(case, {which: case.make(world, f"use {key} now") for which, key in keys.items()})
    return made


@pytest.fixture(scope="module")
def house(
    world: World, planted: dict[str, Planted], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    assert planted
    folder = tmp_path_factory.mktemp("actions")
    cloud = FakeApps(world.slack, world.github, world.gdrive, world.jira, world.confluence)
    own = FakeApps(world.jira_dc, world.confluence_dc)
    with pytest.MonkeyPatch.context() as patch, cloud.running(), own.running():
        for connector in CLASSES:
            patch.setattr(connector, "budgets", {})
        tree = {
            "connections": connections(world, cloud, own),
            "policies": [{"name": "credentials", "detectors": ["secret"], "min_confidence": "POSSIBLE"}],
            "outbound": {"allow": ["127.0.0.0/8"]},
        }
        (folder / "connectors.yaml").write_text(json.dumps(tree))
        made = Installation(json.dumps(tree), folder)
        with made.running(gateway=False, worker=False):
            made.worker.drain()
            yield made


def connections(world: World, cloud: FakeApps, own: FakeApps) -> dict[str, Any]:
    """Return the configuration of every connection, with the right to act."""
    slack, github = world.slack, world.github
    configs: dict[str, dict[str, Any]] = {
        "slack": {
            "token": slack.token, "user_token": slack.user_token, "discovery_token": slack.user_token,
            "base_url": cloud.url("slack") + "/api/",
        },
        "github": {"token": github.token, "api_url": cloud.url("github"), "raw_url": cloud.url("github") + "/raw"},
        "gdrive": {
            "service_account": service_account(cloud.url("gdrive")), "users": ["ana@acme.example"], "act": True,
            "api_url": cloud.url("gdrive"), "quarantine_folder": world.quarantine,
        },
        "jira": {"url": cloud.url("jira"), "cloud": True, "email": world.jira.email, "token": world.jira.token},
        "jira-dc": {"url": own.url("jira"), "cloud": False, "pat": world.jira_dc.pat},
        "confluence": {
            "url": cloud.url("confluence") + "/wiki", "cloud": True, "email": world.confluence.email,
            "token": world.confluence.token,
        },
        "confluence-dc": {"url": own.url("confluence"), "cloud": False, "pat": world.confluence_dc.pat},
    }  # fmt: skip
    return {name: {"connector": name.split("-")[0], "config": config} for name, config in configs.items()}


def act(house: Installation, row: Row, action: str, *more: str) -> dict[str, Any]:
    config = str(house.runtime.folder / "connectors.yaml")
    arguments = ["--config", config, "act", str(row["id"]), action, *more, "--yes", "--json"]
    done = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    found: dict[str, Any] = json.loads(done.stdout)
    assert (done.exit_code == 0) == (found["state"] in ("done", "nothing_to_do", "dry_run")), found
    return found


def finding(house: Installation, connection: str, resource: str) -> Row:
    residency = house.runtime.owner(connection).residency
    rows = house.runtime.databases.of(residency).read(lambda c: findings.listed(c, residency, limit=500))
    return next(row for row in rows if (row["connection"], row["resource_id"]) == (connection, resource))


def shown(world: World, connection: str) -> str:
    """Return everything of an app that an action could change."""
    fake: Any = getattr(world, connection.replace("-", "_"))
    held = ("messages", "files", "repos", "issues", "contents", "drives")
    return repr([one for name in held if (one := getattr(fake, name, None))])


@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_action_by_the_command(case: Case, house: Installation, world: World, planted: dict[str, Planted]) -> None:
    row = finding(house, case.connection, planted[str(case)].resources["there"])
    if case.first:
        assert act(house, row, case.first)["state"] == "done"
    before = shown(world, case.connection)
    tried = act(house, row, case.action, "--dry-run", "--why", "a trial")
    assert tried["state"] == "dry_run", tried
    assert shown(world, case.connection) == before

    done = act(house, row, case.action, "--why", "asked by its author")
    assert done["state"] == "done", done
    assert shown(world, case.connection) != before
    assert re.search(case.remains or r"^$", done["remaining"]), done
    again = act(house, row, case.action, "--why", "once more")
    assert again["state"] == "nothing_to_do", again

    query = sa.select(audit).where(audit.c.subject == f"finding:{row['id']}", audit.c.act == f"action:{case.action}")
    rows = house.runtime.databases.of(row["residency"]).read(lambda c: c.execute(query.order_by(audit.c.at)).all())
    assert [one.result for one in rows] == ["dry_run", "done", "nothing_to_do"]
    assert [one.detail["why"] for one in rows] == ["a trial", "asked by its author", "once more"]
    assert all(one.actor.startswith("cli:") for one in rows)
    assert len(rows[1].detail["before_hash"]) == 64


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_value_that_is_gone_is_left_alone(
    case: Case, house: Installation, world: World, planted: dict[str, Planted]
) -> None:
    resource = planted[str(case)].resources["gone"]
    row = finding(house, case.connection, resource)
    case.clean(world, resource)
    before = shown(world, case.connection)
    assert act(house, row, case.action)["state"] == "nothing_to_do"
    assert shown(world, case.connection) == before


def test_no_action_is_left_out() -> None:
    tested = {(case.connection.split("-")[0], case.action) for case in CASES}
    assert tested == {(connector.name, spec.name) for connector in CLASSES for spec in connector.actions}


PAGES = Path(__file__).parents[3] / "docs" / "apps"
DOCUMENTED = {
    app: [
        re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(address))
        for address in re.findall(r"(?m)^\| [^|]+ \| `([A-Z]+ /\S+)` \|", (PAGES / f"{app}.md").read_text())
    ]
    for app in ("jira", "confluence")
}
"""What the apps' pages say that is called on Cloud, each beside the page of Atlassian that documents it."""


@pytest.mark.parametrize("app", DOCUMENTED)
def test_every_address_on_cloud_is_a_documented_one(app: str, world: World, planted: dict[str, Planted]) -> None:
    made = getattr(world, app).requests
    asked = {f"{request.method} {request.path}" for request in made if not request.path.startswith("/media/")}
    assert asked
    assert not [call for call in asked if not any(re.fullmatch(known, call) for known in DOCUMENTED[app])]
