"""GitHub's answers to our errors, waiting, checks, App authentication and people."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from connectors.errors import AuthError, ConnectorsError, MissingScope, NotFound, RateLimited, Transient, Unsupported
from connectors.model import Level, PersonRef
from connectors.testing.context import MemoryContext
from connectors.testing.fakeapps import Response
from connectors.testing.fakeapps.github import FakeGitHub
from connectors_github.connector import GitHubConnector

Connect = Callable[..., GitHubConnector]


def said(message: str, status: int, **headers: str) -> Response:
    return Response.of({"message": message, "canary": "CANARY"}, status, **headers)


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (said("Bad credentials CANARY", 401), AuthError),
        (said("Resource not accessible by integration", 403), MissingScope),
        (said("API rate limit exceeded for user", 403, x_ratelimit_remaining="0", x_ratelimit_reset="1"), RateLimited),
        (said("You have exceeded a secondary rate limit", 403), RateLimited),
        (said("slow", 403, retry_after="7"), RateLimited),
        (said("slow", 429), RateLimited),
        (said("Not Found", 404), NotFound),
        (said("Issues are disabled", 410), NotFound),
        (said("Git Repository is empty.", 409), NotFound),
        (said("Validation Failed", 422), Unsupported),
        (said("Unavailable", 451), Unsupported),
        (said("oops", 500), Transient),
        (said("oops", 502), Transient),
        (said("teapot", 418), Transient),
        (Response(302, b"", {"Location": "https://evil.example/"}), Transient),
        (Response(503, b"<html>CANARY</html>", {"Content-Type": "text/html"}), Transient),
        (Response(200, b"<html>CANARY</html>", {"Content-Type": "text/html"}), Transient),
        (Response(200, b'{"a": tr CANARY'), Transient),
        (Response(404, b'{"a": tr CANARY'), NotFound),
        (None, Transient),
    ],
)
def test_each_answer_is_translated(
    response: Response | None,
    expected: type[ConnectorsError],
    connector: GitHubConnector,
    github: FakeGitHub,
    caplog: pytest.LogCaptureFixture,
) -> None:
    github.fail(response)
    with caplog.at_level(logging.INFO), pytest.raises(expected) as caught:
        connector.client.get("user/repos")
    assert type(caught.value) is expected
    assert caught.value.__cause__ is None
    assert "CANARY" not in f"{caught.value}{caught.value!r}{caplog.text}"
    assert github.token not in f"{caught.value}{caplog.text}"


@pytest.mark.parametrize(
    ("headers", "after"),
    [
        ({"retry_after": "7"}, 7.0),
        ({"x_ratelimit_remaining": "0", "x_ratelimit_reset": "1000"}, 1.0),
        ({"x_ratelimit_remaining": "17", "x_ratelimit_reset": "9999999999"}, 60.0),
        ({"retry_after": "soon"}, 60.0),
    ],
)
def test_how_long_to_wait(headers: dict[str, str], after: float, connect: Connect, github: FakeGitHub) -> None:
    context = MemoryContext()
    github.fail(said("You have exceeded a secondary rate limit", 403, **headers))
    with pytest.raises(RateLimited) as caught:
        connect(context).client.get("user/repos")
    assert caught.value.after == after
    assert context.throttles == [("core", after)]


def test_fake_secondary_limit_is_obeyed(connect: Connect, github: FakeGitHub) -> None:
    github.slow_down(after=3)
    with pytest.raises(RateLimited) as caught:
        connect().client.get("user/repos")
    assert caught.value.after == 3


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        ([{"type": "NOT_FOUND"}], NotFound),
        ([{"type": "FORBIDDEN"}], MissingScope),
        ([{"type": "RATE_LIMITED"}], RateLimited),
        ([{"message": "CANARY"}], Unsupported),
    ],
)
def test_graphql_errors(
    errors: list[dict[str, str]], expected: type[ConnectorsError], connector: GitHubConnector, github: FakeGitHub
) -> None:
    github.fail(Response.of({"data": None, "errors": errors}))
    with pytest.raises(expected) as caught:
        connector.client.graphql("query { x }")
    assert "CANARY" not in str(caught.value)


def test_unchanged_answer_is_free(connector: GitHubConnector, github: FakeGitHub, repo: str) -> None:
    first = connector.client.get("user/repos")
    left = github.remaining
    again = connector.client.get("user/repos", etag=first.headers["etag"])
    assert again.unchanged
    assert github.remaining == left


def test_token_does_not_travel_to_other_hosts(connector: GitHubConnector, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[dict[str, str]] = []

    class Session:
        def get(self, _url: str, *, headers: dict[str, str], **_: Any) -> Any:
            sent.append(headers)
            raise ConnectionRefusedError

    monkeypatch.setattr(connector.context, "session", lambda _bucket: Session())
    with pytest.raises(ConnectionRefusedError):
        connector.client.open_raw("https://evil.example/raw")
    assert "Authorization" not in sent[0]


@pytest.fixture(scope="session")
def key() -> str:
    """A private key as GitHub gives one."""
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    kinds = (serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
    return made.private_bytes(*kinds).decode()


@pytest.fixture
def as_app(connect: Connect, key: str) -> Callable[..., GitHubConnector]:
    """Make a connector that is a GitHub App's installation."""
    return lambda **more: connect(token=None, app_id=5, private_key=key, installation_id=77, **more)


