"""Every call of the client, one by one: its address is the one of the page, and the page names no other."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from inspect import isfunction
from pathlib import Path
from typing import Any

import pytest

from connectors.testing.fakeapps.jira import FakeJira
from connectors_jira.client import Jira
from connectors_jira.connector import JiraConnector

Connect = Callable[..., JiraConnector]

PAGE = (Path(__file__).parents[3] / "docs" / "apps" / "jira.md").read_text()
ROWS = re.findall(r"^\| [^|]+ \| `([A-Z]+ \S+)` \| (?:`([A-Z]+ \S+)`|—) \| \[[^\]]+\]\((\S+)\) \|$", PAGE, re.MULTILINE)
"""Method and address on Cloud and on Data Center, and the vendor's page."""

CALLS: Mapping[str, Callable[[Jira, str, str, str, str], Any]] = {
    "myself": lambda jira, *_: jira.myself(),
    "permissions": lambda jira, *_: jira.permissions(["BROWSE_PROJECTS"]),
    "projects": lambda jira, *_: list(jira.projects()),
    "search": lambda jira, *_: jira.search("project = OPS"),
    "search_from": lambda jira, *_: jira.search_from("project = OPS", start=0),
    "issue": lambda jira, issue, *_: jira.issue(issue),
    "comment": lambda jira, issue, comment, *_: jira.comment(issue, comment),
    "comments": lambda jira, issue, *_: list(jira.comments(issue)),
    "worklogs": lambda jira, issue, *_: list(jira.worklogs(issue)),
    "worklog": lambda jira, issue, _, log, __: jira.worklog(issue, log),
    "changelog": lambda jira, issue, *_: list(jira.changelog(issue)),
    "remote_links": lambda jira, issue, *_: jira.remote_links(issue),
    "attachment_facts": lambda jira, *ids: jira.attachment_facts(ids[-1]),
    "attachment": lambda jira, *ids: jira.attachment(ids[-1], "a.log").read(),
    "user": lambda jira, *_: jira.user(str(jira.myself().get("accountId") or jira.myself().get("key"))),
    "set_field": lambda jira, issue, *_: jira.set_field(issue, "summary", "clean"),
    "set_comment": lambda jira, issue, comment, *_: jira.set_comment(issue, comment, "clean"),
    "set_worklog": lambda jira, issue, _, log, __: jira.set_worklog(issue, log, "clean"),
    "redact": lambda jira, *_: jira.redact([]),
    "redaction": lambda jira, *_: jira.redaction(jira.redact([])),
    "register_webhooks": lambda jira, *_: jira.register_webhooks("https://dlp.example", "project = OPS", ["x"]),
    "refresh_webhooks": lambda jira, *_: jira.refresh_webhooks(
        jira.register_webhooks("https://dlp.example", "project = OPS", ["x"])
    ),
    "delete_webhooks": lambda jira, *_: jira.delete_webhooks([1]),
    "delete_attachment": lambda jira, *ids: jira.delete_attachment(ids[-1]),
}
"""Every method that calls Jira."""
ONLY_CLOUD = {"search", "redact", "redaction", "register_webhooks", "refresh_webhooks", "delete_webhooks"}
ONLY_DATA_CENTER = {"search_from"}


def pattern(row: str) -> str:
    return re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(row))


def asked(fake: FakeJira, jira: Jira) -> list[str]:
    """Make every call, and return what was asked for."""
    fake.add_project("OPS", "Operations")
    issue = fake.add_issue("OPS", "A question", text="how?")["id"]
    comment, log = fake.add_comment(issue, "so")["id"], fake.add_worklog(issue, "done")["id"]
    file = fake.add_attachment(issue, "a.log", b"text")["id"]
    for name, call in CALLS.items():
        if name not in (ONLY_DATA_CENTER if fake.cloud else ONLY_CLOUD):
            call(jira, issue, comment, log, file)
    return [f"{r.method} {r.path}" for r in fake.requests if not r.path.startswith("/media/")]


def test_every_method_of_the_client_is_called_here() -> None:
    own = {name for name, value in vars(Jira).items() if isfunction(value) and not name.startswith("_")}
    assert own - {"call", "download"} == set(CALLS)


def test_every_address_is_on_the_page_and_every_one_of_the_page_is_asked(jira: FakeJira, connect: Connect) -> None:
    rows = {cloud if jira.cloud else own for cloud, own, _ in ROWS} - {""}
    made = asked(jira, connect(jira).jira)
    assert not [call for call in made if not any(re.fullmatch(pattern(row), call) for row in rows)]
    assert not [row for row in rows if not any(re.fullmatch(pattern(row), call) for call in made)]


@pytest.mark.parametrize(("cloud", "own", "page"), ROWS)
def test_a_row_is_of_the_api_that_its_page_documents(cloud: str, own: str, page: str) -> None:
    assert cloud.split(" ")[1].startswith("/rest/api/3/")
    assert page.startswith("https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-")
    assert not own or own.split(" ")[1].startswith(("/rest/api/2/", "/secure/attachment/"))
