"""What people do on the dashboard, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.browser

PAGES = [
    "/", "/findings", "/findings?q=state:open&sort=severity", "/coverage", "/connections", "/connections/acme-slack",
    "/policies", "/bulk", "/audit", "/users", "/account",
]  # fmt: skip

OpenPage = Callable[..., Any]


def first_finding(page: Any, query: str = "state:open") -> None:
    page.goto(f"/findings?q={query}")
    page.click("table.rows tbody th[scope=row] a >> nth=0")
    page.wait_for_selector("h2:has-text('Decide')")


@pytest.mark.parametrize(("scheme", "rules"), [("light", ()), ("dark", ("color-contrast",))])  # only colours differ
def test_every_page_is_accessible(
    open_page: OpenPage, axe: Callable[..., list[str]], scheme: str, rules: tuple[str, ...]
) -> None:
    page = open_page(color_scheme=scheme)
    first_finding(page)
    complaints = {}
    for path in [*PAGES, page.url]:
        assert page.goto(path).status == 200, path
        if found := axe(page, *rules):
            complaints[path] = found
    assert complaints == {}


@pytest.mark.parametrize("width", [375, 1600])
def test_no_page_is_wider_than_the_screen(open_page: OpenPage, width: int) -> None:
    page = open_page(viewport={"width": width, "height": 900})
    for path in PAGES:
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path


def test_a_chart_answers_a_click_by_filtering(open_page: OpenPage) -> None:
    page = open_page()
    page.goto("/")
    page.click("figure.chart svg a:last-of-type >> nth=0")
    page.wait_for_url("**/findings?q=first_seen*")
    assert page.locator("table.rows tbody th[scope=row]").count() > 0


def test_facets_and_views(open_page: OpenPage) -> None:
    page = open_page("ann")
    page.goto("/findings")
    page.click(".facet a:has-text('critical')")
    page.wait_for_url(re.compile("q=severity%3Acritical"))
    assert set(page.locator("table.rows .tag.s1, table.rows .tag.s4").all_text_contents()) == set()
    page.fill("#view", "my criticals")
    page.click("button:has-text('Keep')")
    page.goto("/")
    page.goto("/findings")
    page.click("a:has-text('my criticals')")
    assert page.input_value("#q") == "severity:critical"


def test_a_search_that_is_wrong_says_so(open_page: OpenPage) -> None:
    page = open_page()
    page.goto("/findings")
    page.keyboard.press("/")
    page.keyboard.type("sevrity:high\n")
    page.wait_for_selector("[role=alert]:has-text('severity')")


def test_acknowledge_and_undo(open_page: OpenPage) -> None:
    page = open_page("ann")
    first_finding(page, "state:open")
    page.fill("#comment", "looking into it")
    page.click("button:has-text('Acknowledge')")
    page.wait_for_selector(".heading .state-acknowledged")
    assert page.locator("td:has-text('looking into it')").count() == 1
    page.click("button:has-text('Undo the last change')")
    page.wait_for_selector(".heading .state-open")


def test_the_second_of_two_analysts_is_told(open_page: OpenPage) -> None:
    ann, ada = open_page("ann"), open_page("ada")
    first_finding(ann)
    ada.goto(ann.url.split("?")[0])
    ann.click("button:has-text('Acknowledge')")
    ann.wait_for_selector(".heading .state-acknowledged")
    ada.click("button:has-text('False positive')")
    ada.wait_for_selector("[role=alert]:has-text('user:ann changed this finding first')")
    assert ada.locator(".heading .state-acknowledged").count() == 1


def test_a_dry_run_then_the_action(open_page: OpenPage) -> None:
    page = open_page("ann")
    first_finding(page, "state:open connection:acme-github kind:issue")
    page.select_option("#action", "redact")
    page.fill("#why", "leaked")
    page.click("button:has-text('Try it first')")
    page.wait_for_selector("strong:has-text('redact: dry run')")
    page.click("button:has-text('Yes, redact now')")
    page.wait_for_selector("strong:has-text('redact: done')")


def test_reveal_is_a_permission_of_its_own_and_audited(open_page: OpenPage) -> None:
    page = open_page("ada")
    first_finding(page, "state:open connection:acme-jira detector:us_ssn")
    page.click("button:has-text('Reveal')")
    page.wait_for_selector(".reveal mark")
    assert re.fullmatch(r"\d{3}-\d{2}-\d{4}", page.locator(".reveal mark >> nth=0").inner_text())
    page.reload()
    page.goto("/audit")
    assert page.locator("td:has-text('reveal')").count() >= 1
    ann = open_page("ann")
    first_finding(ann)
    assert ann.locator("button:has-text('Reveal')").count() == 0


def test_bulk_dry_run_change_and_undo(open_page: OpenPage) -> None:
    page = open_page("ann")
    page.goto("/findings?q=state:open connection:acme-jira")
    page.click("button:has-text('everything that fits')")
    page.select_option("#state", "ignored")
    page.click("section:has(#state) button:has-text('Dry run')")
    page.click("button:has-text('Now do it')")
    page.wait_for_selector("button:has-text('Undo this run')")
    assert "0 left alone" in page.locator("p[role=status]").inner_text()
    page.goto("/findings?q=state:open connection:acme-jira")
    assert page.locator("td:has-text('Nothing fits')").count() == 1
    page.goto("/bulk")
    page.click("tbody th a >> nth=0")
    page.click("button:has-text('Undo this run')")
    page.wait_for_selector("h1:has-text('Undo')")
    page.wait_for_selector(".tag:has-text('done')")
    page.goto("/findings?q=state:open connection:acme-jira")
    assert page.locator("table.rows tbody th[scope=row]").count() > 0


def test_bulk_action_across_apps_is_tried_first(open_page: OpenPage) -> None:
    page = open_page("ann")
    page.goto("/findings?q=state:open detector:us_ssn")
    page.click("button:has-text('everything that fits')")
    page.select_option("#action", "redact")
    page.click("section:has(#action) button:has-text('Dry run')")
    page.wait_for_selector("button:has-text('Now do it')")
    assert page.locator(".tag:has-text('dry run')").count() >= 1


def test_a_policy_is_tried_on_the_past(open_page: OpenPage) -> None:
    page = open_page("vic")
    page.goto("/policies")
    page.fill("#detectors", "us_ssn")
    page.click("button:has-text('Try') >> nth=0")
    page.wait_for_selector("strong:has-text('It would have alerted')")
    page.fill("#detectors", "no_such_detector")
    page.click("button:has-text('Try') >> nth=0")
    page.wait_for_selector("[role=alert]:has-text('no_such_detector')")


def test_a_text_is_tried_on_the_detectors(open_page: OpenPage) -> None:
    page = open_page("vic")
    page.goto("/policies")
    page.fill("#text", "my ssn is 536-22-8145")
    page.click("button:has-text('Scan')")
    page.wait_for_selector("th:has-text('us_ssn')")


def test_start_a_sync_and_watch_it(open_page: OpenPage) -> None:
    page = open_page("ada")
    page.goto("/connections/acme-github")
    page.click("button:has-text('From the beginning')")
    page.wait_for_selector(".told:has-text('Asked for')")


def test_a_viewer_only_looks(open_page: OpenPage) -> None:
    page = open_page("vic")
    first_finding(page)
    assert page.locator("main button").count() == 0
    assert page.goto("/users").status == 403


def test_reading_works_with_scripts_off(open_page: OpenPage) -> None:
    page = open_page("vic", java_script_enabled=False)
    for path in [path for path in PAGES if path != "/users"]:
        assert page.goto(path).status == 200


def test_the_alerted_author_decides_by_a_link(open_page: OpenPage, site: Any, axe: Callable[[Any], list[str]]) -> None:
    from connectors.dashboard.firewall import review_token
    from connectors.store import alerts

    runtime = site.installation.runtime
    residency = runtime.config.residency
    database = runtime.databases.of(residency)
    listed = database.read(lambda c: alerts.listed(c, residency))
    told = next(
        told
        for row in listed
        if (told := database.read(lambda c, row=row: alerts.load(c, residency, row["id"])))
        and told.findings[0].state == "open"
        and told.findings[0].connection == "acme-confluence"
    )
    page = open_page("")
    page.goto(f"/review/{review_token(runtime, told)}")
    assert axe(page) == []
    page.click("button:has-text('It is needed') >> nth=0")
    page.wait_for_selector("[role=alert]:has-text('Say why')")
    page.fill("textarea >> nth=0", "an example for training")
    page.click("button:has-text('It is needed') >> nth=0")
    page.wait_for_selector("[role=status]:has-text('Thank you')")
    assert page.goto(f"/review/{review_token(runtime, told)[:-2]}xx").status == 403


def test_work_that_was_given_up_is_taken_up_again(open_page: OpenPage, site: Any) -> None:
    from uuid import uuid4

    import sqlalchemy as sa

    from connectors.store import jobs
    from connectors.store.jobs import Job
    from connectors.store.tables.intake import job

    runtime = site.installation.runtime
    home = runtime.config.residency
    database, now = runtime.databases.of(home), runtime.now()
    wanted = Job("bulk", str(uuid4()), home, "default", "acme-slack")

    def give_up(c: Any) -> None:
        jobs.enqueue(database, c, [wanted], vault=runtime.vault, now=now)
        dead = {"state": "dead", "reason": "the app was away for days"}
        c.execute(sa.update(job).where(job.c.residency == home, job.c.id == wanted.id).values(**dead))

    database.run(give_up)
    vic = open_page("vic")
    vic.goto("/connections")
    assert vic.locator("tr:has-text('away for days') button").count() == 0
    page = open_page("ada")
    page.goto("/connections")
    page.click("tr:has-text('away for days') button:has-text('Try again')")
    page.wait_for_selector(".told:has-text('tried again')")
    assert page.locator("td:has-text('away for days')").count() == 0
    page.goto("/audit")
    assert page.locator(f"td:has-text('job:{wanted.id}')").count() == 1


def test_a_failed_delivery_is_replayed(open_page: OpenPage, site: Any) -> None:
    from connectors.store import inbox
    from connectors.store.inbox import Arrival, prepare

    runtime = site.installation.runtime
    home = runtime.config.residency
    database = runtime.databases.of(home)
    headers = b'{"x-test": "1"}'
    arrival = Arrival(
        residency=home, tenant="default", connection="acme-slack", delivery_id="broken-1", received_at=runtime.now(),
        failure="not JSON", size=9, body=len(headers).to_bytes(4, "big") + headers + b"{not json",
    )  # fmt: skip
    prepared = prepare(arrival, vault=runtime.vault, shards=database.shards)
    database.run(lambda c: inbox.accept(database, c, [prepared], now=runtime.now()))
    page = open_page("ada")
    page.goto("/connections")
    page.click("tr:has-text('not JSON') button:has-text('Replay')")
    # It is verified again: what nobody signed is refused, and stays in the list.
    page.wait_for_selector(".told")
    assert "queued" not in page.locator(".told").inner_text()
    assert page.locator("tr:has-text('not JSON')").count() == 1
    page.goto("/audit")
    assert page.locator(f"tr:has-text('replay'):has-text('{arrival.id}')").count() == 1


def test_the_keyboard_is_enough(open_page: OpenPage) -> None:
    page = open_page("")
    page.goto("/signin?next=/findings")
    page.keyboard.type("vic")
    page.keyboard.press("Tab")
    page.keyboard.type("correct horse battery")
    page.keyboard.press("Enter")
    page.wait_for_selector("table.rows")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "q"
    page.keyboard.type("state:open\n")
    page.wait_for_selector(".chips code:has-text('state:open')")
    page.focus("table.rows tbody th a >> nth=0")
    page.keyboard.press("Enter")
    page.wait_for_selector("h2:has-text('Decide')")


def test_a_term_is_taken_out_of_a_search(open_page: OpenPage) -> None:
    page = open_page("vic")
    page.goto("/findings?q=state:open connection:acme-jira")
    page.click("[aria-label='Without state:open']")
    assert page.input_value("#q") == "connection:acme-jira"
    page.click(".facet a:has-text('acme-jira')")
    assert page.input_value("#q") == ""


def test_all_of_a_page_are_chosen_at_once(open_page: OpenPage) -> None:
    page = open_page("ann")
    page.goto("/findings?q=connection:acme-confluence")
    rows = page.locator("table.rows tbody th[scope=row]").count()
    page.check("#all")
    page.click("button:has-text('Decide about the chosen')")
    page.wait_for_selector(f"h1:has-text('{rows} finding')")


def test_new_findings_are_told_of_without_a_reload(open_page: OpenPage, site: Any) -> None:
    from datetime import timedelta

    import sqlalchemy as sa

    from connectors.store.tables.findings import finding

    page = open_page("vic")
    page.clock.install()
    page.goto("/findings?q=connection:acme-jira")
    runtime = site.installation.runtime
    home = runtime.config.residency
    one = sa.select(finding.c.id).where(finding.c.residency == home, finding.c.connection == "acme-jira").limit(1)
    seen = sa.update(finding).where(finding.c.residency == home, finding.c.id.in_(one))
    later = runtime.now() + timedelta(seconds=30)
    runtime.databases.of(home).run(lambda c: c.execute(seen.values(last_seen=later)))
    page.clock.fast_forward(11_000)
    page.click("#new a:has-text('1 finding seen since')")
    page.wait_for_url("**/findings?q=connection*")


def test_a_finding_shows_what_somebody_else_decides(open_page: OpenPage) -> None:
    vic, ann = open_page("vic"), open_page("ann")
    vic.clock.install()
    first_finding(vic)
    ann.goto(vic.url)
    ann.click("button:has-text('Acknowledge')")
    ann.wait_for_selector(".heading .state-acknowledged")
    vic.clock.fast_forward(11_000)
    vic.wait_for_selector(".heading .state-acknowledged")


def test_the_overview_moves_without_a_reload(open_page: OpenPage) -> None:
    vic, ann = open_page("vic"), open_page("ann")
    vic.clock.install()
    vic.goto("/")
    before = int(vic.locator(".tiles li:has-text('open now') b").inner_text())
    first_finding(ann)
    ann.click("button:has-text('Resolve')")
    ann.wait_for_selector(".heading .state-resolved")
    vic.clock.fast_forward(16_000)
    vic.wait_for_selector(f".tiles li:has-text('open now') b:text-is('{before - 1}')")


def test_what_is_not_there_is_said_on_a_page(open_page: OpenPage, site: Any, axe: Callable[[Any], list[str]]) -> None:
    from datetime import timedelta

    from connectors.dashboard.secrets import make_link

    runtime = site.installation.runtime
    page = open_page("vic")
    for path in ("/nowhere", "/findings/not-an-id"):
        assert page.goto(path).status == 404
        assert page.locator("h1").inner_text() == "Not found"
    values = {"alert": "0", "residency": runtime.config.residency}
    over = make_link(runtime.vault, "review", values, runtime.now() - timedelta(minutes=1))
    stranger = open_page("")
    assert stranger.goto(f"/review/{over}").status == 403
    assert "expired" in stranger.locator("[role=alert]").inner_text()
    assert "Ask your security team" in stranger.locator("main").inner_text()
    assert axe(stranger) == []


def test_coverage_tells_of_each_partition_and_of_what_is_never_read(open_page: OpenPage) -> None:
    page = open_page("vic")
    page.goto("/coverage")
    listed, scanned, skipped, failed = (
        int(page.locator("section:has(h2:text-is('Connections')) tr:has-text('acme-slack') td").nth(n).inner_text())
        for n in range(4)
    )
    assert listed == scanned + skipped + failed
    page.click("section:has(h2:text-is('Connections')) a:has-text('acme-slack')")
    assert page.locator("section:has(h2:text-is('Partitions')) th:has-text('not read')").count() == 0
    never = page.locator("section:has(h2:has-text('Never read')) tbody tr")
    assert never.count() > 3
    assert all(each.strip() for each in never.locator("td:last-child").all_inner_texts())
    page.click("section:has(h2:text-is('Partitions')) a:has-text('#alerts')")
    page.wait_for_selector("h2:text-is('The gaps, one by one')")
    assert page.locator("section:has(h2:text-is('Partition')) tbody tr").count() == 1


def test_an_admin_lets_somebody_in(open_page: OpenPage) -> None:
    ada = open_page("ada")
    ada.goto("/users")
    ada.fill("#name", "new@example.com")
    ada.select_option("#role", "analyst")
    ada.click("button:has-text('Save')")
    link = ada.locator(".told code").inner_text()
    new = open_page("")
    new.goto("/password/" + link.rsplit("/", 1)[1])
    new.fill("#password", "a long one for tests")
    new.fill("#again", "a long one for tests")
    new.click("button:text-is('Save')")
    new.wait_for_selector("header.top")
    assert new.goto("/users").status == 403