def test_app_reads_with_an_installation_token(
    as_app: Connect, github: FakeGitHub, login: str, repo: str, record: Any
) -> None:
    github.commit(repo, {"a.txt": "xMARKEDx"}, login=login)
    seen = record(as_app())
    seen.sync()
    assert seen.places("xMARKEDx")
    tokens = [path for method, path in github.calls if path.endswith("/access_tokens")]
    assert len(tokens) == 1
    assert "deliveries" in seen.cursors


def test_app_whose_key_is_refused_says_so(as_app: Connect, github: FakeGitHub) -> None:
    github.fail(said("Integration not found", 404), times=5, path=".*/access_tokens")
    with pytest.raises(NotFound):
        list(as_app().partitions())


def levels(connector: GitHubConnector) -> dict[str, Level]:
    return {check.name: check.level for check in connector.check()}


def test_check_of_a_good_token(connect: Connect) -> None:
    assert set(levels(connect(hook="orgs/acme/hooks/1")).values()) == {Level.OK}


def test_check_of_a_good_app(as_app: Connect) -> None:
    assert set(levels(as_app()).values()) == {Level.OK}


def test_check_names_missing_rights_and_the_loss(as_app: Connect, github: FakeGitHub) -> None:
    del github.permissions["discussions"]
    github.permissions["issues"] = "read"
    found = {check.name: check for check in as_app().check()}
    assert "discussions are not read" in found["permission discussions"].message
    assert "cannot be redacted" in found["permission issues"].message


@pytest.mark.parametrize(("scopes", "level"), [("read:org", Level.FAILED), (None, Level.WARNING)])
def test_check_of_a_tokens_scopes(
    scopes: str | None, level: Level, connector: GitHubConnector, github: FakeGitHub
) -> None:
    github.scopes = scopes
    assert level in {found for name, found in levels(connector).items() if name in ("scope repo", "rights")}


def test_check_tells_of_low_headroom(connector: GitHubConnector, github: FakeGitHub) -> None:
    github.remaining = 100
    assert levels(connector)["rate limit"] is Level.WARNING


@pytest.mark.parametrize(
    "response", [said("Bad credentials", 401), said("x", 500), Response(200, b"junk"), None, said("x", 429)]
)
def test_check_never_raises(response: Response | None, connector: GitHubConnector, github: FakeGitHub) -> None:
    github.fail(response, times=10)
    assert levels(connector)["credentials"] is Level.FAILED


def test_check_without_secret_says_what_is_lost(connect: Connect) -> None:
    assert levels(connect(webhook_secret=None))["webhook secret"] is Level.WARNING


def test_person_by_id_has_name_and_mail(connector: GitHubConnector, github: FakeGitHub, login: str) -> None:
    person = connector.person(PersonRef(str(github.users[login]["id"]), login))
    assert (person.name, person.email) == ("Ana Reyes", "ana@acme.example")


def test_git_author_is_known_by_mail_alone(connector: GitHubConnector, github: FakeGitHub) -> None:
    assert connector.person(PersonRef("eva@acme.example", "Eva", "eva@acme.example")).email == "eva@acme.example"
    assert github.calls == []


def test_unknown_person_is_not_found(connector: GitHubConnector) -> None:
    with pytest.raises(NotFound):
        connector.person(PersonRef("999999"))
