"""The pytest plugin that `connectors` ships for authors of connectors: asserts that explain, and fake apps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from connectors.testing.fakeapps import FakeApp

pytest.register_assert_rewrite("connectors.testing.contract", "connectors.testing.probes")


@pytest.fixture
def fake_app() -> Iterator[Callable[[FakeApp], str]]:
    """Serve fake apps for one test: `url = fake_app(FakeAcme())`."""
    from connectors.testing.fakeapps import FakeApps

    with ExitStack() as stack:
        yield lambda app: stack.enter_context(FakeApps(app).running()).url(app.name)
