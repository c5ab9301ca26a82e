"""Place by place, through the whole house: each app's corpus, by history and by webhooks, ends in the database.

The corpora are those of the apps' own tests: a marked value in every kind of place that an app has. Here the marks
are found by a detector of the configuration, and looked up by their fingerprints.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from click.testing import CliRunner

from connectors.cli.root import cli
from connectors.store import findings, jobs, ledger
from connectors.store.engine import Row
from connectors.store.ledger import NOT_READ
from connectors.testing.fakeapps import FakeApps
from connectors.testing.fakeapps.confluence import FakeConfluence
from connectors.testing.fakeapps.gdrive import FakeDrive, service_account
from connectors.testing.fakeapps.github import FakeGitHub
from connectors.testing.fakeapps.jira import FakeJira
from connectors.testing.fakeapps.slack import FakeSlack
from connectors.testing.installation import Installation
from connectors.work import sync
from connectors_confluence.connector import ConfluenceConnector
from connectors_gdrive.connector import DriveConnector
from connectors_github.connector import GitHubConnector
from connectors_jira.connector import JiraConnector
from connectors_slack.connector import SlackConnector

PLUGIN_TESTS = Path(__file__).parents[2] / "plugins"

CONFIG = """
gateway: {{public_url: "https://dlp.example"}}
connections:
  acme: {{connector: {app}, sync: {{enabled: {syncs}}}, config: {config}}}
detection:
  cache: {cache}
  detectors:
    - {{id: mark, regex: {{pattern: 'MARK-[a-z0-9]+|x[0-9]+(-[a-z_]+-|x)MARKEDx|MARKED-[a-z-]+-VALUE'}}}}
policies:
  - {{name: marks, detectors: [mark, credit_card], min_confidence: POSSIBLE}}
outbound: {{allow: [127.0.0.0/8]}}
"""


def corpus(app: str, name: str) -> ModuleType:
    """Return the corpus of an app's own tests."""
    path = PLUGIN_TESTS / app / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"places_{app}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@dataclass
class Seen:
    """What a house holds after its work, by the value that was found."""

    house: Installation
    places: dict[str, set[tuple[str, str]]] = field(default_factory=dict)

    @property
    def database(self) -> Any:
        return self.house.runtime.databases.of(self.residency)

    @property
    def residency(self) -> str:
        return self.house.runtime.owner("acme").residency

    def work(self) -> None:
        """Do all work that is due, and look at what came of it."""
        self.house.worker.drain()
        rows = self.database.read(lambda c: findings.listed(c, self.residency, limit=5000))
        self.places = {}
        for row in rows:
            if row["state"] == "open":
                self.places.setdefault(row["fingerprint"], set()).add((row["resource_id"], row["part"]))

    def history(self) -> None:
        """Ask for a sync, and work until it is done."""
        runtime, owner = self.house.runtime, self.house.runtime.owner("acme")
        wanted = sync.request("acme", residency=owner.residency, tenant=owner.tenant)
        self.database.run(lambda c: jobs.enqueue(self.database, c, [wanted], vault=runtime.vault, now=runtime.now()))
        self.work()

    def at(self, mark: str, *, family: str = "mark") -> set[tuple[str, str]]:
        """Return where a value stands open."""
        vault, tenant = self.house.runtime.vault, self.house.runtime.owner("acme").tenant
        return self.places.get(vault.fingerprint(tenant=tenant, family=family, value=mark), set())

    def gaps(self) -> list[Row]:
        """Return what was not scanned."""
        rows: list[Row] = self.database.read(lambda c: ledger.gaps(c, self.residency, limit=5000))
        return rows

    def unbalanced(self) -> list[object]:
        """Return the lines of the ledger that do not add up."""
        return [line for line in self.database.read(lambda c: ledger.coverage(c, self.residency)) if not line.holds]


@contextmanager
def house(folder: Path, app: str, config: Mapping[str, Any], cache: Path, *, syncs: bool = False) -> Iterator[Seen]:
    """Run an installation with one connection, driven by hand."""
    folder.mkdir(exist_ok=True)
    text = CONFIG.format(app=app, config=json.dumps(config), cache=cache, syncs=str(syncs).lower())
    (folder / "connectors.yaml").write_text(text)
    with (made := Installation(text, folder)).running(worker=False):
        yield Seen(made)


def folder_of(factory: pytest.TempPathFactory, app: str) -> Path:
    return factory.mktemp(f"places-{app}")


@dataclass
class Both:
    """One app's corpus seen through both doors."""

    app: str
    synced: Seen
    delivered: Seen
    folder: Path
    marks: dict[str, str]


SLACK, GITHUB, DRIVE, JIRA, CONFLUENCE = (
    corpus("slack", "test_slack_corpus"),
    corpus("github", "test_github_corpus"),
    corpus("gdrive", "test_corpus"),
    corpus("jira", "test_jira_places"),
    corpus("confluence", "test_confluence_places"),
)


