"""A house that is broken on purpose. Minutes long: run by `make chaos`, never by `make test`."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from connectors.store import ledger
from connectors.store.ledger import Counts
from connectors.store.tables.findings import finding
from connectors.store.tables.routing import alert
from connectors.testing.fakeapps import FakeApps
from connectors.testing.fakeapps.slack import FakeSlack
from connectors.testing.installation import Installation
from connectors.testing.planted import aws_key

HERE = Path(__file__).parent
EVENTS = 200


@dataclass(frozen=True)
class Recovery:
    """What one fault left behind, and how long it took to be as if it had not been."""

    fault: str
    events: int
    lost: int
    doubled: int
    seconds: float
    bound: float


REPORT: list[Recovery] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the report be written for machines too."""
    parser.addoption("--chaos-json", help="Write how each fault ended to this file, as JSON.")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print a table of the faults: what was lost, what was doubled, how long recovery took, and its bound."""
    if not REPORT:
        return
    terminalreporter.write_line(f"{'fault':44} {'events':>6} {'lost':>5} {'doubled':>7} {'seconds':>8} {'bound':>6}")
    for each in REPORT:
        numbers = f"{each.events:6} {each.lost:5} {each.doubled:7} {each.seconds:8.1f} {each.bound:6.0f}"
        terminalreporter.write_line(f"{each.fault:44} {numbers}")
    target = terminalreporter.config.getoption("--chaos-json", default=None)
    if target:
        Path(target).write_text(json.dumps([asdict(each) for each in REPORT], indent=2))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave this suite out unless it is named."""
    if any("chaos" in argument for argument in config.args):
        return
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.skip(reason="breaks things for minutes: make chaos"))


class House:
    """An installation with a gateway, and what must be true of it whatever was done to it."""

    def __init__(self, installation: Installation, slack: FakeSlack, config: Path) -> None:
        self.installation = installation
        self.config = config
        self.slack = slack
        self.user, self.channel = slack.add_user("Ana"), slack.add_channel("general")
        self.sent = 0
        self.others = 0
        """Parts that are listed beside the messages that were sent."""

    @property
    def database(self) -> object:
        return self.installation.runtime.databases.of("default")

    def send(self, count: int = EVENTS) -> None:
        """Post webhooks as the app does: again, until each is taken."""
        for number in range(self.sent, self.sent + count):
            headers, body = self.slack.post_message(self.channel, self.user, f"key {aws_key(str(number))}")
            while self.installation.post("acme-slack", headers, body).status_code != 200:
                time.sleep(0.05)
        self.sent += count

    @contextmanager
    def sending(self, count: int) -> Iterator[None]:
        """Post webhooks beside what is done in the block, and wait for the last of them."""
        thread = threading.Thread(target=self.send, args=(count,), daemon=True)
        thread.start()
        yield
        thread.join()

    def counts(self) -> tuple[int, int, int, Counts]:
        """Return findings, alerts, alerts delivered, and the ledger."""
        database = self.installation.runtime.databases.of("default")

        def read(c: sa.Connection) -> tuple[int, int, int, Counts]:
            found = c.execute(sa.select(sa.func.count()).select_from(finding)).scalar_one()
            told = c.execute(sa.select(sa.func.count()).select_from(alert)).scalar_one()
            done = c.execute(sa.select(sa.func.count()).where(alert.c.state != "pending")).scalar_one()
            total = Counts()
            for line in ledger.coverage(c, "default"):
                total.add(line.counts)
            return found, told, done, total

        return database.read(read)

    def recovered(self, name: str, *, within: float, step: Callable[[], object] = lambda: time.sleep(0.2)) -> None:
        """Wait until everything is as if nothing had happened, and say how long it took."""
        began = time.monotonic()
        while time.monotonic() - began < within:
            step()
            found, told, done, counts = self.counts()
            if (found, told, done, counts.pending) == (self.sent, self.sent, self.sent, 0):
                break
        seconds = time.monotonic() - began
        found, told, done, counts = self.counts()
        lost, doubled = max(self.sent - min(found, done), 0), max(max(found, told) - self.sent, 0)
        REPORT.append(Recovery(name, self.sent, lost, doubled, seconds, within))
        assert (found, told, done) == (self.sent, self.sent, self.sent)
        wanted = self.sent + self.others
        # A sync also lists the kinds of places that are never read, as skipped.
        assert (counts.listed - counts.skipped, counts.scanned, counts.failed) == (wanted, wanted, 0)


@pytest.fixture
def database_url() -> str:
    return "sqlite:///chaos.db"


@pytest.fixture
def destination() -> str:
    """Where alerts go, as YAML."""
    return "kind: console"


@pytest.fixture
def stream() -> str:
    """What carries the events, as YAML."""
    return ""


@pytest.fixture
def house(tmp_path: Path, database_url: str, destination: str, stream: str) -> Iterator[House]:
    slack = FakeSlack()
    with FakeApps(slack).running() as apps:
        config = f"""
database: {{url: "{database_url}"}}
connections:
  acme-slack:
    connector: slack
    config: {{token: {slack.token}, webhook_secret: {slack.signing_secret}, base_url: "{apps.url("slack")}/api/"}}
    sync: {{enabled: false}}
policies:
  - {{name: credentials, detectors: [secret], min_confidence: POSSIBLE, alert: [screen]}}
destinations: {{screen: {{{destination}, throttle: {{limit: 100000}}}}}}
{stream}
work: {{lease: 3s, poll: 0.05, batch: 20, threads: 2}}
detection: {{cache: {os.environ.get("CONNECTORS_TEST_CACHE", str(tmp_path / "cache"))}}}
outbound: {{allow: [127.0.0.0/8], timeout: 2}}
"""
        file = tmp_path / "connectors.yaml"
        file.write_text(config)
        installation = Installation(config, tmp_path)
        with installation.running(worker=False):
            yield House(installation, slack, file)
