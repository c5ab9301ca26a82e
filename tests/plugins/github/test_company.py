"""The invented company holds what it says, in the places it says, for the detectors that ship."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from connectors.detection import Engine
from connectors.model import Confidence, Delivery, Event, EventKind, ScanUnit
from connectors.testing import company
from connectors.testing.context import MemoryContext
from connectors.testing.fakeapps import FakeApps
from connectors.testing.fakeapps.github import FakeGitHub
from connectors.testing.fakeapps.slack import FakeSlack
from connectors_github.config import GitHubConfig
from connectors_github.connector import GitHubConnector
from connectors_slack.config import SlackConfig
from connectors_slack.connector import SlackConnector


def found_in(engine: Engine, connector: Any, events: tuple[Event, ...], app: str) -> set[tuple[str, str, str, str]]:
    """Scan events, and what their hints lead to."""
    found = set()
    for event in events:
        if event.kind is EventKind.SYNC:
            for page in connector.read(event.partition, event.cursor):
                found |= found_in(engine, connector, page.events, app)
        if event.kind is not EventKind.CHANGED:
            continue
        for unit in connector.units(event):
            assert isinstance(unit, ScanUnit)
            text = unit.text if unit.blob is None else unit.blob.open().read().decode()
            for match in engine.scan(text or ""):
                if match.confidence >= Confidence.LIKELY and match.family != "email":
                    found.add((app, event.resource.id, match.detector, match.family))
    return found


def test_everything_planted_is_found_and_nothing_else(engine: Engine) -> None:
    slack, github = FakeSlack(), FakeGitHub()
    planted = company.seed(slack=slack, github=github)
    with FakeApps(slack, github).running():
        given: dict[str, Any] = {"token": slack.token, "webhook_secret": slack.signing_secret}
        url = github.base_url
        connectors = {
            "slack": SlackConnector(SlackConfig(**given, base_url=slack.base_url + "/api/"), MemoryContext()),
            "github": GitHubConnector(
                GitHubConfig(
                    token=github.token, webhook_secret=github.webhook_secret, api_url=url, raw_url=url + "/raw"
                ),
                MemoryContext(),
            ),
        }
        history = set()
        for app, connector in connectors.items():
            for partition in list(connector.partitions()):
                for page in connector.read(partition, None):
                    history |= found_in(engine, connector, page.events, app)
        assert history == {(one.app, one.resource, one.detector, one.family) for one in planted}
        for event in company.happenings(slack=slack, github=github):
            receipt = connectors[event.app].receive(Delivery("c", event.headers, event.body), datetime.now(UTC))
            new = found_in(engine, connectors[event.app], receipt.events, event.app) - history
            assert new == {(one.app, one.resource, one.detector, one.family) for one in event.planted}, event.told


def test_values_are_the_same_every_time_and_differ_by_seed() -> None:
    makers = (company.card, company.social_security, company.iban, company.aws_key, company.github_token)
    for make in makers:
        assert make("a") == make("a") != make("b")


def test_iban_and_card_have_right_checks() -> None:
    whole = company.iban("x").replace(" ", "")
    assert int(whole[4:] + "1314" + whole[2:4]) % 97 == 1
    digits = [int(digit) for digit in re.sub(r"\D", "", company.card("x"))][::-1]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[1::2]]
    assert (sum(digits[::2]) + sum(doubled)) % 10 == 0
