"""Every kind of place that an app is known to have: where a marked value in it is looked for, or what the ledger says.

The corpora of the apps' own tests hold a marked value per place; each is found by a sync and by webhooks there, and
through the whole house in `tests/integration/sync/test_places.py`.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from connectors.testing.context import MemoryContext
from connectors_confluence.config import ConfluenceConfig
from connectors_confluence.connector import ConfluenceConnector
from connectors_gdrive.config import DriveConfig
from connectors_gdrive.not_read import not_read as not_read_of_drive
from connectors_github.config import GitHubConfig
from connectors_github.connector import GitHubConnector
from connectors_jira.config import JiraConfig
from connectors_jira.connector import JiraConnector
from connectors_slack.config import SlackConfig
from connectors_slack.connector import SlackConnector

HERE = Path(__file__).parent

MARKED: dict[str, dict[str, tuple[str, ...]]] = {
    "slack": {
        "messages": ("text", "code in text", "link in text", "topic change"),
        "edited messages": ("edit",),
        "threads": ("thread reply", "broadcast reply", "file in a thread"),
        "messages of apps and of me": ("bot message", "me message"),
        "blocks": ("section block", "section fields", "context block", "rich text", "rich text code", "rich text link"),
        "buttons": ("button",),
        "attachments and unfurls": ("attachment text", "attachment field", "unfurl"),
        "metadata": ("metadata",),
        "files": ("file content", "file name", "file title", "file alt text", "message of a file", "snippet"),
        "files whose message is gone": ("file whose message is gone",),
        "canvases": ("canvas", "changed canvas"),
    },
    "github": {
        "issues": ("issue title", "issue body", "edited issue"),
        "comments": ("issue comment", "edited comment", "comment on a pull request"),
        "pull requests": ("pull request title", "pull request body"),
        "reviews": ("review", "review comment", "diff hunk"),
        "commit comments": ("commit comment",),
        "discussions": ("discussion title", "discussion body", "discussion comment", "discussion reply"),
        "wiki": ("wiki page",),
        "releases": ("release title", "release notes", "release file", "release file name"),
        "pushed code": ("file", "file name", "file on a branch"),
        "commits": ("commit message", "removed file in a commit"),
    },
    "gdrive": {
        "content": ("upload", "office"),
        "Google's formats": ("document", "sheet", "slides", "drawing", "script"),
        "name, description, properties": ("name", "description", "property"),
        "folders and shortcuts": ("folder", "shortcut"),
        "comments and replies": ("comment", "quote", "reply", "commentpage2"),
        "revisions": ("oldversion",),
        "labels": ("label",),
        "shared drives": ("shareddrive",),
        "other people's drives": ("otheruser", "sharedwithme"),
    },
    "jira": {
        "summary, description, environment": ("summary", "description", "environment"),
        "custom fields": ("custom-text", "custom-rich", "custom-option", "custom-list", "custom-number"),
        "comments": ("comment", "late-comment"),
        "worklogs": ("worklog", "late-worklog"),
        "attachments": ("attachment-name", "attachment-content"),
        "labels and components": ("label", "component"),
        "remote links": ("remote-link-title", "remote-link-address"),
        "changelog": ("changelog-old",),
    },
    "confluence": {
        "pages": ("page-title", "page-body", "page-code-block", "page-link", "page-split"),
        "live docs": ("live-doc",),
        "blog posts": ("blogpost-title", "blogpost-body"),
        "footer comments": ("footer-comment", "reply", "reply-to-reply", "comment-on-blogpost"),
        "inline comments": ("inline-comment", "inline-comment-on-blogpost"),
        "attachments": ("attachment-name", "attachment-comment", "attachment-content", "attachment-of-blogpost"),
        "page versions": ("old-version",),
        "spaces": ("space-description",),
    },
}
"""For each kind of place, the marked values of the corpus that stand in it."""

CORPORA = {
    "slack": ("test_slack_corpus", ("PLACES",)),
    "github": ("test_github_corpus", ("BOTH", "WEBHOOK_ONLY")),
    "gdrive": ("test_corpus", ("PLACES",)),
    "jira": ("test_jira_places", ("PLACES",)),
    "confluence": ("test_confluence_places", ("PLACES",)),
}

TESTED = {
    "slack": {
        "topic, purpose and name of a channel": "test_slack_corpus.py::test_texts_of_the_channel_itself",
        "files that cannot be read": "test_slack_corpus.py::test_file_that_cannot_be_read_is_a_gap",
        "Slack Connect": "test_slack_events.py::test_visibility",
        "deleted messages": "test_slack_corpus.py::test_deleted_message_and_tombstone_are_gone",
    },
    "github": {
        "gists": "test_github_corpus.py::test_gists_when_asked",
        "description and topics": "test_github_corpus.py::test_texts_of_the_repository_itself",
        "repositories made public": "test_github_events.py::test_visibility",
        "failed deliveries": "test_github_reading.py::test_lost_deliveries_are_recovered_once",
        "submodules": "test_github_corpus.py::test_submodule_is_a_gap",
        "history of wikis": "test_github_corpus.py::test_wiki_history_is_a_gap",
    },
    "gdrive": {
        "permissions": "test_checks_and_people.py::test_the_widest_permission_decides",
        "trash": "test_reading.py::test_trashed_and_deleted_files_are_deleted",
    },
    "confluence": {
        "whiteboards and databases": "test_confluence_sync.py::test_kinds_that_only_search_lists",
        "archived pages": "test_confluence_sync.py::test_archived_pages_are_read_on_cloud_and_trashed_ones_are_not",
        "trash": "test_confluence_places.py::test_a_page_in_the_trash_is_gone",
    },
    "jira": {
        "attachments of a late delivery": "test_jira_webhooks.py::test_an_edit_brings_only_the_attachments_it_touches",
    },
}
"""Kinds of places that are not one text of one resource, with the test that holds them."""

DECLARED = {
    "slack": ("drafts", "scheduled messages", "earlier versions", "ephemeral messages"),
    "github": ("earlier versions", "wiki history", "security", "projects"),
    "gdrive": ("trash", "approvals", "access proposals", "form answers"),
    "jira": ("properties", "boards and sprints", "projects", "comment history"),
    "confluence": ("drafts", "trash", "attachment comments", "attachment versions", "restrictions"),
}
"""What cannot be read, or is not: each is in the ledger of every connection."""


def corpus(app: str) -> set[str]:
    name, held = CORPORA[app]
    spec = importlib.util.spec_from_file_location(f"named_{app}", HERE / app / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module: ModuleType = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return {place for each in held for place in getattr(module, each)}


@pytest.mark.parametrize("app", MARKED)
def test_every_kind_of_place_has_its_marked_values_and_every_value_its_kind(app: str) -> None:
    named = {place for places in MARKED[app].values() for place in places}
    held = corpus(app)
    assert not named - held, "no such value in the corpus"
    assert {re.sub(r"page\d$", "page2", place) for place in held} == named, "of no kind that is named here"


@pytest.mark.parametrize(("app", "test"), [(app, test) for app, of in TESTED.items() for test in of.values()])
def test_the_other_kinds_have_their_test(app: str, test: str) -> None:
    file, _, name = test.partition("::")
    assert re.search(rf"^def {name}\w*\(", (HERE / app / file).read_text(), re.MULTILINE)


def connectors() -> dict[str, Any]:
    context = MemoryContext()
    return {
        "slack": SlackConnector(SlackConfig(token="xoxb"), context),
        "github": GitHubConnector(GitHubConfig(token="t"), context),
        "jira": JiraConnector(JiraConfig(url="https://acme.atlassian.net", pat="p"), context),
        "confluence": ConfluenceConnector(ConfluenceConfig(url="https://acme.atlassian.net/wiki", pat="p"), context),
    }


@pytest.mark.parametrize("app", DECLARED)
def test_what_is_not_read_is_declared(app: str) -> None:
    config = DriveConfig.model_construct(old_revisions=True, labels=True)
    declared = not_read_of_drive(config) if app == "gdrive" else connectors()[app].not_read()
    assert {failure.part for failure in declared} >= set(DECLARED[app])
