"""Acting in GitHub: nothing without the value, nothing twice, nothing in a dry run, and an honest end."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from connectors.errors import Unsupported
from connectors.model import ActionResult, Confidence, Container, Match, Resource, Target
from connectors.testing.fakeapps import Response
from connectors.testing.fakeapps.github import FakeGitHub
from connectors_github.connector import GitHubConnector

MARK = re.compile("xMARKEDx")
Make = Callable[[str, str], Target]


@pytest.fixture
def make(github: FakeGitHub, repo: str, login: str) -> Make:
    """Put the value into a kind of place and return the target that a finding there becomes."""

    def matches(text: str) -> tuple[Match, ...]:
        found = MARK.finditer(text)
        return tuple(Match("d", "f", m.start(), m.end(), Confidence.LIKELY, m[0]) for m in found)

    def run(kind: str, part: str = "body") -> Target:
        held, text = github.repos[repo], "see xMARKEDx here"
        github.open_issue(repo, login, f"t {text}", text, pull=kind not in ("issue", "issue_comment"))
        number = github.last_number
        ident, url = f"{kind}:{held.id}:{number}", held.issues[number]["html_url"]
        if kind == "commit_comment":
            github.commit(repo, {"a": "x"}, login=login)
            github.commit_comment(repo, github.last_sha, login, text)
        elif kind not in ("issue", "pull"):
            {"issue_comment": github.comment, "review": github.review, "review_comment": github.review_comment}[kind](
                repo, number, login, text
            )
        if kind not in ("issue", "pull"):
            ident, url = f"{kind}:{github.last_id}", getattr(held, kind + "s")[github.last_id]["html_url"]
        resource = Resource(ident, kind, Container(str(held.id), repo), label="a place", url=url)
        return Target(resource, part, "d", matches, lambda text: MARK.sub("[redacted]", text), "Please remove it.")

    return run


def state_of(github: FakeGitHub) -> str:
    """Return all that an action could change."""
    return repr(github.repos)


KINDS = ("issue", "pull", "issue_comment", "review", "review_comment", "commit_comment")
TALKS = KINDS[:-1]


@pytest.mark.parametrize("kind", KINDS)
def test_redacting(kind: str, connector: GitHubConnector, github: FakeGitHub, make: Make) -> None:
    target = make(kind, "body")
    outcome = connector.act("redact", target, dry_run=False)
    assert outcome.result is ActionResult.DONE
    assert "edit history" in outcome.remaining
    assert "see [redacted] here" in state_of(github)
    assert connector.act("redact", target, dry_run=False).result is ActionResult.NOTHING_TO_DO


@pytest.mark.parametrize("kind", ["issue", "pull"])
def test_redacting_a_title(kind: str, connector: GitHubConnector, github: FakeGitHub, make: Make) -> None:
    outcome = connector.act("redact", make(kind, "title"), dry_run=False)
    assert "old title" in outcome.remaining
    assert "'title': 't see [redacted] here', 'body': 'see xMARKEDx here'" in state_of(github)


@pytest.mark.parametrize("kind", TALKS)
def test_commenting_once(kind: str, connector: GitHubConnector, github: FakeGitHub, make: Make, repo: str) -> None:
    target = make(kind, "body")
    before = len(github.repos[repo].issue_comments)
    assert connector.act("comment", target, dry_run=False).result is ActionResult.DONE
    assert connector.act("comment", target, dry_run=False).result is ActionResult.NOTHING_TO_DO
    said = list(github.repos[repo].issue_comments.values())
    assert len(said) == before + 1
    assert said[-1]["body"].startswith(f"Please remove it.\n\na place: {target.resource.url}")
    assert "xMARKEDx" not in said[-1]["body"]


@pytest.mark.parametrize("action", ["redact", "comment"])
@pytest.mark.parametrize("kind", TALKS)
def test_dry_run_changes_nothing(
    action: str, kind: str, connector: GitHubConnector, github: FakeGitHub, make: Make
) -> None:
    target = make(kind, "body")
    before = state_of(github)
    outcome = connector.act(action, target, dry_run=True)
    assert outcome.result is ActionResult.DRY_RUN
    assert len(outcome.before_hash) == 64
    assert outcome.remaining
    assert state_of(github) == before


@pytest.mark.parametrize("action", ["redact", "comment"])
def test_value_that_is_gone_is_left_alone(
    action: str, connector: GitHubConnector, github: FakeGitHub, make: Make, repo: str, login: str
) -> None:
    target = make("issue", "body")
    github.edit_issue(repo, github.last_number, login=login, body="clean")
    before = state_of(github)
    assert connector.act(action, target, dry_run=False).result is ActionResult.NOTHING_TO_DO
    assert state_of(github) == before


def test_deleted_comment_is_nothing_to_do(
    connector: GitHubConnector, github: FakeGitHub, make: Make, repo: str, login: str
) -> None:
    target = make("issue_comment", "body")
    github.delete_comment(repo, "issue_comment", github.last_id, login=login)
    assert connector.act("redact", target, dry_run=False).result is ActionResult.NOTHING_TO_DO


def test_token_without_the_right_is_refused(connector: GitHubConnector, github: FakeGitHub, make: Make) -> None:
    target = make("issue", "body")
    connector.act("redact", target, dry_run=True)
    github.fail(Response.of({"message": "Resource not accessible by integration"}, 403), path=".*/issues/1")
    assert connector.act("redact", target, dry_run=False).result is ActionResult.REFUSED


def test_part_that_cannot_be_changed_is_refused(connector: GitHubConnector, make: Make) -> None:
    assert connector.act("redact", make("review_comment", "diff_hunk"), dry_run=False).result is ActionResult.REFUSED


def test_unknown_action_is_named(connector: GitHubConnector, make: Make) -> None:
    with pytest.raises(Unsupported, match="explode"):
        connector.act("explode", make("issue", "body"), dry_run=True)
