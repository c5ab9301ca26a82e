"""Policies that act later, on every app: from webhook or sync to the action, its audit, and the end of the finding.

The apps post nothing after an action here: that a finding ends is our own reading.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from connectors.cli.root import cli
from connectors.store import findings
from connectors.store.engine import Database, Row
from connectors.store.tables.findings import audit
from connectors.store.tables.intake import job
from connectors.store.tables.routing import action_run
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

CONFIG = """
gateway: {{public_url: "https://dlp.example"}}
connections:
  acme: {{connector: {app}, sync: {{enabled: false}}, config: {config}}}
policies:
  - {{name: keys, detectors: [secret], min_confidence: POSSIBLE, actions: [{{do: {action}, after: 2d}}]}}
detection: {{cache: {cache}}}
outbound: {{allow: [127.0.0.0/8]}}
"""

Webhook = tuple[dict[str, str], bytes]


class App(ABC):
    """One fake app as this test needs it. `left` is what the action must say to remain."""

    name: str
    action: str
    left: str = ""
    ends: str = "resolved"
    """The state of a finding after the action: where the content stays, it stays open."""
    fake: Any

    @abstractmethod
    def config(self, url: str, folder: Path) -> dict[str, Any]:
        """Return the connection's settings."""

    @abstractmethod
    def leak(self, value: str) -> tuple[str, list[Webhook]]:
        """Let somebody write a value; return the resource and what the app posts about it."""

    @abstractmethod
    def clean(self, resource: str) -> None:
        """Let somebody take the value out, of which no webhook arrives."""

    @abstractmethod
    def delete(self, resource: str) -> None:
        """Let somebody delete it, of which no webhook arrives."""

    @abstractmethod
    def look(self, resource: str) -> object:
        """Return what stands there now, in JSON's types."""


class Slack(App):
    name, action = "slack", "delete_message"

    def __init__(self) -> None:
        self.fake = FakeSlack(start=datetime.now(UTC).timestamp() - 600)
        self.user = self.fake.add_user("Ana")
        self.channel = self.fake.add_channel("general")

    def config(self, url: str, folder: Path) -> dict[str, Any]:
        tokens = {"token": self.fake.token, "user_token": self.fake.user_token}
        return {**tokens, "webhook_secret": self.fake.signing_secret, "base_url": f"{url}/api/"}

    def leak(self, value: str) -> tuple[str, list[Webhook]]:
        posted = self.fake.post_message(self.channel, self.user, f"use {value}")
        return f"message:{self.channel}:{self.fake.last_ts}", [posted]

    def clean(self, resource: str) -> None:
        self.fake.edit_message(self.channel, resource.split(":")[2], "it is in the vault now")

    def delete(self, resource: str) -> None:
        self.fake.delete_message(self.channel, resource.split(":")[2])

    def look(self, resource: str) -> object:
        return self.fake.messages[self.channel].get(resource.split(":")[2])


class GitHub(App):
    name, action, left = "github", "redact", "edit history"

    def __init__(self) -> None:
        self.fake = FakeGitHub(start=datetime.now(UTC).timestamp() - 600)
        self.fake.add_user("ana")
        self.repo = self.fake.add_repo("orders")

    def config(self, url: str, folder: Path) -> dict[str, Any]:
        secret = self.fake.webhook_secret
        return {"token": self.fake.token, "webhook_secret": secret, "api_url": url, "raw_url": f"{url}/raw"}

    def leak(self, value: str) -> tuple[str, list[Webhook]]:
        posted = self.fake.open_issue(self.repo, "ana", "Deploys fail", f"use {value}")
        return f"issue:{self.fake.repos[self.repo].id}:{self.fake.last_number}", [posted]

    def clean(self, resource: str) -> None:
        self.fake.edit_issue(self.repo, int(resource.split(":")[2]), login="ana", body="it is in the vault now")

    def delete(self, resource: str) -> None:
        self.fake.delete_issue(self.repo, int(resource.split(":")[2]), login="ana")

    def look(self, resource: str) -> object:
        return self.fake.repos[self.repo].issues.get(int(resource.split(":")[2]))


