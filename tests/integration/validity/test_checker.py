"""The check against a server on loopback: what is sent, how often, and what is never told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from connectors.model import Validity
from connectors.net import Guard, Session, connect
from connectors.pipeline import Question
from connectors.testing.fakeapps import FakeApp, FakeApps, Request, Response, route
from connectors.validity import Checker
from connectors.validity.check import HOLDS, LIMITS, Bounds

TOKEN = "ghp" + "_" + "InventedForThisTest000000000000000000"
GITHUB, GITLAB = "github_personal_token", "gitlab_personal_token"


class Vendor(FakeApp):
    """Knows one live token, and remembers the headers of each request."""

    name = "vendor"

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[dict[str, str]] = []

    @route("GET", "/user")
    def user(self, request: Request) -> Response:
        """Tell who a token belongs to."""
        self.seen.append({name.lower(): value for name, value in request.headers.items()})
        live = self.seen[-1].get("authorization") == f"Bearer {TOKEN}"
        return Response.of({}, 200 if live else 401, set_cookie="session=of-the-last-token")

    @route("GET", "/personal_access_tokens/self")
    def token(self, request: Request) -> Response:
        """Refuse every token."""
        return Response.of({"message": "401 Unauthorized"}, 401)


class Time:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def clock(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return datetime(2026, 3, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    app = Vendor()
    with FakeApps(app).running():
        yield app


@pytest.fixture
def time() -> Time:
    return Time()


Make = Callable[..., Checker]


@pytest.fixture
def checker(vendor: Vendor, time: Time) -> Make:
    def make(*, allow: tuple[str, ...] = ("127.0.0.0/8",), bounds: Bounds | None = None) -> Checker:
        def sessions() -> Session:
            return connect(guard=Guard.of(allow), limits=LIMITS)

        return Checker(
            (GITHUB, GITLAB),
            sessions=sessions,
            now=time.now,
            addresses={"github": vendor.base_url, "gitlab": vendor.base_url},
            bounds=bounds,
            clock=time.clock,
        )

    return make


def question(value: str = TOKEN, *, detector: str = GITHUB, fingerprint: str = "") -> Question:
    return Question(detector, fingerprint or f"print of {value}", value)


def test_a_live_token_and_a_dead_one(checker: Make, vendor: Vendor, time: Time) -> None:
    live, dead = checker().ask([question(), question("ghp" + "_dead")])
    assert (live.state, dead.state) == (Validity.ACTIVE, Validity.EXPIRED)
    assert live.at == time.now()
    assert live.evidence == {
        "vendor": "github",
        "verifier": 1,
        "host": "127.0.0.1",
        "endpoint": "GET /user",
        "reason": "accepted",
        "status": 200,
    }
    assert TOKEN not in repr((live, dead))


def test_no_cookie_of_one_token_travels_with_the_next(checker: Make, vendor: Vendor) -> None:
    checker().ask([question(), question("ghp" + "_dead")])
    assert len(vendor.seen) == 2
    assert all("cookie" not in headers for headers in vendor.seen)


def test_the_same_token_is_asked_once_while_the_answer_holds(checker: Make, vendor: Vendor, time: Time) -> None:
    check = checker()
    for _ in range(3):
        assert check.ask([question()])[0].state is Validity.ACTIVE
    assert len(vendor.seen) == 1
    time.seconds = HOLDS[Validity.ACTIVE].total_seconds() + 1
    check.ask([question()])
    assert len(vendor.seen) == 2


def test_a_vendor_is_asked_so_often_a_minute(checker: Make, vendor: Vendor, time: Time) -> None:
    check = checker(bounds=Bounds(per_minute=2))
    answers = check.ask([question(f"t{number}") for number in range(3)])
    assert [each.evidence["reason"] for each in answers] == ["refused", "refused", "vendor_budget"]
    assert check.ask([question(detector=GITLAB)])[0].evidence["reason"] == "refused"
    time.seconds = 61
    assert check.ask([question("t2")])[0].evidence["reason"] == "refused"


def test_a_vendor_that_asks_to_wait_is_left_alone(checker: Make, vendor: Vendor, time: Time) -> None:
    vendor.fail(Response.of({}, 429, retry_after="120"))
    check = checker()
    first, second = check.ask([question(), question("another")])
    assert first.state is second.state is Validity.UNVERIFIED
    assert first.evidence["reason"] == second.evidence["reason"] == "rate_limited"
    assert vendor.calls == [("GET", "/user")]


def test_a_batch_ends_with_its_time(checker: Make, vendor: Vendor, time: Time) -> None:
    ticks = iter(range(100))
    check = Checker(
        (GITHUB,),
        sessions=connect,
        now=time.now,
        addresses={"github": vendor.base_url},
        bounds=Bounds(seconds=0.5),
        clock=lambda: float(next(ticks)),
    )
    assert check.ask([question()])[0].evidence["reason"] == "no_time"
    assert vendor.calls == []


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Response.of({}, 500), "transient"),
        (None, "transient"),
        (Response(302, b"", {"Location": "https://elsewhere.example.com/user"}), "unclear"),
        (Response(200, b"[" * 100_000, {}), "accepted"),
    ],
)
def test_faults_leave_a_token_unverified(checker: Make, vendor: Vendor, fault: Response | None, reason: str) -> None:
    vendor.fail(fault)
    answer = checker().ask([question()])[0]
    assert answer.evidence["reason"] == reason
    assert answer.state is (Validity.ACTIVE if reason == "accepted" else Validity.UNVERIFIED)


@pytest.mark.parametrize("value", ["two\nlines", "späce", " padded", "\x00"])
def test_what_cannot_be_a_token_is_not_sent(checker: Make, vendor: Vendor, value: str) -> None:
    assert checker().ask([question(value)])[0].evidence["reason"] == "not_a_token"
    assert vendor.calls == []


def test_the_guard_holds_for_vendors_too(checker: Make, vendor: Vendor) -> None:
    assert checker(allow=()).ask([question()])[0].evidence["reason"] == "address_refused"
    assert vendor.calls == []
