"""The slack destination against a fake Slack, over the wire."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest
import requests
from pydantic import ValidationError

from connectors.alerts.slack import SlackConfig, SlackDestination
from connectors.errors import AuthError, RateLimited, Transient, Unsupported
from connectors.model import Person
from connectors.testing.fakeapps import FakeApp, FakeApps, Request, Response, route

TOKEN = "xoxb-" + "invented-token"
Make = Callable[..., Any]


class FakeSlack(FakeApp):
    """As much of Slack's Web API as an alert needs."""

    name: ClassVar[str] = "slack"

    def __init__(self) -> None:
        super().__init__()
        self.posted: list[dict[str, Any]] = []
        self.people = {"robin@acme.example": "U1"}

    @route("POST", "/api/chat.postMessage")
    def post(self, request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return Response.of({"ok": False, "error": "invalid_auth"})
        message = request.json()
        self.posted.append(message)
        return Response.of({"ok": True, "ts": f"171.{len(self.posted)}", "channel": message["channel"]})

    @route("POST", "/api/users.lookupByEmail")
    def lookup(self, request: Request) -> Response:
        user = self.people.get(request.form()["email"])
        if user is None:
            return Response.of({"ok": False, "error": "users_not_found"})
        return Response.of({"ok": True, "user": {"id": user}})

    @route("POST", "/api/conversations.open")
    def open(self, request: Request) -> Response:
        return Response.of({"ok": True, "channel": {"id": f"D-{request.form()['users']}"}})

    @route("POST", "/api/auth.test")
    def test(self, request: Request) -> Response:
        return Response.of({"ok": True, "user": "dlp-bot", "team": "Acme"})


@pytest.fixture
def slack() -> Iterator[tuple[FakeSlack, str]]:
    app = FakeSlack()
    with FakeApps(app).running() as apps:
        yield app, apps.url("slack") + "/api/"


@pytest.fixture
def make(slack: tuple[FakeSlack, str], context: Any) -> Callable[..., SlackDestination]:
    def made(**options: Any) -> SlackDestination:
        values = {"token": TOKEN, "channel": "C9", "base_url": slack[1], **options}
        return SlackDestination(SlackConfig(**values), context)

    return made


def test_a_channel_gets_blocks_and_metadata(slack: Any, make: Make, make_alert: Make) -> None:
    delivered = make().deliver(make_alert())
    (message,) = slack[0].posted
    assert message["channel"] == "C9"
    assert message["text"] == "[HIGH] 1 finding in message in #general (chat)"
    assert message["blocks"][0]["type"] == "header"
    assert message["metadata"] == {
        "event_type": "connectors_alert",
        "event_payload": {"id": "alert-0123", "policy": "cards"},
    }
    assert "dlp.acme.example/r/abc" not in json.dumps(message)
    assert (delivered.reference, delivered.recipient) == ("171.1", "C9")


def test_the_author_gets_a_direct_message_with_the_link_to_decide(slack: Any, make: Make, make_alert: Make) -> None:
    delivered = make(to="author").deliver(make_alert())
    (message,) = slack[0].posted
    assert delivered.recipient == message["channel"] == "D-U1"
    assert "dlp.acme.example/r/abc" in json.dumps(message)


def test_an_author_of_slack_itself_needs_no_address(slack: Any, make: Make, make_alert: Make) -> None:
    make(to="author", channel="").deliver(make_alert(app="slack", author=Person("U7")))
    assert slack[0].posted[0]["channel"] == "D-U7"


@pytest.mark.parametrize(
    "author",
    [
        None,
        Person("U2", "Stranger", "stranger@acme.example"),
        Person("U1", "", "robin@acme.example", True),
        Person("U3"),
    ],
    ids=["nobody", "unknown", "external", "no address"],
)
def test_without_a_reachable_author_the_channel_is_told_without_the_link(
    slack: Any, make: Make, make_alert: Make, author: Person | None
) -> None:
    make(to="author").deliver(make_alert(author=author))
    (message,) = slack[0].posted
    assert message["channel"] == "C9"
    assert "dlp.acme.example/r/abc" not in json.dumps(message)
    with pytest.raises(Unsupported, match="name a `channel`"):
        make(to="author", channel="").deliver(make_alert(author=author))


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Response.of({"ok": False, "error": "token_revoked"}), AuthError),
        (Response.of({"ok": False, "error": "not_in_channel"}), AuthError),
        (Response.of({"ok": False, "error": "missing_scope", "needed": "chat:write"}), AuthError),
        (Response.of({"ok": False, "error": "internal_error"}), Transient),
        (Response.of({"ok": False, "error": "invalid_blocks"}), Unsupported),
        (Response.of({"ok": False, "error": "something_new"}), Unsupported),
        (Response.of({}, status=500), Transient),
        (Response(502, b"<html>canary-body</html>"), Transient),
        (Response(200, b"canary-body, not JSON"), Transient),
        (None, Transient),
    ],
)
def test_faults_say_what_the_host_does(
    slack: Any, make: Make, make_alert: Make, caplog: Any, answer: Response | None, error: type[Exception]
) -> None:
    slack[0].fail(answer)
    with pytest.raises(error) as caught:
        make().deliver(make_alert())
    told = "".join(traceback.format_exception(caught.value))
    assert "canary-body" not in told + caplog.text
    assert TOKEN not in told
    assert caught.value.__context__ is None
    assert slack[0].calls == [("POST", "/api/chat.postMessage")]


def test_a_rate_limit_is_told_with_its_time(slack: Any, make: Make, make_alert: Make) -> None:
    slack[0].fail(Response.of({"ok": False, "error": "ratelimited"}, status=429, retry_after="37"))
    with pytest.raises(RateLimited) as caught:
        make().deliver(make_alert())
    assert caught.value.after == 37


def test_the_outbound_proxy_is_used(slack: Any, make: Make, make_alert: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    destination = make(base_url="http://slack.invalid/slack/api/")
    proxy = slack[1].partition("/slack")[0]
    session = requests.Session()
    session.proxies["https"] = proxy
    monkeypatch.setattr(destination.context, "session", lambda: session)
    destination.deliver(make_alert())
    assert len(slack[0].posted) == 1


def test_probe_says_as_whom_it_posts_and_refuses_a_bad_token(slack: Any, make: Make, make_alert: Make) -> None:
    assert make().probe() == "posts as dlp-bot in Acme"
    with pytest.raises(AuthError):
        make(token="xoxb-" + "other").deliver(make_alert())


def test_a_channel_is_needed_unless_authors_are_told() -> None:
    with pytest.raises(ValidationError, match="needs `channel`"):
        SlackConfig(token=TOKEN)
    assert TOKEN not in repr(SlackConfig(token=TOKEN, to="author"))
