"""Take the pictures in docs/img: the dashboard over the invented company. `make screenshots` runs it."""

from __future__ import annotations

import os
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from playwright.sync_api import sync_playwright

from connectors.cli.sync import settled
from connectors.config.models import LogSettings
from connectors.dashboard.secrets import hash_password
from connectors.logs import configure
from connectors.model import FindingState
from connectors.store import connections, findings
from connectors.store.dashboard import users
from connectors.store.dashboard.users import User
from connectors.store.recount import recount
from connectors.store.tables.findings import finding
from connectors.testing.installation import Installation
from connectors.testing.town import Town

OUT = Path(__file__).parent.parent / "docs" / "img"
CHROMIUM = os.environ.get("CONNECTORS_TEST_CHROMIUM", "/usr/bin/chromium")
PASSWORD = "correct horse battery"
SHOTS = (
    ("overview", "/", "light", 1400), ("overview-dark", "/", "dark", 1400), ("overview-narrow", "/", "light", 375),
    ("findings", "/findings?q=state:open&sort=severity", "light", 1400),
    ("findings-dark", "/findings?q=state:open&sort=severity", "dark", 1400),
    ("coverage", "/coverage", "light", 1400), ("policies", "/policies", "light", 1400),
    ("findings-narrow", "/findings", "dark", 375),
)  # fmt: skip


def main() -> None:
    """Run the company, sign in, and take every picture."""
    configure(LogSettings(level="error"))
    OUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, Town().running() as town:
        installation = Installation(town.config(Path(folder)), Path(folder))
        with installation.running():
            prepare(installation)
            age(installation)
            take(installation.url)


def prepare(installation: Installation) -> None:
    """Make an admin, and wait until everything is read and told."""
    runtime = installation.runtime
    home, database = runtime.config.residency, runtime.databases.of(runtime.config.residency)
    ada = User(users.user_id(home, "ada"), "ada", "admin", hash_password(PASSWORD), may_reveal=True)
    database.run(lambda c: users.put(database, c, home, ada, now=runtime.now()))
    quiet, deadline = 0, time.monotonic() + 120
    while quiet < 5 and time.monotonic() < deadline:
        read = all(row["last_sync"] for row in database.read(lambda c: connections.health(c, home)))
        quiet = quiet + 1 if read and settled(runtime, tuple(runtime.config.connections)) else 0
        time.sleep(0.2)


def age(installation: Installation) -> None:
    """Spread the findings over a month, some of them closed since: charts of one day say nothing."""
    runtime = installation.runtime
    home, now = runtime.config.residency, runtime.now()
    database = runtime.databases.of(home)

    def spread(c: sa.Connection) -> None:
        rows = [row._asdict() for row in c.execute(sa.select(finding).order_by(finding.c.id))]
        for number, row in enumerate(rows):
            found = now - timedelta(days=number * 11 % 29, minutes=number * 7)
            seen = {"first_seen": found, "last_seen": found}
            c.execute(sa.update(finding).where(finding.c.residency == home, finding.c.id == row["id"]).values(**seen))
            if number % 4 == 0:
                closed = min(now, found + timedelta(days=1 + number % 3))
                state = FindingState.RESOLVED if number % 8 else FindingState.FALSE_POSITIVE
                findings.set_state(database, c, {**row, **seen}, state, actor="user:ben", now=closed)

    database.run(spread)
    recount(database, home, since=now - timedelta(days=40))


def take(url: str) -> None:
    """Take the pictures."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        for name, path, scheme, width in SHOTS:
            page = signed_in(browser, url, scheme, width)
            page.goto(url + path)
            page.screenshot(path=OUT / f"{name}.png")
        page = signed_in(browser, url, "light", 1400)
        page.goto(url + "/findings?q=state:open connection:acme-confluence")
        page.click("table.rows tbody th a >> nth=0")
        page.wait_for_selector("h2:has-text('Decide')")
        page.screenshot(path=OUT / "finding.png")
        browser.close()


def signed_in(browser: Any, url: str, scheme: str, width: int) -> Any:
    """Return a fresh page, signed in."""
    page = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900}).new_page()
    page.goto(url + "/signin")
    page.fill("#name", "ada")
    page.fill("#password", PASSWORD)
    page.click("button.primary")
    page.wait_for_selector("header.top")
    return page


if __name__ == "__main__":
    main()