class Drive(App):
    name, action, left, ends = "gdrive", "unshare_link", "the file still holds it", "open"

    def __init__(self) -> None:
        self.fake = FakeDrive()

    def config(self, url: str, folder: Path) -> dict[str, Any]:
        (folder / "key.json").write_text(service_account(url), encoding="utf-8")
        told = {"users": "all", "admin": "admin@acme.example", "act": True, "api_url": url}
        return {"service_account": "${file:key.json}", "webhook_secret": "shared-with-the-fake", **told}

    def leak(self, value: str) -> tuple[str, list[Webhook]]:
        before = len(self.fake.notifications)
        made = self.fake.add_file("notes.txt", f"use {value}")
        self.fake.share(made, type="anyone", role="reader")
        return f"file:{made}", [(dict(one.headers), one.body) for one in self.fake.notifications[before:]]

    def clean(self, resource: str) -> None:
        self.fake.edit_file(resource.removeprefix("file:"), "it is in the vault now")

    def delete(self, resource: str) -> None:
        self.fake.delete_file(resource.removeprefix("file:"))

    def look(self, resource: str) -> object:
        file = self.fake.files.get(resource.removeprefix("file:"))
        return file and (file.entry["permissions"], file.entry["version"])


class Jira(App):
    name, action, left = "jira", "redact", "1 history entry still holds it"

    def __init__(self, *, cloud: bool = True) -> None:
        self.fake = FakeJira(cloud=cloud, now=lambda: datetime.now(UTC))
        self.fake.add_project("OPS", "Operations")

    def config(self, url: str, folder: Path) -> dict[str, Any]:
        fake = self.fake
        signs_in = {"email": fake.email, "token": fake.token} if fake.cloud else {"pat": fake.pat}
        return {"url": url, "cloud": fake.cloud, "webhook_secret": fake.webhook_secret, **signs_in}

    def leak(self, value: str) -> tuple[str, list[Webhook]]:
        issue = self.fake.add_issue("OPS", "A question", text=f"use {value}")["id"]
        return f"issue:{issue}", [self.fake.signed("jira:issue_created", issue=issue)]

    def clean(self, resource: str) -> None:
        self.fake.edit_issue(resource.split(":")[1], description=self.fake.rich("it is in the vault now"))

    def delete(self, resource: str) -> None:
        self.fake.delete_issue(resource.split(":")[1])

    def look(self, resource: str) -> object:
        issue = self.fake.issues.get(resource.split(":")[1])
        return issue and (issue["fields"]["description"], issue["fields"]["updated"])


class JiraComment(Jira):
    left = ""

    def leak(self, value: str) -> tuple[str, list[Webhook]]:
        issue = self.fake.add_issue("OPS", "A question", text="what was it again?")["id"]
        comment = self.fake.add_comment(issue, f"use {value}")
        posted = self.fake.signed("comment_created", issue=issue, comment=comment)
        return f"comment:{issue}:{comment['id']}", [posted]

    def clean(self, resource: str) -> None:
        self.fake.edit_comment(*resource.split(":")[1:], "it is in the vault now")

    def delete(self, resource: str) -> None:
        self.fake.delete_comment(*resource.split(":")[1:])

    def look(self, resource: str) -> object:
        _, issue, ident = resource.split(":")
        return next((c for c in self.fake.issues[issue]["fields"]["comment"] if c["id"] == ident), None)


class Confluence(App):
    name, action, left = "confluence", "redact", "1 old version still holds it"

    def __init__(self, *, cloud: bool = True) -> None:
        self.fake = FakeConfluence(cloud=cloud, now=lambda: datetime.now(UTC))
        self.fake.add_space("ENG", "Engineering")

    def config(self, url: str, folder: Path) -> dict[str, Any]:
        fake = self.fake
        signs_in = {"email": fake.email, "token": fake.token} if fake.cloud else {"pat": fake.pat}
        address = f"{url}/wiki" if fake.cloud else url
        return {"url": address, "cloud": fake.cloud, "webhook_secret": fake.webhook_secret, **signs_in}

    def leak(self, value: str) -> tuple[str, list[Webhook]]:
        page = self.fake.add_page("ENG", "Notes", f"<p>use {value}</p>")
        posted = self.fake.relayed("created", page) if self.fake.cloud else self.fake.posted("page_created", page)
        return f"page:{page}", [posted]

    def clean(self, resource: str) -> None:
        self.fake.edit(resource.split(":")[1], body="<p>it is in the vault now</p>")

    def delete(self, resource: str) -> None:
        self.fake.trash(resource.split(":")[1])

    def look(self, resource: str) -> object:
        content = self.fake.contents[resource.split(":")[1]]
        return (content["status"], content["versions"])


