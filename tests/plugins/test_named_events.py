"""Every event that the apps are known to send, by name: what it becomes, and which become nothing on purpose."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.model import Delivery
from connectors.testing.context import MemoryContext
from connectors.testing.fakeapps.confluence import FakeConfluence
from connectors.testing.fakeapps.github import FakeGitHub
from connectors.testing.fakeapps.jira import FakeJira
from connectors.testing.fakeapps.slack import FakeSlack
from connectors_confluence.config import ConfluenceConfig
from connectors_confluence.connector import ConfluenceConnector
from connectors_gdrive.events import channel_token
from connectors_gdrive.events import receive as receive_from_drive
from connectors_github.config import GitHubConfig
from connectors_github.connector import GitHubConnector
from connectors_jira.config import JiraConfig
from connectors_jira.connector import JiraConnector
from connectors_slack.config import SlackConfig
from connectors_slack.connector import SlackConnector

Told = Mapping[str, str]
Webhook = tuple[Mapping[str, str], bytes]


def kinds(connector: Any, webhook: Webhook) -> str:
    """Return the kinds of events that a delivery becomes, '' for none."""
    headers = {name.lower(): value for name, value in webhook[0].items()}
    receipt = connector.receive(Delivery("acme", headers, webhook[1]), datetime.now(UTC))
    assert not receipt.failure
    return " ".join(event.kind.value for event in receipt.events)


SLACK_MESSAGES: Told = {
    "": "changed",
    "thread_broadcast": "changed",
    "file_share": "changed changed",
    "bot_message": "changed",
    "me_message": "changed",
    "channel_topic": "changed sync",
    "channel_purpose": "changed sync",
    "channel_name": "changed sync",
    "message_changed": "changed",
    "message_replied": "changed",
    "tombstone": "deleted",
    "message_deleted": "deleted",
}
"""By subtype. The previous text of an edit was scanned when it was the text; what was missed stands in `not_read`."""

SLACK: Told = {
    "file_created": "",  # it is in no channel yet: file_shared follows
    "file_shared": "changed",
    "file_change": "changed",
    "file_public": "changed",
    "file_unshared": "changed",
    "file_deleted": "deleted",
    "channel_shared": "exposure",
    "channel_unshared": "exposure",
    "channel_deleted": "deleted",
    "member_joined_channel": "sync",
    "channel_history_changed": "sync",
    "group_history_changed": "sync",
    "im_history_changed": "sync",
    "channel_rename": "sync",
    "grid_migration_started": "",  # until it is over the API answers that it is, and is asked again
    "grid_migration_finished": "",
    "tokens_revoked": "revoked",
    "app_uninstalled": "revoked",
    "reaction_added": "",
}


@pytest.fixture(scope="module")
def slack() -> tuple[FakeSlack, SlackConnector]:
    fake = FakeSlack()
    config = SlackConfig(token="xoxb", webhook_secret=fake.signing_secret)
    return fake, SlackConnector(config, MemoryContext())


@pytest.mark.parametrize("subtype", SLACK_MESSAGES)
def test_slack_message(slack: tuple[FakeSlack, SlackConnector], subtype: str) -> None:
    fake, connector = slack
    said: dict[str, Any] = {"type": "message", "channel": "C1", "user": "U1", "ts": "1715603000.000100", "text": "hi"}
    if subtype == "file_share":
        said["files"] = [{"id": "F1", "mode": "hosted", "created": 1}]
    event = {**said, "subtype": subtype} if subtype else said
    if subtype in ("message_changed", "message_replied", "tombstone"):
        inner = {**said, "subtype": "tombstone"} if subtype == "tombstone" else said
        event = {**said, "subtype": "message_changed" if subtype == "tombstone" else subtype, "message": inner}
    if subtype == "message_deleted":
        event = {**said, "subtype": subtype, "deleted_ts": said["ts"]}
    webhook = fake.event({**event, "event_ts": "1715603001.000100", "channel_type": "channel"})
    assert kinds(connector, webhook) == SLACK_MESSAGES[subtype]


@pytest.mark.parametrize("name", SLACK)
def test_slack(slack: tuple[FakeSlack, SlackConnector], name: str) -> None:
    fake, connector = slack
    about: Any = {"id": "C1", "name": "new"} if name == "channel_rename" else "C1"
    event = {"type": name, "channel": about, "file_id": "F1", "user": fake.bot_user, "event_ts": "1715603001.000100"}
    assert kinds(connector, fake.event(event)) == SLACK[name]


GITHUB: Told = {
    "push": "sync sync",
    "push of a new branch": "sync sync",
    "push that deletes": "deleted",
    "create of a branch": "sync sync",
    "create of a tag": "",
    "delete of a branch": "deleted",
    "issues opened": "changed",
    "issues edited": "changed",
    "issues transferred": "deleted",
    "issues deleted": "deleted",
    "pull_request opened": "changed",
    "pull_request edited": "changed",
    "pull_request synchronize": "changed",
    "issue_comment created": "changed",
    "issue_comment edited": "changed",
    "issue_comment deleted": "deleted",
    "commit_comment created": "changed",
    "pull_request_review submitted": "changed",
    "pull_request_review edited": "changed",
    "pull_request_review_comment created": "changed",
    "pull_request_review_comment edited": "changed",
    "pull_request_review_comment deleted": "deleted",
    "pull_request_review_thread resolved": "changed",
    "discussion created": "changed",
    "discussion deleted": "deleted",
    "discussion_comment created": "changed",
    "discussion_comment deleted": "deleted",
    "gollum": "changed",
    "release published": "changed",
    "release deleted": "deleted",
    "repository publicized": "exposure",
    "repository privatized": "exposure",
    "repository deleted": "deleted",
    "public": "exposure",
    "installation deleted": "revoked",
    "fork": "",  # what is in a fork is the fork's: it is read when the connection sees it
    "secret_scanning_alert created": "",  # named in `not_read`
}

STAMP = "2026-05-04T12:00:00Z"
API = "https://api.github.com/repos/acme/api"


def github_payload(name: str, action: str) -> dict[str, Any]:
    url = "https://github.com/acme/api/pull/3" if "pull" in name else "https://github.com/acme/api/issues/3"
    thing = {"id": 7, "number": 3, "title": "t", "body": "b", "html_url": url, "created_at": STAMP, "updated_at": STAMP}
    thing |= {"user": {"id": 5, "login": "ana"}, "issue_url": f"{API}/issues/3", "pull_request_url": f"{API}/pulls/3"}
    thing |= {"name": "n", "tag_name": "v1", "assets": [], "comments": [{**thing}], "submitted_at": STAMP}
    parts = ("issue", "pull_request", "comment", "review", "thread", "discussion", "release", "installation")
    page = {"page_name": "Home", "title": "Home", "action": "edited", "sha": "a" * 40, "html_url": f"{url}/wiki"}
    return {"action": action, **dict.fromkeys(parts, thing), "pages": [page], "ref_type": "branch", "ref": "feature"}


@pytest.mark.parametrize("told", GITHUB)
def test_github(told: str) -> None:
    fake = FakeGitHub()
    fake.add_user("ana")
    repo = fake.add_repo("api")
    connector = GitHubConnector(GitHubConfig(token="t", webhook_secret=fake.webhook_secret), MemoryContext())
    name, _, action = told.partition(" ")
    payload = github_payload(name, action)
    if name == "push":
        zero, before, after = "0" * 40, "a" * 40, "b" * 40
        shas = {"": (before, after), "of a new branch": (zero, after), "that deletes": (before, zero)}[action]
        ref = "refs/heads/main" if not action else "refs/heads/feature"
        payload = {"ref": ref, "before": shas[0], "after": shas[1], "deleted": shas[1] == zero}
    if action == "of a tag":
        payload["ref_type"] = "tag"
    assert kinds(connector, fake.webhook(name, payload, repo, "ana")) == GITHUB[told]


DRIVE: Told = {"sync": "", **dict.fromkeys(("add", "remove", "update", "trash", "untrash", "change"), "sync")}


@pytest.mark.parametrize("state", DRIVE)
def test_drive(state: str) -> None:
    now = datetime.now(UTC)
    end = int((now + timedelta(days=1)).timestamp())
    given = {"channel-id": "c1", "resource-state": state, "resource-id": "r1", "message-number": "1"}
    given["channel-token"] = channel_token("secret", "c1", partition="user:ana@acme.example", expires=end)
    delivery = Delivery("acme", {f"x-goog-{name}": value for name, value in given.items()}, b"")
    events = receive_from_drive(delivery, now, "secret").events
    assert " ".join(event.kind.value for event in events) == DRIVE[state]


JIRA: Told = {
    "jira:issue_created": "changed",
    "jira:issue_updated": "changed",
    "jira:issue_deleted": "deleted",
    "comment_created": "changed",
    "comment_updated": "changed",
    "comment_deleted": "deleted",
    "attachment_created": "sync",
    "attachment_deleted": "deleted",
    "worklog_created": "sync",
    "worklog_updated": "sync",
    "worklog_deleted": "sync",
    "project_deleted": "deleted",
    **dict.fromkeys(
        (
            "issue_property_set", "issue_property_deleted", "issuelink_created", "issuelink_deleted", "project_created",
            "project_updated", "jira:version_created", "jira:version_released", "sprint_created", "sprint_started",
            "board_created", "board_updated", "user_created", "user_updated", "something_of_2030",
        ),
        "",
    ),
}  # fmt: skip
"""Links, sprints, boards, versions, properties and people hold no scanned text of their own: see `not_read`."""


@pytest.mark.parametrize("name", JIRA)
def test_jira(name: str) -> None:
    fake = FakeJira()
    fake.add_project("OPS", "Operations")
    issue = fake.add_issue("OPS", "A question", text="how?")
    comment, log = fake.add_comment(issue["id"], "so"), fake.add_worklog(issue["id"], "done")
    parts: dict[str, Any] = {"worklog": {**log, "issueId": issue["id"]}, "project": dict(fake.projects["OPS"])}
    parts |= {"attachment": {"id": "9", "filename": "a.log", "created": log["created"]}}
    if name.startswith(("jira:issue", "comment")):
        parts = {"issue": issue["id"]} | ({"comment": comment} if name.startswith("comment") else {})
    config = JiraConfig(url="https://acme.atlassian.net", pat="p", webhook_secret=fake.webhook_secret)
    assert kinds(JiraConnector(config, MemoryContext()), fake.signed(name, **parts)) == JIRA[name]


CONFLUENCE: Told = {
    **{f"{verb}:{kind}": "changed" for kind in ("page", "blogpost") for verb in ("created", "updated", "moved")},
    **{f"{verb}:{kind}": "deleted" for kind in ("page", "blogpost", "attachment") for verb in ("trashed", "deleted")},
    **{f"restored:{kind}": "changed" for kind in ("page", "blogpost")},
    "copied:page": "changed",
    "started:page": "changed",
    "snapshotted:page": "changed",
    "created:comment": "sync",
    "updated:comment": "sync",
    "deleted:comment": "deleted",
    "created:attachment": "sync",
    "updated:attachment": "sync",
    "permissions_updated:page": "",  # who may see a page is not read: the page of the app says so
    "liked:page": "",
    "viewed:page": "",
    "created:whiteboard": "",  # its title is read by the next sync, its content is a gap
    "created:database": "",
}
"""As a relay app forwards them. `started` and `snapshotted` are those of live pages."""


@pytest.mark.parametrize("told", CONFLUENCE)
def test_confluence(told: str) -> None:
    fake = FakeConfluence()
    fake.add_space("ENG", "Engineering")
    verb, _, kind = told.partition(":")
    on = fake.add_page(
        "ENG", "Notes", "<p>so</p>", kind=kind if kind in ("blogpost", "whiteboard", "database") else "page"
    )
    made = {
        "comment": lambda: fake.add_comment(on, "<p>so</p>"),
        "attachment": lambda: fake.add_attachment(on, "a.txt", b"so"),
    }
    thing = made[kind]() if kind in made else on
    config = ConfluenceConfig(url="https://acme.atlassian.net/wiki", pat="p", webhook_secret=fake.webhook_secret)
    assert kinds(ConfluenceConnector(config, MemoryContext()), fake.relayed(verb, thing)) == CONFLUENCE[told]
