"""A fake Confluence over HTTP, and connectors on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from connectors.testing.context import MemoryContext
from connectors.testing.fakeapps.base import FakeApps
from connectors.testing.fakeapps.confluence import FakeConfluence
from connectors_confluence.config import ConfluenceConfig
from connectors_confluence.connector import ConfluenceConnector

Make = Callable[..., ConfluenceConnector]


@pytest.fixture(params=[True, False], ids=["cloud", "dc"])
def confluence(request: pytest.FixtureRequest) -> FakeConfluence:
    return FakeConfluence(cloud=request.param)


@pytest.fixture
def cloud() -> FakeConfluence:
    return FakeConfluence(cloud=True)


@pytest.fixture
def connect() -> Iterator[Callable[..., ConfluenceConnector]]:
    """Return a maker of connectors: `connect(fake, history=True)`."""
    running: list[FakeApps] = []

    def make(fake: FakeConfluence, *, state: MemoryContext | None = None, **settings: object) -> ConfluenceConnector:
        apps = FakeApps(fake).start()
        running.append(apps)
        base = {
            "url": apps.url("confluence") + ("/wiki" if fake.cloud else ""),
            "cloud": fake.cloud,
            "webhook_secret": fake.webhook_secret,
        }
        login = {"email": fake.email, "token": fake.token} if fake.cloud else {"pat": fake.pat}
        config = ConfluenceConfig.model_validate({**base, **login, **settings})
        return ConfluenceConnector(config, state or MemoryContext("acme-confluence", now=lambda: fake.now))

    yield make
    for apps in running:
        apps.stop()