APPS: dict[str, Callable[[], App]] = {
    "slack": Slack,
    "github": GitHub,
    "gdrive": Drive,
    "jira cloud": Jira,
    "jira cloud comment": JiraComment,
    "jira data center": lambda: Jira(cloud=False),
    "confluence cloud": Confluence,
    "confluence data center": lambda: Confluence(cloud=False),
}


@dataclass
class House:
    """An installation that watches one app, worked by hand."""

    app: App
    made: Installation

    @property
    def residency(self) -> str:
        return self.made.runtime.owner("acme").residency

    @property
    def database(self) -> Database:
        return self.made.runtime.databases.of(self.residency)

    def work(self) -> None:
        """Do all that is due."""
        self.made.worker.drain()

    def command(self, *arguments: str) -> Result:
        """Run `connectors` with this installation's configuration."""
        config = str(self.made.runtime.folder / "connectors.yaml")
        return CliRunner().invoke(cli, ["--config", config, *arguments], catch_exceptions=False)

    def finding(self, resource: str) -> Row:
        """Return the only finding of a resource."""
        rows = self.database.read(lambda c: findings.listed(c, self.residency, limit=500))
        (row,) = [row for row in rows if row["resource_id"] == resource]
        return row

    def rows(self, table: sa.Table, *where: Any) -> list[Any]:
        """Return the rows of a table."""
        return list(self.database.read(lambda c: c.execute(sa.select(table).where(*where)).all()))

    def look(self, resource: str) -> str:
        """Return what stands there now, as text."""
        return json.dumps(self.app.look(resource), sort_keys=True)

    def told(self, value: str) -> Row:
        """Let a value leak and be told by webhook; return its finding."""
        resource, posted = self.app.leak(value)
        assert {self.made.post("acme", *webhook).status_code for webhook in posted} == {200}
        self.work()
        return self.finding(resource)

    def days_pass(self) -> None:
        """Bring what waits for two days forward, and do it."""

        def forward(c: sa.Connection) -> None:
            for row in c.execute(sa.select(job.c.id, job.c.due_at).where(job.c.queue == "action")).all():
                assert row.due_at > self.made.runtime.now() + timedelta(days=1)
                earlier = row.due_at - timedelta(days=3)
                c.execute(sa.update(job).where(job.c.id == row.id).values(due_at=earlier))

        self.database.run(forward)
        self.work()

    def acted(self, finding: Row) -> list[tuple[str, str, str]]:
        """Return how the policy's actions on a finding ended: state, what is left, the hash of what stood there."""
        found = self.rows(action_run, action_run.c.finding_id == finding["id"], action_run.c.actor == "policy")
        return [(row.state, row.remaining, row.before_hash) for row in found]


@contextmanager
def running(app: App, folder: Path, cache: Path) -> Iterator[House]:
    with FakeApps(app.fake).running() as apps, pytest.MonkeyPatch.context() as patch:
        for connector in (SlackConnector, GitHubConnector, DriveConnector, JiraConnector, ConfluenceConnector):
            patch.setattr(connector, "budgets", {})
        given = json.dumps(app.config(apps.url(app.name), folder))
        config = CONFIG.format(app=app.name, config=given, action=app.action, cache=cache)
        (folder / "connectors.yaml").write_text(config)
        with (made := Installation(config, folder)).running(worker=False):
            made.worker.drain()
            yield House(app, made)


