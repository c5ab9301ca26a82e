"""A real gateway on a real uvicorn, with a Slack and a GitHub connection and one that has no secret."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
import sqlalchemy as sa

from connectors.store.tables import metadata
from connectors.testing.fakeapps.github import FakeGitHub
from connectors.testing.fakeapps.slack import FakeSlack
from connectors.testing.installation import Installation

CONFIG = """
database: {{url: '{url}'}}
gateway: {{body_limit: 20000}}
connections:
  acme-slack: {{connector: slack, config: {{token: t, webhook_secret: {slack}}}}}
  acme-github: {{connector: github, config: {{token: t, webhook_secret: {github}}}}}
  no-secret: {{connector: slack, config: {{token: t}}}}
  switched-off: {{connector: slack, enabled: false, config: {{token: t, webhook_secret: {slack}}}}}
"""


class Gate:
    """The running gateway, and what it wrote."""

    def __init__(self, installation: Installation, slack: FakeSlack, github: FakeGitHub) -> None:
        self.installation, self.slack, self.github = installation, slack, github
        self.runtime = installation.runtime
        self.database = installation.runtime.databases.of("default")
        self.channel = slack.add_channel("general")
        self.user = slack.add_user("Ana", email="ana@acme.example")

    def message(self, text: str = "hello") -> Any:
        """Return a signed webhook of a new message."""
        return self.slack.post_message(self.channel, self.user, text)

    def post(self, webhook: Any, connection: str = "acme-slack", **headers: str | None) -> requests.Response:
        given, body = webhook
        changed = {**given, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return self.installation.post(connection, {k: v for k, v in changed.items() if v is not None}, body)

    def get(self, path: str) -> requests.Response:
        return requests.get(self.installation.url + path, timeout=10)

    def rows(self, table: str) -> list[Any]:
        query = sa.select(metadata.tables[table])
        return self.database.read(lambda c: [row._asdict() for row in c.execute(query)])

    def metric(self, connection: str, outcome: str) -> float:
        labels = {"connection": connection, "outcome": outcome}
        return self.installation.metrics.registry.get_sample_value("connectors_deliveries_total", labels) or 0.0


@pytest.fixture
def gate(database_url: str, tmp_path: Any) -> Iterator[Gate]:
    slack, github = FakeSlack(), FakeGitHub()
    config = CONFIG.format(url=database_url, slack=slack.signing_secret, github=github.webhook_secret)
    installation = Installation(config, tmp_path)
    with installation.running(worker=False):
        yield Gate(installation, slack, github)
