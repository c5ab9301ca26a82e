"""The invented company's installation in this process, and a real Chromium that looks at its dashboard."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from connectors.cli.sync import settled
from connectors.config.models import LogSettings
from connectors.dashboard.secrets import hash_password
from connectors.logs import configure
from connectors.store.dashboard import users
from connectors.store.dashboard.users import User
from connectors.testing.installation import Installation
from connectors.testing.town import Town

CHROMIUM = Path(os.environ.get("CONNECTORS_TEST_CHROMIUM", "/usr/bin/chromium"))
ARGUMENTS = [
    "--no-sandbox", "--headless", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
PASSWORD = "correct horse battery"
AXE = Path(__file__).parent / "vendor" / "axe.min.js"


@dataclass(frozen=True)
class Site:
    """A running installation with users of every role."""

    url: str
    installation: Installation


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A Chromium, or a loud skip.

    Not for the session: while it runs, this thread has a running event loop, and no other test could begin one.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        pytest.skip("BROWSER TESTS SKIPPED: pip install playwright")
    if not CHROMIUM.exists():
        pytest.skip(f"BROWSER TESTS SKIPPED: there is no {CHROMIUM}; apt-get install chromium")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def site(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The invented company, read and alerted; ada administers, vic views, ann analyses."""
    configure(LogSettings(level="error"))
    folder = tmp_path_factory.mktemp("site")
    with Town().running() as town:
        config = town.config(folder)
        installation = Installation(config, folder)
        with installation.running():
            _people(installation)
            _wait(installation)
            yield Site(installation.url, installation)


def _people(installation: Installation) -> None:
    runtime = installation.runtime
    home, now = runtime.config.residency, runtime.now()
    database, hashed = runtime.databases.of(home), hash_password(PASSWORD)
    for name, role, reveal in (("ada", "admin", True), ("ann", "analyst", False), ("vic", "viewer", False)):
        user = User(users.user_id(home, name), name, role, hashed, may_reveal=reveal)
        database.run(lambda c, user=user: users.put(database, c, home, user, now=now))


def _wait(installation: Installation) -> None:
    names = tuple(installation.runtime.config.connections)
    deadline, quiet = time.monotonic() + 60, 0
    while quiet < 3 and time.monotonic() < deadline:
        quiet = quiet + 1 if settled(installation.runtime, names) else 0
        time.sleep(0.1)


@pytest.fixture
def open_page(browser: Any, site: Site) -> Iterator[Callable[..., Any]]:
    """Make pages, each signed in as somebody; whatever the console complains of fails the test."""
    contexts, complaints = [], []

    def made(name: str = "ada", **options: Any) -> Any:
        context = browser.new_context(base_url=site.url, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        # A form that is refused on purpose answers 4xx, which the console mentions too.
        page.on("console", lambda m: m.type == "error" and "status of 4" not in m.text and complaints.append(m.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        if name:
            context.add_cookies([{"name": "connectors-session", "value": _session(site, name), "url": site.url}])
        return page

    yield made
    for context in contexts:
        context.close()
    assert complaints == []


def _session(site: Site, name: str) -> str:
    """Sign somebody in without the form: its own tests fill it in, and each time costs a password's hash."""
    runtime = site.installation.runtime
    home, token = runtime.config.residency, uuid4().hex
    database, user = runtime.databases.of(home), users.user_id(home, name)
    opened = {"complete": True, "now": runtime.now(), "lasts": runtime.config.dashboard.session}
    database.run(lambda c: users.open_session(database, c, home, token, user, **opened))
    return token


@pytest.fixture
def axe() -> Callable[..., list[str]]:
    """Run axe-core over a page, or some rules of it, and return its serious and critical complaints."""

    def run(page: Any, *rules: str) -> list[str]:
        # Evaluated by the debugger, so that the page's own policy stays as strict as it is.
        page.evaluate(AXE.read_text() + ";0")
        only = {"runOnly": {"type": "rule", "values": list(rules)}} if rules else {}
        found = page.evaluate("given => axe.run(document, {resultTypes: ['violations'], ...given})", only)
        return [
            f"{each['id']}: {each['nodes'][0]['html'][:200]}"
            for each in found["violations"]
            if each["impact"] in ("serious", "critical")
        ]

    return run
