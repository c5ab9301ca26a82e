"""Signing in, links, errors, checks and people, over HTTP through the real library."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta

import pytest
import requests
from pydantic import ValidationError

from connectors.errors import NotFound
from connectors.model import Level, Partition, PersonRef
from connectors.testing.context import MemoryContext
from connectors.testing.fakeapps.base import Response
from connectors.testing.fakeapps.confluence import FakeConfluence
from connectors_confluence.config import ConfluenceConfig
from connectors_confluence.connector import ConfluenceConnector

Connect = Callable[..., ConfluenceConnector]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"email": "a@acme.example"},
        {"email": "a@acme.example", "token": "t", "pat": "p"},
        {"url": "wiki", "pat": "p"},
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ConfluenceConfig.model_validate({"url": "https://acme.atlassian.net/wiki", **settings})


@pytest.mark.parametrize(
    ("url", "root", "site"),
    [
        ("https://acme.atlassian.net/wiki/", "https://acme.atlassian.net", "https://acme.atlassian.net/wiki"),
        ("https://acme.atlassian.net", "https://acme.atlassian.net", "https://acme.atlassian.net/wiki"),
        ("https://wiki.acme.example/wiki", "https://wiki.acme.example/wiki", "https://wiki.acme.example/wiki"),
    ],
)
def test_wiki_is_put_before_paths_once(url: str, root: str, site: str) -> None:
    config = ConfluenceConfig(url=url, pat="p")
    assert (config.root, config.site) == (root, site)


@pytest.mark.parametrize(
    ("url", "link", "path"),
    [
        ("https://acme.atlassian.net/wiki", "/wiki/api/v2/pages?cursor=a", "/wiki/api/v2/pages?cursor=a"),
        (
            "https://acme.atlassian.net/wiki",
            "/rest/api/content/search?cursor=a",
            "/wiki/rest/api/content/search?cursor=a",
        ),
        (
            "https://acme.atlassian.net",
            "https://evil.example/wiki/api/v2/pages?cursor=a",
            "/wiki/api/v2/pages?cursor=a",
        ),
        ("https://acme.example/confluence", "/rest/api/content?start=25", "/rest/api/content?start=25"),
        ("https://acme.example/confluence", "/confluence/rest/api/content?start=25", "/rest/api/content?start=25"),
        ("https://acme.example", None, ""),
        ("https://acme.example", 7, ""),
    ],
)
def test_links_are_followed_below_the_site_only(url: str, link: object, path: str) -> None:
    connector = ConfluenceConnector(ConfluenceConfig(url=url, pat="p"), MemoryContext())
    assert connector.confluence._following(link) == path


def test_archived_pages_are_asked_for(cloud: FakeConfluence, connect: Connect) -> None:
    sent: list[str] = []

    class Spy(MemoryContext):
        def session(self, bucket: str = "default") -> requests.Session:
            session = super().session(bucket)
            session.hooks["response"].append(lambda response, **_: sent.append(response.url))
            return session

    cloud.add_space("ENG")
    list(connect(cloud, state=Spy("spy", now=lambda: cloud.now)).read(Partition("ENG"), None))
    (pages,) = [url for url in sent if url.partition("?")[0].endswith("/pages")]
    assert "status=current&status=archived" in pages


def levels(connector: ConfluenceConnector) -> dict[str, Level]:
    order = [Level.OK, Level.WARNING, Level.FAILED]
    worst: dict[str, Level] = {}
    for check in connector.check():
        worst[check.name] = max(check.level, worst.get(check.name, Level.OK), key=order.index)
    return worst


def test_a_good_connection_has_nothing_to_say_against_it(confluence: FakeConfluence, connect: Connect) -> None:
    confluence.add_space("ENG")
    assert set(levels(connect(confluence)).values()) == {Level.OK}


def test_checks_say_what_will_not_work(confluence: FakeConfluence, connect: Connect) -> None:
    confluence.add_space("ENG")
    confluence.fail(Response.of({}, status=403), path=".*/search")
    soon = (confluence.now + timedelta(days=10)).date()
    found = levels(connect(confluence, spaces=["HR"], webhook_secret=None, token_expires=soon))
    assert found == {
        "credentials": Level.OK,
        "spaces": Level.FAILED,
        "search": Level.FAILED,
        "webhook": Level.OK if confluence.cloud else Level.WARNING,
        "token": Level.WARNING,
        "rate limit": Level.OK,
    }


def test_an_anonymous_account_is_a_failed_check(confluence: FakeConfluence, connect: Connect) -> None:
    confluence.fail(Response.of({"type": "anonymous"}))
    assert levels(connect(confluence)) == {"credentials": Level.FAILED}


@pytest.mark.parametrize("answer", [401, 403, 429, 500])
def test_checks_never_raise(confluence: FakeConfluence, connect: Connect, answer: int) -> None:
    confluence.fail(Response.of({}, status=answer), times=99)
    assert levels(connect(confluence)) == {"credentials": Level.FAILED}


def test_people_are_found_by_their_id(confluence: FakeConfluence, connect: Connect) -> None:
    connector = connect(confluence)
    person = connector.person(PersonRef(confluence.author, email="known@acme.example"))
    assert person.name == "Robin Example"
    assert person.email == ("robin@acme.example" if confluence.cloud else "known@acme.example")
    with pytest.raises(NotFound):
        connector.person(PersonRef("nobody"))


def test_the_librarys_log_holds_no_answers(
    cloud: FakeConfluence, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        connect(cloud).confluence.myself()
    assert "Robin" not in caplog.text
