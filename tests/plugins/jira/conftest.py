"""A fake Jira over HTTP, and connectors on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from connectors.testing.context import MemoryContext
from connectors.testing.fakeapps.base import FakeApps
from connectors.testing.fakeapps.jira import FakeJira
from connectors_jira.config import JiraConfig
from connectors_jira.connector import JiraConnector

Make = Callable[..., JiraConnector]


@pytest.fixture(params=[True, False], ids=["cloud", "dc"])
def jira(request: pytest.FixtureRequest) -> FakeJira:
    return FakeJira(cloud=request.param)


@pytest.fixture
def cloud() -> FakeJira:
    return FakeJira(cloud=True)


@pytest.fixture
def connect() -> Iterator[Callable[..., JiraConnector]]:
    """Return a maker of connectors: `connect(fake, changelog=True)`."""
    running: list[FakeApps] = []

    def make(fake: FakeJira, *, state: MemoryContext | None = None, **settings: object) -> JiraConnector:
        apps = FakeApps(fake).start()
        running.append(apps)
        base = {"url": apps.url("jira"), "cloud": fake.cloud, "webhook_secret": fake.webhook_secret}
        login = {"email": fake.email, "token": fake.token} if fake.cloud else {"pat": fake.pat}
        if "oauth" in settings:
            login = {}
        config = JiraConfig.model_validate({**base, **login, **settings})
        return JiraConnector(config, state or MemoryContext("acme-jira", now=lambda: fake.now))

    yield make
    for apps in running:
        apps.stop()
