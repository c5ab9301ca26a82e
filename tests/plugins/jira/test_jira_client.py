"""Signing in, errors, checks, people and dynamic webhooks, over HTTP through the real library."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta

import pytest
from pydantic import ValidationError

from connectors.errors import AuthError, NotFound
from connectors.model import Level, PersonRef
from connectors.testing.context import MemoryContext
from connectors.testing.fakeapps.base import Response
from connectors.testing.fakeapps.jira import FakeJira
from connectors_jira.client import seconds
from connectors_jira.config import JiraConfig
from connectors_jira.connector import JiraConnector

Connect = Callable[..., JiraConnector]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"email": "a@acme.example"},
        {"token": "t"},
        {"email": "a@acme.example", "token": "t", "pat": "p"},
        {"url": "acme.atlassian.net", "pat": "p"},
        {"pat": "p", "projets": ["OPS"]},
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        JiraConfig.model_validate({"url": "https://acme.atlassian.net", **settings})


@pytest.mark.parametrize(
    ("url", "cloud"),
    [
        ("https://acme.atlassian.net/", True),
        ("https://api.atlassian.com/ex/jira/abc", True),
        ("https://jira.acme.example", False),
        ("https://atlassian.net.evil.example", False),
    ],
)
def test_cloud_is_told_by_the_host(url: str, cloud: bool) -> None:
    assert JiraConfig(url=url, pat="p").is_cloud is cloud


def oauth(jira: FakeJira, url: str, **more: str) -> dict[str, str]:
    return {"client_id": "app", "client_secret": jira.client_secret, "token_url": f"{url}/oauth/token", **more}


def with_oauth(cloud: FakeJira, connect: Connect, **more: str) -> JiraConnector:
    base = connect(cloud)
    config = base.config.model_copy(update={"email": "", "token": None})
    login = oauth(cloud, base.config.url, **more)
    return JiraConnector(
        JiraConfig.model_validate({**config.model_dump(exclude_none=True), "oauth": login}), base.context
    )


def test_oauth_asks_for_a_token_once_and_keeps_the_rotated_one(cloud: FakeJira, connect: Connect) -> None:
    connector = with_oauth(cloud, connect, refresh_token="first")
    connector.jira.myself()
    connector.jira.myself()
    grants = [r.json() for r in cloud.requests if r.path == "/oauth/token"]
    assert [(g["grant_type"], g["refresh_token"]) for g in grants] == [("refresh_token", "first")]
    cloud.pass_time(hours=2)
    connector.jira.myself()
    again = [r.json()["refresh_token"] for r in cloud.requests if r.path == "/oauth/token"][1]
    assert again.startswith("rotated-")


def test_oauth_without_a_refresh_token_uses_the_apps_own_account(cloud: FakeJira, connect: Connect) -> None:
    with_oauth(cloud, connect).jira.myself()
    assert cloud.requests[0].json()["grant_type"] == "client_credentials"


def test_an_app_that_is_refused_is_an_auth_error(cloud: FakeJira, connect: Connect) -> None:
    connector = with_oauth(cloud, connect)
    cloud.client_secret = "changed"
    with pytest.raises(AuthError):
        connector.jira.myself()


def test_the_librarys_log_holds_no_answers(cloud: FakeJira, connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        connect(cloud).jira.myself()
    assert "Robin" not in caplog.text


@pytest.mark.parametrize(
    ("header", "wait"), [("7", 7.0), (None, None), ("soon", None), ("Mon, 05 Jan 2026 09:00:30 GMT", 30.0)]
)
def test_retry_after_is_seconds_or_a_date(header: str | None, wait: float | None) -> None:
    assert seconds(header, FakeJira().now) == wait


def levels(connector: JiraConnector) -> dict[str, Level]:
    worst: dict[str, Level] = {}
    order = [Level.OK, Level.WARNING, Level.FAILED]
    for check in connector.check():
        worst[check.name] = max(check.level, worst.get(check.name, Level.OK), key=order.index)
    return worst


def test_a_good_connection_has_nothing_to_say_against_it(jira: FakeJira, connect: Connect) -> None:
    jira.add_project("OPS")
    assert set(levels(connect(jira)).values()) == {Level.OK}


def test_checks_say_what_will_not_work(jira: FakeJira, connect: Connect) -> None:
    jira.add_project("OPS")
    jira.denied |= {"EDIT_ISSUES", "DELETE_ALL_ATTACHMENTS"}
    soon = (jira.now + timedelta(days=10)).date()
    connector = connect(jira, projects=["OPS", "HR"], webhook_secret=None, token_expires=soon)
    found = levels(connector)
    assert found["permissions"] is Level.WARNING
    assert found["projects"] is Level.FAILED
    assert found["webhook"] is Level.WARNING
    assert found["token"] is Level.WARNING
    jira.denied.add("BROWSE_PROJECTS")
    assert levels(connector)["permissions"] is Level.FAILED
    assert levels(connect(jira, token_expires=(jira.now - timedelta(days=1)).date()))["token"] is Level.FAILED


def test_little_headroom_is_a_warning(cloud: FakeJira, connect: Connect) -> None:
    cloud.add_project("OPS")
    low = Response.of({"values": [{"id": "1", "key": "OPS"}], "isLast": True}, x_ratelimit_nearlimit="true")
    cloud.fail(low, path=".*/project/search")
    assert levels(connect(cloud))["rate limit"] is Level.WARNING


@pytest.mark.parametrize("answer", [401, 403, 429, 500])
def test_checks_never_raise(jira: FakeJira, connect: Connect, answer: int) -> None:
    jira.fail(Response.of({}, status=answer), times=99)
    assert levels(connect(jira)) == {"credentials": Level.FAILED}


def test_people_are_found_by_their_id(jira: FakeJira, connect: Connect) -> None:
    connector = connect(jira)
    ident = jira.author["accountId" if jira.cloud else "key"]
    person = connector.person(PersonRef(ident))
    assert (person.name, person.email, person.external) == ("Robin Example", "robin@acme.example", False)
    with pytest.raises(NotFound):
        connector.person(PersonRef("nobody"))


def test_dynamic_webhooks_are_made_refreshed_and_replaced(cloud: FakeJira, connect: Connect) -> None:
    cloud.add_project("OPS")
    connector = with_oauth(cloud, connect)
    first = connector.subscribe("https://dlp.example/webhooks/jira", None)
    assert first.expires_at == cloud.now + timedelta(days=30)
    (hook,) = cloud.hooks.values()
    assert hook["jqlFilter"] == 'project in ("OPS")'
    cloud.pass_time(days=20)
    second = connector.subscribe("https://dlp.example/webhooks/jira", first)
    assert (second.id, second.expires_at) == (first.id, cloud.now + timedelta(days=30))
    cloud.add_project("HR")
    third = connector.subscribe("https://dlp.example/webhooks/jira", second)
    assert third.id != first.id
    assert [h["jqlFilter"] for h in cloud.hooks.values()] == ['project in ("HR", "OPS")']


def test_a_webhook_that_is_gone_is_made_again(cloud: FakeJira, connect: Connect) -> None:
    cloud.add_project("OPS")
    connector = with_oauth(cloud, connect)
    first = connector.subscribe("https://dlp.example/webhooks/jira", None)
    cloud.hooks.clear()
    assert connector.subscribe("https://dlp.example/webhooks/jira", first).id != first.id


def test_other_connections_need_no_subscription(jira: FakeJira, connect: Connect) -> None:
    assert connect(jira).subscribe("https://dlp.example", None).expires_at is None
    assert jira.requests == []


def test_the_session_of_the_host_is_used_for_each_bucket(cloud: FakeJira, connect: Connect) -> None:
    asked: list[str] = []

    class Spy(MemoryContext):
        def session(self, bucket: str = "default"):  # type: ignore[no-untyped-def]  # as the base class says
            asked.append(bucket)
            return super().session(bucket)

    connector = connect(cloud, state=Spy("spy", now=lambda: cloud.now))
    project = cloud.add_project("OPS")
    cloud.add_issue("OPS", "x")
    connector.jira.search(f"project = {project['id']} ORDER BY created ASC, id ASC")
    connector.jira.myself()
    assert set(asked) == {"search", "default"} <= set(JiraConnector.budgets)