@pytest.fixture(scope="module", autouse=True)
def unhurried() -> Iterator[None]:
    """Take the apps' rate limits away, which would make the tests wait."""
    with pytest.MonkeyPatch.context() as patch:
        for connector in (SlackConnector, GitHubConnector, DriveConnector, JiraConnector, ConfluenceConnector):
            patch.setattr(connector, "budgets", {})
        yield


def post(seen: Seen, webhooks: list[tuple[dict[str, str], bytes]]) -> None:
    """Post webhooks to the gateway and work."""
    statuses = [seen.house.post("acme", headers, body).status_code for headers, body in webhooks]
    assert set(statuses) == {200}
    seen.work()


@pytest.fixture(scope="module")
def slack(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Iterator[Both]:
    fake, folder = FakeSlack(), folder_of(tmp_path_factory, "slack")
    user = fake.add_user("Ann")
    channel, marks, webhooks = fake.add_channel("somewhere"), {}, []
    with FakeApps(fake).running() as apps:
        for place, plant in SLACK.PLACES.items():
            marks[place] = SLACK.mark_of(place, "im")
            webhooks += plant(fake, channel, user, marks[place])
        fake.share_file(channel, user, "elsewhere.doc", b"", mode="external")
        given = {"token": fake.token, "webhook_secret": fake.signing_secret, "base_url": apps.url("slack") + "/api/"}
        with house(folder / "s", "slack", given, cache) as synced, house(folder / "d", "slack", given, cache) as told:
            synced.history()
            post(told, webhooks)
            yield Both("slack", synced, told, folder, marks)


@pytest.fixture(scope="module")
def github(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Iterator[Both]:
    fake, folder = FakeGitHub(), folder_of(tmp_path_factory, "github")
    login, marks, webhooks = fake.add_user("ana"), {}, []
    fake.limit = fake.remaining = 100_000
    with FakeApps(fake).running() as apps:
        for number, (place, plant) in enumerate({**GITHUB.BOTH, **GITHUB.WEBHOOK_ONLY}.items()):
            repo = fake.add_repo(f"repo{number}", wiki=place == "wiki page")
            marks[place] = GITHUB.mark_of(place)
            webhooks.append(fake.commit(repo, {"README.md": "start"}, login=login))
            webhooks += plant(fake, repo, login, marks[place])
        url = apps.url("github")
        given: dict[str, Any] = {"token": fake.token, "webhook_secret": fake.webhook_secret}
        given |= {"api_url": url, "raw_url": url + "/raw"}
        given["commit_history"] = True
        with house(folder / "s", "github", given, cache) as synced, house(folder / "d", "github", given, cache) as told:
            synced.history()
            post(told, webhooks)
            yield Both("github", synced, told, folder, marks)


@pytest.fixture(scope="module")
def gdrive(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Iterator[Both]:
    fake, folder = FakeDrive(), folder_of(tmp_path_factory, "gdrive")
    with FakeApps(fake).running() as apps:
        given = {
            "service_account": service_account(apps.url("gdrive")),
            "users": [DRIVE.ANA, DRIVE.BEN],
            "webhook_secret": "shared-by-nobody-else",
            "api_url": apps.url("gdrive"),
            "old_revisions": True,
            "labels": True,
        }
        fake.add_drive("Sales", [DRIVE.BEN])
        with house(folder / "d", "gdrive", given, cache, syncs=True) as told:
            told.work()  # opens the channels and reads the empty drives
            shared = next(iter(fake.drives))
            fake.add_drive = lambda *_: shared  # type: ignore[method-assign]  # one drive, whose channel is open
            fake.notifications.clear()
            DRIVE.seed(fake)
            post(told, [(dict(one.headers), one.body) for one in list(fake.notifications)])
            with house(folder / "s", "gdrive", given, cache) as synced:
                synced.history()
                yield Both("gdrive", synced, told, folder, {place: f"MARK-{place}" for place in DRIVE.PLACES})


@pytest.fixture(scope="module")
def jira(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Iterator[Both]:
    fake, folder = FakeJira(now=lambda: datetime.now(UTC)), folder_of(tmp_path_factory, "jira")
    _, issue = JIRA.company(fake)
    said = fake.issues[issue]["fields"]
    webhooks = [
        fake.signed("jira:issue_created", issue=issue),
        fake.signed("comment_created", issue=issue, comment=said["comment"][0]),
        fake.signed("comment_created", issue=issue, comment=said["comment"][-1]),
        fake.signed("worklog_created", worklog=said["worklog"][-1]),
    ]
    marks = {place: JIRA.mark(place) for place in JIRA.PLACES if place != "custom-number"}
    with FakeApps(fake).running() as apps:
        given = {"url": apps.url("jira"), "cloud": True, "email": fake.email, "token": fake.token}
        given |= {"webhook_secret": fake.webhook_secret, "changelog": True}
        with house(folder / "s", "jira", given, cache) as synced, house(folder / "d", "jira", given, cache) as told:
            synced.history()
            post(told, webhooks)
            yield Both("jira", synced, told, folder, marks)


@pytest.fixture(scope="module")
def confluence(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Iterator[Both]:
    fake, folder = FakeConfluence(now=lambda: datetime.now(UTC)), folder_of(tmp_path_factory, "confluence")
    made = CONFLUENCE.company(fake)
    webhooks = [fake.relayed("created", ident) for ident in made.values()]
    marks = {place: CONFLUENCE.mark(place) for place in CONFLUENCE.PLACES}
    with FakeApps(fake).running() as apps:
        given = {"url": apps.url("confluence") + "/wiki", "cloud": True, "email": fake.email, "token": fake.token}
        given |= {"webhook_secret": fake.webhook_secret, "history": True}
        name = "confluence"
        with house(folder / "s", name, given, cache) as synced, house(folder / "d", name, given, cache) as told:
            synced.history()
            post(told, webhooks)
            yield Both("confluence", synced, told, folder, marks)


MARKS = {
    "slack": tuple(SLACK.PLACES),
    "github": (*GITHUB.BOTH, *GITHUB.WEBHOOK_ONLY),
    "gdrive": tuple(DRIVE.PLACES),
    "jira": tuple(place for place in JIRA.PLACES if place != "custom-number"),
    "confluence": tuple(CONFLUENCE.PLACES),
}
NOT_BY_HISTORY = {("github", place) for place in GITHUB.WEBHOOK_ONLY}
"""What a reading of GitHub leaves out, and says so: wiki pages, and branches other than the default one."""
NOT_BY_WEBHOOK = {("confluence", place) for place in CONFLUENCE.BY_READING_ONLY}

EVERY = [(app, place) for app, places in MARKS.items() for place in places]


@pytest.fixture
def both(request: pytest.FixtureRequest) -> Callable[[str], Both]:
    def of(app: str) -> Both:
        found: Both = request.getfixturevalue(app)
        return found

    return of


@pytest.mark.parametrize(("app", "place"), [one for one in EVERY if one not in NOT_BY_HISTORY])
def test_history_finds_it(app: str, place: str, both: Callable[[str], Both]) -> None:
    seen = both(app)
    assert seen.synced.at(seen.marks[place])


@pytest.mark.parametrize(("app", "place"), [one for one in EVERY if one not in NOT_BY_WEBHOOK])
def test_webhooks_find_it(app: str, place: str, both: Callable[[str], Both]) -> None:
    seen = both(app)
    assert seen.delivered.at(seen.marks[place])


@pytest.mark.parametrize(
    ("app", "place"), [one for one in EVERY if one not in NOT_BY_HISTORY and one not in NOT_BY_WEBHOOK]
)
def test_both_doors_lead_to_the_same_place(app: str, place: str, both: Callable[[str], Both]) -> None:
    seen = both(app)
    assert seen.synced.at(seen.marks[place]) == seen.delivered.at(seen.marks[place])


@pytest.mark.parametrize("app", MARKS)
def test_the_ledger_adds_up(app: str, both: Callable[[str], Both]) -> None:
    seen = both(app)
    assert seen.synced.unbalanced() == []
    assert seen.delivered.unbalanced() == []


@pytest.mark.parametrize(
    ("app", "reasons"),
    [
        ("slack", {"not_in_api"}),
        ("github", {"not_in_api", "budget"}),
        ("gdrive", {"not_in_api", "excluded"}),
        ("jira", {"not_in_api", "excluded"}),
        ("confluence", {"not_in_api", "excluded", "budget"}),
    ],
)
def test_what_cannot_be_read_is_listed_by_the_command(
    app: str, reasons: set[str], both: Callable[[str], Both], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = both(app)
    monkeypatch.chdir(seen.folder / "s")
    ran = CliRunner().invoke(cli, ["coverage", "--gaps", "--json"], catch_exceptions=False)
    shown = json.loads(ran.stdout)
    assert ran.exit_code == 0
    assert shown["adds_up"]
    assert {gap["reason"] for gap in shown["gaps"]} >= reasons
    counted = sum(line["skipped"] + line["failed"] for line in shown["partitions"])
    assert len(shown["gaps"]) == counted, "a gap that is counted is a gap that is listed"


NEVER_READ = {
    "slack": {"drafts", "earlier versions", "lists", "canvas comments"},
    "github": {"earlier versions", "projects", "packages", "Actions", "wiki history", "milestones and labels"},
    "gdrive": {"approvals", "trash", "form answers"},
    "jira": {"properties", "boards and sprints", "projects", "comment history"},
    "confluence": {"drafts", "trash", "attachment comments", "attachment versions"},
}
"""Kinds of places that an app has and a connection does not read: each must stand in the ledger."""


@pytest.mark.parametrize("app", MARKS)
def test_what_is_never_read_stands_in_the_ledger_once(app: str, both: Callable[[str], Both]) -> None:
    seen = both(app).synced
    named = [gap["part"] for gap in seen.gaps() if gap["partition"] == NOT_READ]
    assert set(named) >= NEVER_READ[app]
    (line,) = [
        line for line in seen.database.read(lambda c: ledger.coverage(c, seen.residency)) if line.partition == NOT_READ
    ]
    assert (line.counts.listed, line.counts.skipped, line.state) == (len(named), len(named), "done")
