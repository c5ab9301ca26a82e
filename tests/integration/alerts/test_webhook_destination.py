"""The webhook destination against a receiver that verifies with the reference library."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest
import time_machine
from pydantic import ValidationError
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from connectors.alerts.webhook import WebhookConfig, WebhookDestination
from connectors.errors import AuthError, RateLimited, Transient, Unsupported
from connectors.net import AddressRefused
from connectors.testing.fakeapps import FakeApp, FakeApps, Request, Response, route

SECRET = "whsec_" + "YW4taW52ZW50ZWQtc2VjcmV0LW9mLTMyLWJ5dGVzISE="
OLD = "whsec_" + "dGhlLXNlY3JldC1iZWZvcmUtdGhlLWN1cnJlbnQtMSE="
Make = Callable[..., Any]


class Receiver(FakeApp):
    """An idempotent receiver: keeps one delivery per webhook-id."""

    name: ClassVar[str] = "hook"

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[Request] = []
        self.kept: dict[str, Any] = {}

    @route("POST", "/alerts")
    def take(self, request: Request) -> Response:
        self.requests.append(request)
        self.kept[request.headers["webhook-id"]] = request.json()
        return Response(204)


@pytest.fixture
def hook() -> Iterator[tuple[Receiver, str]]:
    app = Receiver()
    with FakeApps(app).running() as apps:
        yield app, apps.url("hook") + "/alerts?token=canary-token"


@pytest.fixture
def make(hook: tuple[Receiver, str], context: Any) -> Callable[..., WebhookDestination]:
    def made(**options: Any) -> WebhookDestination:
        values = {"url": hook[1], "secret": SECRET, "allow_http": True, **options}
        return WebhookDestination(WebhookConfig(**values), context)

    return made


def test_the_reference_library_verifies_the_signature(hook: Any, make: Make, make_alert: Make) -> None:
    alert = make_alert()
    delivered = make().deliver(alert)
    (request,) = hook[0].requests
    with time_machine.travel(alert.created_at, tick=False):
        payload = Webhook(SECRET).verify(request.body, dict(request.headers))
        with pytest.raises(WebhookVerificationError):
            Webhook(OLD).verify(request.body, dict(request.headers))
        with pytest.raises(WebhookVerificationError):
            Webhook(SECRET).verify(request.body + b" ", dict(request.headers))
    assert set(payload) == {"type", "timestamp", "data"}
    assert payload["type"] == "alert.created"
    assert payload["data"]["findings"][0]["preview"] == "4242…••42"
    assert request.headers["webhook-id"] == alert.id
    assert delivered.reference == "204"


def test_while_a_secret_rotates_both_verify(hook: Any, make: Make, make_alert: Make) -> None:
    alert = make_alert()
    make(previous_secret=OLD).deliver(alert)
    (request,) = hook[0].requests
    with time_machine.travel(alert.created_at, tick=False):
        for secret in (SECRET, OLD):
            assert Webhook(secret).verify(request.body, dict(request.headers))


def test_a_retry_carries_the_same_id_and_is_dropped_by_the_receiver(hook: Any, make: Make, make_alert: Make) -> None:
    for _ in range(2):
        make().deliver(make_alert())
    assert len(hook[0].requests) == 2
    assert list(hook[0].kept) == ["alert-0123"]


def test_a_resolved_alert_is_a_delivery_of_its_own(hook: Any, make: Make, make_alert: Make) -> None:
    make().resolve(make_alert())
    assert hook[0].kept["alert-0123-resolved"]["type"] == "alert.resolved"
    assert hook[0].kept["alert-0123-resolved"]["data"]["id"] == "alert-0123"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Response(401), AuthError),
        (Response(403), AuthError),
        (Response(404), AuthError),
        (Response(410), AuthError),
        (Response(302, b"", {"Location": "/elsewhere"}), AuthError),
        (Response(400, b"canary-body"), Unsupported),
        (Response(413), Unsupported),
        (Response(408), Transient),
        (Response(500), Transient),
        (Response(503), Transient),
        (Response(429, b"", {"Retry-After": "600"}), RateLimited),
        (None, Transient),
    ],
)
def test_faults_say_what_the_host_does(
    hook: Any, make: Make, make_alert: Make, answer: Response | None, error: type[Exception]
) -> None:
    hook[0].fail(answer)
    with pytest.raises(error) as caught:
        make().deliver(make_alert())
    assert "canary" not in str(caught.value)
    assert len(hook[0].calls) == 1


def test_a_redirect_is_not_followed(hook: Any, make: Make, make_alert: Make) -> None:
    hook[0].fail(Response(307, b"", {"Location": "/hook/elsewhere"}))
    with pytest.raises(AuthError, match="configure the final URL"):
        make().deliver(make_alert())


def test_the_guard_refuses_a_private_receiver(make: Make, make_alert: Make) -> None:
    with pytest.raises(AddressRefused):
        make(url="http://127.0.0.2:9/alerts").deliver(make_alert())


def test_the_configuration_refuses_weak_secrets_and_plain_http() -> None:
    with pytest.raises(ValidationError, match="https"):
        WebhookConfig(url="http://hooks.example.com/", secret=SECRET)
    for weak in ("whsec_", "whsec_c2hvcnQ=", "not base64 !!", "password"):
        with pytest.raises(ValidationError, match="24 random bytes") as caught:
            WebhookConfig(url="https://hooks.example.com/", secret=weak)
        assert caught.value.error_count() == 1
    config = WebhookConfig(url="https://hooks.example.com/canary", secret=SECRET)
    assert "canary" not in repr(config)


def test_the_payload_is_thin(hook: Any, make: Make, make_alert: Make, make_finding: Make) -> None:
    make().deliver(make_alert(findings=tuple(make_finding(n) for n in range(1000))))
    (request,) = hook[0].requests
    assert len(request.body) < 20_000
    assert json.loads(request.body)["data"]["findings_total"] == 1000
