"""What the dashboard does through each app: the alerted author removes a value, an analyst reads the original."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from connectors.dashboard.firewall import removers, review_token
from connectors.store import alerts, findings
from connectors.store.dashboard import pages
from connectors.store.tallies import EXPOSED
from connectors.work.direct import act_now

pytestmark = pytest.mark.browser

APPS = ("slack", "github", "gdrive", "jira", "confluence")

OpenPage = Callable[..., Any]


def told_of(site: Any, app: str) -> Any:
    """Return an alert of the app whose first finding is open and can be taken out of it."""
    runtime = site.installation.runtime
    residency = runtime.config.residency
    database = runtime.databases.of(residency)
    for row in database.read(lambda c: alerts.listed(c, residency, limit=500)):
        told = database.read(lambda c, row=row: alerts.load(c, residency, row["id"]))
        first = told.findings[0] if told else None
        if first is None or first.connection != f"acme-{app}" or first.state != "open":
            continue
        found = database.read(lambda c, first=first: findings.get(c, residency, UUID(first.id)))
        # Whatever is in Drive cannot be rewritten: what can be taken away is that others see it.
        if removers(runtime, found) and (app != "gdrive" or found["visibility"] in EXPOSED):
            return told
    raise AssertionError(f"no alert of {app} can be acted on")


@pytest.mark.parametrize("app", APPS)
def test_the_original_is_read_from_the_app(open_page: OpenPage, app: str) -> None:
    page = open_page("ada")
    page.goto(f"/findings?q=state:open connection:acme-{app}&sort=severity")
    links = page.locator("table.rows tbody th[scope=row] a").evaluate_all("all => all.map(each => each.pathname)")
    assert links
    missed = []
    for link in links:
        page.goto(link)
        preview = page.locator("h1 code").inner_text()
        page.click("button:has-text('Reveal')")
        page.wait_for_load_state()
        shown = page.locator(".reveal mark").all_inner_texts()
        if not any(preview[0] in ("*", each[0]) and preview[-1] in ("*", each[-1]) for each in shown):
            kind = page.locator("dt:has-text('Resource') + dd").inner_text()
            missed.append(f"{kind}: {preview}: {page.locator('[role=alert]').all_inner_texts()}")
        assert page.locator("section:has(h2:text-is('Audit')) td:has-text('reveal')").count() >= 1
    assert missed == []


@pytest.mark.parametrize("app", APPS)
def test_the_author_removes_it_from_the_app(open_page: OpenPage, site: Any, app: str) -> None:
    told = told_of(site, app)
    runtime = site.installation.runtime
    page = open_page("")
    page.goto(f"/review/{review_token(runtime, told)}")
    page.click("button:has-text('Remove it now') >> nth=0")
    page.wait_for_selector("[role=status]")
    said = page.locator("[role=status]").inner_text()
    database = runtime.databases.of(told.residency)
    done = [
        (found, run)
        for each in told.findings
        for found in [database.read(lambda c, each=each: findings.get(c, told.residency, UUID(each.id)))]
        for run in database.read(lambda c, found=found: pages.runs_of(c, told.residency, found["id"]))
        if run["state"] == "done"
    ]
    assert done, said
    [(found, run)] = done
    assert run["actor"].startswith("link:")
    # The app itself says so: what was done cannot be done again.
    again = act_now(runtime, found, run["action"], actor="test", why="", dry_run=True)
    assert again["state"] == "nothing_to_do"
