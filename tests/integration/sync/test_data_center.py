"""Webhooks of Jira and Confluence Data Center, through the gateway and the worker, and a policy that acts later."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from connectors.store import findings
from connectors.store.tables.intake import job
from connectors.store.tables.routing import action_run
from connectors.testing.fakeapps import FakeApps
from connectors.testing.fakeapps.confluence import FakeConfluence
from connectors.testing.fakeapps.jira import FakeJira
from connectors.testing.installation import Installation
from connectors.testing.planted import aws_key

CONFIG = """
gateway: {{public_url: "https://dlp.example"}}
connections:
  acme: {{connector: {app}, sync: {{enabled: false}}, config: {config}}}
policies:
  - {{name: keys, detectors: [secret], min_confidence: POSSIBLE, actions: [{{do: redact, after: 2d}}]}}
detection: {{cache: {cache}}}
outbound: {{allow: [127.0.0.0/8]}}
"""


@contextmanager
def house(fake: Any, app: str, folder: Path, cache: Path) -> Iterator[Installation]:
    with FakeApps(fake).running() as apps:
        given = {"url": apps.url(app), "cloud": False, "pat": fake.pat, "webhook_secret": fake.webhook_secret}
        text = CONFIG.format(app=app, config=json.dumps(given), cache=cache)
        (folder / "connectors.yaml").write_text(text)
        with (made := Installation(text, folder)).running(worker=False):
            yield made


def seen(made: Installation) -> dict[str, set[str]]:
    """Return the states of the findings by resource, once all work is done."""
    made.worker.drain()
    residency = made.runtime.owner("acme").residency
    rows = made.runtime.databases.of(residency).read(lambda c: findings.listed(c, residency, limit=100))
    found: dict[str, set[str]] = {}
    for row in rows:
        found.setdefault(row["resource_id"], set()).add(row["state"])
    return found


def posted(made: Installation, webhook: tuple[dict[str, str], bytes]) -> int:
    return made.post("acme", *webhook).status_code


def days_pass(made: Installation, days: int) -> int:
    """Bring what waits to be done later forward; return how many actions wait."""
    database = made.runtime.databases.of(made.runtime.owner("acme").residency)

    def forward(c: sa.Connection) -> int:
        waiting = c.execute(sa.select(job.c.id, job.c.due_at).where(job.c.queue == "action")).all()
        for row in waiting:
            assert row.due_at > made.runtime.now() + timedelta(days=1)
            earlier = row.due_at - timedelta(days=days)
            c.execute(sa.update(job).where(job.c.id == row.id).values(due_at=earlier))
        return len(waiting)

    return int(database.run(forward))


def done(made: Installation) -> list[tuple[str, str]]:
    """Return how each action ended, and what it says is left."""
    database = made.runtime.databases.of(made.runtime.owner("acme").residency)
    query = sa.select(action_run.c.state, action_run.c.remaining)
    return database.read(lambda c: [tuple(row) for row in c.execute(query)])


def test_jira_data_center(tmp_path: Path, cache: Path) -> None:
    fake = FakeJira(cloud=False, now=lambda: datetime.now(UTC))
    fake.add_project("OPS", "Operations")
    issue = fake.add_issue("OPS", "A question", description=f"use {aws_key('1')}")["id"]
    comment = fake.add_comment(issue, f"or {aws_key('2')}")
    with house(fake, "jira", tmp_path, cache) as made:
        headers, body = fake.signed("jira:issue_created", issue=issue)
        assert posted(made, (headers, body + b" ")) == 401
        assert seen(made) == {}
        assert posted(made, (headers, body)) == 200
        assert posted(made, fake.signed("comment_created", issue=issue, comment=comment)) == 200
        said = f"comment:{issue}:{comment['id']}"
        assert seen(made) == {f"issue:{issue}": {"open"}, said: {"open"}}
        assert days_pass(made, 3) == 2
        made.worker.drain()
        assert [state for state, _ in done(made)] == ["done", "done"]
        assert aws_key("1") not in str(fake.issues[issue]["fields"])
        assert aws_key("2") not in str(fake.issues[issue]["fields"])
        assert posted(made, fake.signed("jira:issue_updated", issue=issue)) == 200
        left = fake.issues[issue]["fields"]["comment"][0]
        assert posted(made, fake.signed("comment_updated", issue=issue, comment=left)) == 200
        assert seen(made) == {f"issue:{issue}": {"resolved"}, said: {"resolved"}}


def test_confluence_data_center(tmp_path: Path, cache: Path) -> None:
    fake = FakeConfluence(cloud=False, now=lambda: datetime.now(UTC))
    fake.add_space("ENG", "Engineering")
    page = fake.add_page("ENG", "Notes", f"<p>use {aws_key('3')}</p>")
    with house(fake, "confluence", tmp_path, cache) as made:
        headers, body = fake.posted("page_created", page)
        assert posted(made, (headers, body + b" ")) == 401
        assert seen(made) == {}
        assert posted(made, (headers, body)) == 200
        assert seen(made) == {f"page:{page}": {"open"}}
        assert days_pass(made, 3) == 1
        made.worker.drain()
        assert done(made) == [("done", "1 old version still holds it")]
        assert aws_key("3") not in fake.contents[page]["versions"][-1]["body"]
        assert posted(made, fake.posted("page_updated", page)) == 200
        assert seen(made) == {f"page:{page}": {"resolved"}}