@pytest.fixture(scope="module", params=APPS, ids=lambda name: name.replace(" ", "-"))
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Iterator[House]:
    with running(APPS[request.param](), tmp_path_factory.mktemp("house"), cache) as made:
        yield made


def test_a_forged_delivery_finds_nothing(house: House) -> None:
    resource, posted = house.app.leak(aws_key("forged"))
    forged = [({**headers, "x-goog-channel-token": "none"}, body + b" ") for headers, body in posted]
    assert {house.made.post("acme", *webhook).status_code for webhook in forged} == {401}
    house.work()
    with pytest.raises(ValueError, match="not enough values"):
        house.finding(resource)


def test_told_by_webhook_and_acted_on_later(house: House) -> None:
    found = house.told(aws_key("webhook"))
    resource, before = found["resource_id"], house.look(found["resource_id"])
    assert (found["state"], house.acted(found)) == ("open", [("pending", "", "")])

    tried = house.command("act", str(found["id"]), house.app.action, "--dry-run", "--json")
    assert json.loads(tried.stdout)["state"] == "dry_run"
    house.work()
    assert (house.look(resource), house.finding(resource)["state"]) == (before, "open")
    assert house.rows(job, job.c.queue == "reread") == []

    house.days_pass()
    assert house.look(resource) != before
    ((state, left, digest),) = house.acted(found)
    assert (state, len(digest)) == ("done", 64)
    assert (house.app.left in left) if house.app.left else left == "", left
    (kept,) = house.rows(audit, audit.c.subject == f"finding:{found['id']}", audit.c.actor == "policy")
    assert (kept.act, kept.result) == (f"action:{house.app.action}", "done")
    assert (kept.detail["why"], kept.detail["before_hash"]) == ("policy keys", digest)
    assert (kept.detail["remaining"], kept.detail["dry_run"]) == (left, False)

    ended = house.finding(resource)
    assert ended["state"] == house.app.ends
    if house.app.ends == "resolved":
        said = house.database.read(lambda c: findings.history(c, house.residency, ended["id"]))[-1]
        assert (said["after"], left in said["comment"]) == ("resolved", True)
    else:
        assert (found["visibility"], ended["visibility"]) == ("link", "private")
    assert house.rows(job, job.c.queue.in_(("reread", "action"))) == []


def test_found_by_a_sync_and_acted_on_later(house: House) -> None:
    resource, _ = house.app.leak(aws_key("sync"))
    assert house.command("sync", "acme", "--detach").exit_code == 0
    house.work()
    found, before = house.finding(resource), house.look(resource)
    assert found["state"] == "open"
    house.days_pass()
    assert house.look(resource) != before
    assert [state for state, *_ in house.acted(found)] == ["done"]
    assert house.finding(resource)["state"] == house.app.ends


def test_the_value_is_gone_meanwhile(house: House) -> None:
    found = house.told(aws_key("gone meanwhile"))
    house.app.clean(found["resource_id"])
    before = house.look(found["resource_id"])
    house.days_pass()
    assert house.look(found["resource_id"]) == before
    assert [state for state, *_ in house.acted(found)] == ["nothing_to_do"]
    assert house.finding(found["resource_id"])["state"] == "resolved"


def test_the_resource_is_gone_meanwhile(house: House) -> None:
    found = house.told(aws_key("deleted meanwhile"))
    house.app.delete(found["resource_id"])
    house.days_pass()
    assert [state for state, *_ in house.acted(found)] == ["nothing_to_do"]
    assert house.finding(found["resource_id"])["state"] == "resolved"


def test_the_webhooks_that_come_after_all_change_nothing(house: House) -> None:
    resource, posted = house.app.leak(aws_key("late"))
    for webhook in posted:
        house.made.post("acme", *webhook)
    house.work()
    house.days_pass()
    ended = house.finding(resource)
    for webhook in posted:
        house.made.post("acme", *webhook)
    assert house.command("sync", "acme", "--detach").exit_code == 0
    house.work()
    assert (house.finding(resource)["state"], house.finding(resource)["revision"]) == (
        house.app.ends,
        ended["revision"],
    )
