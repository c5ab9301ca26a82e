"""Actions: what is changed, what is left alone, and what is said to remain."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Any

import pytest

from connectors.errors import MissingScope, Unsupported
from connectors.model import ActionResult, Confidence, Container, Match, Resource, Target
from connectors.testing.fakeapps.base import Response
from connectors.testing.fakeapps.jira import FakeJira
from connectors.testing.fakeapps.jira_data import document, texts_in
from connectors_jira.connector import JiraConnector

Connect = Callable[..., JiraConnector]
VALUE = re.compile(r"SECRET-\d+")


def target(resource: str, part: str) -> Target:
    def matches(text: str) -> tuple[Match, ...]:
        return tuple(Match("t", "t", m.start(), m.end(), Confidence.LIKELY, m.group()) for m in VALUE.finditer(text))

    kind = resource.partition(":")[0]
    return Target(Resource(resource, kind, Container("1")), part, "t", matches, lambda text: VALUE.sub("***", text))


def issue(jira: FakeJira, **fields: Any) -> str:
    jira.add_project("OPS")
    return str(jira.add_issue("OPS", "a task", **fields)["id"])


SPLIT = {
    "type": "doc",
    "version": 1,
    "content": [
        {
            "type": "paragraph",
            "content": [
                {"type": "text", "text": "key SEC"},
                {"type": "text", "text": "RET-", "marks": [{"type": "strong"}]},
                {"type": "text", "text": "12 end"},
            ],
        },
        {"type": "rule"},
    ],
}


def test_a_value_split_over_nodes_is_redacted_and_the_rest_stays(cloud: FakeJira, connect: Connect) -> None:
    ident = issue(cloud, description=SPLIT)
    outcome = connect(cloud).act("redact", target(f"issue:{ident}", "description"), dry_run=False)
    assert outcome.result is ActionResult.DONE
    assert cloud.issues[ident]["fields"]["description"] == {
        **SPLIT,
        "content": [
            {"type": "paragraph", "content": [{"type": "text", "text": "key ***"}, {"type": "text", "text": " end"}]},
            {"type": "rule"},
        ],
    }


@pytest.mark.parametrize("part", ["summary", "description", "environment", "field:customfield_1"])
def test_every_field_of_text_can_be_redacted(jira: FakeJira, connect: Connect, part: str) -> None:
    ident = issue(jira)
    field = part.removeprefix("field:")
    value = "see SECRET-1 and SECRET-2" if part == "summary" else jira.rich("see SECRET-1 and SECRET-2")
    jira.edit_issue(ident, **{field: value})
    outcome = connect(jira).act("redact", target(f"issue:{ident}", part), dry_run=False)
    after = jira.issues[ident]["fields"][field]
    assert (jira.plain(after), outcome.message) == ("see *** and ***", f"redacted 2 values in {part}")


def test_the_end_state_is_honest_about_the_history(jira: FakeJira, connect: Connect) -> None:
    ident = issue(jira)
    for text in ("SECRET-1", "SECRET-2"):
        jira.edit_issue(ident, environment=jira.rich(text))
    outcome = connect(jira).act("redact", target(f"issue:{ident}", "environment"), dry_run=False)
    assert outcome.remaining == "3 history entries still hold it"
    before = connect(jira).act("redact", target(f"issue:{ident}", "environment"), dry_run=False)
    assert (before.result, before.remaining) == (ActionResult.NOTHING_TO_DO, "3 history entries still hold it")


def test_a_history_that_cannot_be_read_is_said(cloud: FakeJira, connect: Connect) -> None:
    ident = issue(cloud, description=document("SECRET-1"))
    cloud.fail(Response.of({}, status=403), path=".*/changelog")
    outcome = connect(cloud).act("redact", target(f"issue:{ident}", "description"), dry_run=False)
    assert outcome.remaining == "the history could not be checked"


def test_comments_and_worklogs_can_be_redacted(jira: FakeJira, connect: Connect) -> None:
    ident = issue(jira)
    comment, log = jira.add_comment(ident, "SECRET-1 here"), jira.add_worklog(ident, "SECRET-2 there")
    connector = connect(jira)
    for resource, part in ((f"comment:{ident}:{comment['id']}", "body"), (f"issue:{ident}", f"worklog:{log['id']}")):
        outcome = connector.act("redact", target(resource, part), dry_run=False)
        assert (outcome.result, outcome.remaining) == (ActionResult.DONE, "")
    assert jira.plain(comment["body"]) == "*** here"
    assert jira.plain(log["comment"]) == "*** there"
    assert [r.query.get("adjustEstimate") for r in jira.requests if r.method == "PUT"] == [None, "leave"]


def test_a_dry_run_writes_nothing_and_hashes_what_stands_there(cloud: FakeJira, connect: Connect) -> None:
    ident = issue(cloud)
    cloud.edit_issue(ident, summary="SECRET-1")
    outcome = connect(cloud).act("redact", target(f"issue:{ident}", "summary"), dry_run=True)
    assert outcome.result is ActionResult.DRY_RUN
    assert outcome.before_hash == hashlib.sha256(b'"SECRET-1"').hexdigest()
    assert {r.method for r in cloud.requests} == {"GET"}


@pytest.mark.parametrize("action", ["redact", "redact_job"])
def test_a_value_that_is_gone_is_nothing_to_do(cloud: FakeJira, connect: Connect, action: str) -> None:
    ident = issue(cloud, description=document("clean"))
    connector = connect(cloud)
    assert (
        connector.act(action, target(f"issue:{ident}", "description"), dry_run=False).result
        is ActionResult.NOTHING_TO_DO
    )
    cloud.delete_issue(ident)
    assert (
        connector.act(action, target(f"issue:{ident}", "description"), dry_run=False).result
        is ActionResult.NOTHING_TO_DO
    )
    assert not any(r.method in {"PUT", "POST"} for r in cloud.requests)


@pytest.mark.parametrize("part", ["labels", "changelog:1", "remotelink:1", "field:customfield_2"])
def test_what_cannot_be_redacted_is_refused(cloud: FakeJira, connect: Connect, part: str) -> None:
    ident = issue(cloud, labels=["SECRET-1"], customfield_2={"value": "SECRET-1"})
    outcome = connect(cloud).act("redact", target(f"issue:{ident}", part), dry_run=False)
    assert outcome.result is ActionResult.REFUSED


def test_jiras_own_job_redacts_every_piece(cloud: FakeJira, connect: Connect) -> None:
    ident = issue(cloud, description=SPLIT)
    comment = cloud.add_comment(ident, "\U0001f511 SECRET-12")
    connector = connect(cloud)
    outcome = connector.act("redact_job", target(f"issue:{ident}", "description"), dry_run=False)
    assert (outcome.result, outcome.remaining) == (ActionResult.DONE, "")
    assert texts_in(cloud.issues[ident]["fields"]["description"]) == ["key ███", "████", "██ end"]
    (request,) = [r.json() for r in cloud.requests if r.path == "/rest/api/3/redact"]
    first = request["redactions"][0]
    assert first["contentItem"] == {"entityId": "description", "entityType": "issuefieldvalue", "id": ident}
    position = first["redactionPosition"]
    assert (position["adfPointer"], position["from"], position["to"]) == ("/content/0/content/0/text", 4, 7)
    status = [r.path for r in cloud.requests if "/redact/status/" in r.path]
    assert len(status) == 2
    # Positions count UTF-16 units: the key sign is two of them. The fake counts code points and refuses.
    refused = connector.act("redact_job", target(f"comment:{ident}:{comment['id']}", "body"), dry_run=False)
    assert (refused.result, refused.remaining) == (ActionResult.CHANGED_MEANWHILE, "body still holds it")


def test_jiras_job_is_not_asked_for_what_it_cannot_reach(jira: FakeJira, connect: Connect) -> None:
    link = {"type": "inlineCard", "attrs": {"url": "https://x/SECRET-1"}}
    rich = {"type": "doc", "version": 1, "content": [{"type": "paragraph", "content": [link]}]}
    ident = issue(jira, description=rich if jira.cloud else "SECRET-1")
    outcome = connect(jira).act("redact_job", target(f"issue:{ident}", "description"), dry_run=False)
    assert outcome.result is ActionResult.REFUSED
    assert not any(r.method == "POST" for r in jira.requests)


def test_an_attachment_is_deleted_once(jira: FakeJira, connect: Connect) -> None:
    ident = issue(jira)
    attachment = jira.add_attachment(ident, "SECRET-1.txt", b"x")
    connector = connect(jira)
    place = target(f"attachment:{attachment['id']}", "name")
    assert connector.act("delete_attachment", place, dry_run=True).result is ActionResult.DRY_RUN
    assert jira.issues[ident]["fields"]["attachment"]
    done = connector.act("delete_attachment", place, dry_run=False)
    assert (done.result, done.remaining) == (ActionResult.DONE, "the issue's history still holds the file's name")
    assert not jira.issues[ident]["fields"]["attachment"]
    assert connector.act("delete_attachment", place, dry_run=False).result is ActionResult.NOTHING_TO_DO


def test_an_attachment_without_the_value_in_its_name_stays(jira: FakeJira, connect: Connect) -> None:
    ident = issue(jira)
    attachment = jira.add_attachment(ident, "plain.txt", b"x")
    outcome = connect(jira).act("delete_attachment", target(f"attachment:{attachment['id']}", "name"), dry_run=False)
    assert outcome.result is ActionResult.NOTHING_TO_DO
    assert jira.issues[ident]["fields"]["attachment"]


def test_missing_permission_and_unknown_actions_are_errors(cloud: FakeJira, connect: Connect) -> None:
    ident = issue(cloud, description=document("SECRET-1"))
    cloud.denied.add("EDIT_ISSUES")
    with pytest.raises(MissingScope):
        connect(cloud).act("redact", target(f"issue:{ident}", "description"), dry_run=False)
    with pytest.raises(Unsupported):
        connect(cloud).act("explode", target(f"issue:{ident}", "description"), dry_run=False)
