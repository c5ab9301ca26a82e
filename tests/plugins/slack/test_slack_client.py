"""Slack's answers to our errors, checks and people."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from connectors.errors import AuthError, ConnectorsError, MissingScope, NotFound, RateLimited, Transient, Unsupported
from connectors.model import Level, PersonRef
from connectors.testing.context import MemoryContext
from connectors.testing.fakeapps import Response
from connectors.testing.fakeapps.slack import FakeSlack
from connectors_slack.connector import SlackConnector

Connect = Callable[..., SlackConnector]


def said(error: str, status: int = 200, **headers: str) -> Response:
    return Response.of({"ok": False, "error": error, "secret": "CANARY"}, status, **headers)


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (said("invalid_auth"), AuthError),
        (said("token_revoked"), AuthError),
        (said("account_inactive"), AuthError),
        (said("missing_scope"), MissingScope),
        (said("not_in_channel"), MissingScope),
        (said("channel_not_found"), NotFound),
        (said("user_not_found"), NotFound),
        (said("internal_error"), Transient),
        (said("ratelimited", 429, retry_after="5"), RateLimited),
        (said("ratelimited", 429), RateLimited),
        (said("ratelimited", 429, retry_after="soon"), RateLimited),
        (said("some_new_error"), Unsupported),
        (said("", 500), Transient),
        (said("", 403), AuthError),
        (Response(503, b"<html>CANARY</html>", {"Content-Type": "text/html"}), Transient),
        (Response(200, b"<html>CANARY</html>", {"Content-Type": "text/html"}), Transient),
        (Response(200, b'{"ok": tr CANARY'), Transient),
        (Response(200, b"[1, 2]"), Transient),
        (Response(200, b""), Transient),
        (None, Transient),
    ],
)
def test_each_answer_is_translated(
    response: Response | None,
    expected: type[ConnectorsError],
    connector: SlackConnector,
    slack: FakeSlack,
    caplog: pytest.LogCaptureFixture,
) -> None:
    slack.fail(response)
    with caplog.at_level(logging.DEBUG), pytest.raises(expected) as caught:
        connector.client.call("users.info", user="U1")
    assert type(caught.value) is expected
    assert caught.value.__cause__ is None
    assert "CANARY" not in f"{caught.value}{caught.value!r}{caplog.text}"
    assert connector.config.token.get_secret_value() not in f"{caught.value}{caplog.text}"


def test_missing_scope_is_named(connector: SlackConnector, slack: FakeSlack) -> None:
    slack.scopes = "chat:write"
    with pytest.raises(MissingScope, match="users:read"):
        connector.client.call("users.info", user="U1")


def test_wait_without_a_number_is_told_as_such(connect: Connect, slack: FakeSlack) -> None:
    context = MemoryContext()
    slack.fail(said("ratelimited", 429))
    with pytest.raises(RateLimited) as caught:
        connect(context).client.call("users.info", user="U1")
    assert caught.value.after is None
    assert context.throttles == [("tier4", 30.0)]


def test_token_goes_only_to_slack(connector: SlackConnector) -> None:
    for url in (
        "https://evil.example/files.slack.com",
        "http://files.slack.com/x",
        "https://files.slack.com.evil.example/x",
        "https://files.slack.com@evil.example/x",
        "file:///etc/passwd",
    ):
        with pytest.raises(Unsupported):
            connector.client.download(url)


@pytest.mark.parametrize(
    ("status", "expected"), [(404, NotFound), (403, MissingScope), (500, Transient), (429, RateLimited)]
)
def test_download_errors(
    status: int, expected: type[ConnectorsError], connector: SlackConnector, slack: FakeSlack
) -> None:
    slack.fail(Response(status), path="/files-pri/.*")
    with pytest.raises(expected):
        connector.client.download(f"{slack.base_url}/files-pri/T1-F1/download/a.txt")


def test_login_page_is_not_taken_for_the_file(connect: Connect, slack: FakeSlack) -> None:
    file = slack.add_file(slack.add_channel("general"), slack.add_user("Ann"), "a.html", b"<p>x</p>")
    with pytest.raises(MissingScope):
        connect(token="xoxb-wrong").client.download(f"{slack.base_url}/files-pri/T1-{file}/download/a.html")


def levels(connector: SlackConnector) -> dict[str, Level]:
    return {check.name: check.level for check in connector.check()}


def test_check_of_a_good_connection(connector: SlackConnector, slack: FakeSlack) -> None:
    slack.add_channel("general")
    assert set(levels(connector).values()) == {Level.OK}


def test_check_names_each_missing_scope_and_its_loss(connector: SlackConnector, slack: FakeSlack) -> None:
    slack.scopes = "channels:history,channels:read,users:read"
    found = {check.name: check for check in connector.check()}
    assert found["scope groups:history"].level is Level.FAILED
    assert "private channels" in found["scope groups:history"].message
    assert found["scope chat:write"].level is Level.WARNING


def test_check_tells_of_the_cap(connector: SlackConnector, slack: FakeSlack) -> None:
    channel = slack.add_channel("general")
    slack.fill(channel, [slack.add_user("Ann")], messages=30, threads=0)
    slack.page_cap = 15
    assert levels(connector)["history"] is Level.WARNING


@pytest.mark.parametrize(
    "response",
    [said("invalid_auth"), said("", 500), Response(200, b"junk"), None, said("ratelimited", 429, retry_after="9")],
)
def test_check_never_raises(response: Response | None, connector: SlackConnector, slack: FakeSlack) -> None:
    slack.fail(response, times=10)
    assert levels(connector)["credentials"] is Level.FAILED


def test_check_without_secret_says_what_is_lost(connect: Connect) -> None:
    assert levels(connect(webhook_secret=None))["webhook secret"] is Level.WARNING


@pytest.mark.parametrize(("scopes", "level"), [("", Level.WARNING), (",files:write", Level.OK)])
def test_check_of_the_user_token(scopes: str, level: Level, connect: Connect, slack: FakeSlack) -> None:
    slack.scopes = slack.scopes.replace(",files:write", "") + scopes
    assert levels(connect(user_token=slack.user_token))["user token"] is level
    assert levels(connect(user_token="xoxp-wrong"))["user token"] is Level.WARNING


def test_person_has_name_and_mail(connector: SlackConnector, slack: FakeSlack) -> None:
    user = slack.add_user("Ann Lee", email="ann@acme.example")
    person = connector.person(PersonRef(user))
    assert (person.name, person.email, person.external) == ("Ann Lee", "ann@acme.example", False)


def test_person_of_another_company_is_external(connector: SlackConnector, slack: FakeSlack) -> None:
    user = slack.add_user("Guest")
    slack.users[user]["team_id"] = "T0OTHER"
    assert connector.person(PersonRef(user)).external


def test_unknown_person_is_not_found(connector: SlackConnector) -> None:
    with pytest.raises(NotFound):
        connector.person(PersonRef("U0NOBODY"))
