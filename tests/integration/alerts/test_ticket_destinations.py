"""PagerDuty, Jira, Teams and Splunk, each against a fake of it over the wire."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest
from pydantic import ValidationError

from connectors.alerts.destination import Resolves
from connectors.alerts.jira import JiraDestination, JiraIssueConfig
from connectors.alerts.pagerduty import PagerDutyConfig, PagerDutyDestination
from connectors.alerts.splunk import SplunkConfig, SplunkDestination
from connectors.alerts.teams import TeamsConfig, TeamsDestination
from connectors.errors import AuthError, RateLimited, Transient, Unsupported
from connectors.model import Severity
from connectors.testing.fakeapps import FakeApp, FakeApps, Request, Response, route

Make = Callable[..., Any]
TOKEN = "invented-" + "token"


class FakePagerDuty(FakeApp):
    name: ClassVar[str] = "pagerduty"

    def __init__(self) -> None:
        super().__init__()
        self.events: list[dict[str, Any]] = []

    @route("POST", "/v2/enqueue")
    def enqueue(self, request: Request) -> Response:
        event = request.json()
        if event["routing_key"] != TOKEN:
            return Response.of({"status": "invalid event"}, status=400)
        self.events.append(event)
        return Response.of({"status": "success", "dedup_key": event["dedup_key"]}, status=202)


class FakeTeams(FakeApp):
    name: ClassVar[str] = "teams"

    def __init__(self) -> None:
        super().__init__()
        self.cards: list[Any] = []

    @route("POST", "/workflow")
    def post(self, request: Request) -> Response:
        assert len(request.body) < 28_000
        self.cards.append(request.json())
        return Response(202)


class FakeSplunk(FakeApp):
    name: ClassVar[str] = "splunk"

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Any] = []

    @route("POST", "/services/collector/event")
    def event(self, request: Request) -> Response:
        if request.headers["authorization"] != f"Splunk {TOKEN}":
            return Response.of({"text": "Invalid token", "code": 4}, status=403)
        self.events.append(request.json())
        return Response.of({"text": "Success", "code": 0})

    @route("GET", "/services/collector/health")
    def health(self, request: Request) -> Response:
        return Response.of({"text": "HEC is healthy", "code": 17})


class FakeJira(FakeApp):
    """Issues of one project; `search` works as on Cloud and on Data Center."""

    name: ClassVar[str] = "jira"

    def __init__(self) -> None:
        super().__init__()
        self.issues: dict[str, dict[str, Any]] = {}
        self.comments: list[str] = []
        self.moves: list[str] = []
        self.authorizations: set[str] = set()

    def answer(self, request: Request) -> Response:
        self.authorizations.add(request.headers.get("authorization", ""))
        return super().answer(request)

    @route("GET", r"/rest/api/(?:3/search/jql|2/search)")
    def search(self, request: Request) -> Response:
        found = [
            {"key": key, "fields": {"labels": fields["labels"]}}
            for key, fields in self.issues.items()
            if any(f'labels = "{label}"' in request.query["jql"] for label in fields["labels"])
        ]
        return Response.of({"issues": found[: int(request.query["maxResults"])]})

    @route("POST", "/rest/api/2/issue")
    def create(self, request: Request) -> Response:
        key = f"SEC-{len(self.issues) + 1}"
        self.issues[key] = request.json()["fields"]
        return Response.of({"id": "1", "key": key}, status=201)

    @route("PUT", "/rest/api/2/issue/(?P<key>[^/]+)")
    def edit(self, request: Request, key: str) -> Response:
        for change in request.json()["update"]["labels"]:
            self.issues[key]["labels"].append(change["add"])
        return Response(204)

    @route("POST", "/rest/api/2/issue/(?P<key>[^/]+)/comment")
    def comment(self, request: Request, key: str) -> Response:
        self.comments.append(request.json()["body"])
        return Response.of({}, status=201)

    @route("GET", "/rest/api/2/issue/(?P<key>[^/]+)/transitions")
    def transitions(self, request: Request, key: str) -> Response:
        return Response.of({"transitions": [{"id": "11", "name": "Start"}, {"id": "31", "name": "Done"}]})

    @route("POST", "/rest/api/2/issue/(?P<key>[^/]+)/transitions")
    def move(self, request: Request, key: str) -> Response:
        self.moves.append(request.json()["transition"]["id"])
        return Response(204)

    @route("GET", "/rest/api/2/project/SEC")
    def project(self, request: Request) -> Response:
        return Response.of({"key": "SEC"})


@pytest.fixture
def apps() -> Iterator[FakeApps]:
    with FakeApps(FakePagerDuty(), FakeTeams(), FakeSplunk(), FakeJira()).running() as running:
        yield running


@pytest.fixture
def pagerduty(apps: FakeApps, context: Any) -> PagerDutyDestination:
    return PagerDutyDestination(
        PagerDutyConfig(routing_key=TOKEN, base_url=apps.url("pagerduty"), allow_http=True), context
    )


@pytest.fixture
def teams(apps: FakeApps, context: Any) -> TeamsDestination:
    return TeamsDestination(TeamsConfig(url=apps.url("teams") + "/workflow", allow_http=True), context)


@pytest.fixture
def splunk(apps: FakeApps, context: Any) -> SplunkDestination:
    # The collector stands at the root of its host; the fake one stands under a prefix.
    config = SplunkConfig.model_construct(**{
        **SplunkConfig(url="https://127.0.0.1", token=TOKEN, index="dlp").model_dump(), "url": apps.url("splunk")
    })  # fmt: skip
    return SplunkDestination(config, context)


@pytest.fixture
def jira(apps: FakeApps, context: Any) -> Callable[..., JiraDestination]:
    def made(**options: Any) -> JiraDestination:
        values = {
            "url": apps.url("jira"),
            "user": "bot@acme.example",
            "token": TOKEN,
            "project": "SEC",
            "allow_http": True,
            **options,
        }
        return JiraDestination(JiraIssueConfig(**values), context)

    return made


def test_pagerduty_triggers_and_resolves_one_incident(
    apps: FakeApps, pagerduty: PagerDutyDestination, make_alert: Make
) -> None:
    alert = make_alert(severity=Severity.CRITICAL)
    pagerduty.deliver(alert)
    pagerduty.resolve(alert)
    trigger, resolve = apps.apps["pagerduty"].events  # type: ignore[attr-defined]
    assert (trigger["event_action"], resolve["event_action"]) == ("trigger", "resolve")
    assert trigger["dedup_key"] == resolve["dedup_key"] == alert.id
    assert trigger["payload"]["severity"] == "critical"
    assert trigger["payload"]["summary"] == "[CRITICAL] 1 finding in message in #general (chat)"
    assert trigger["payload"]["source"] == "chat/acme-chat"
    assert trigger["links"][0]["href"] == "https://acme.example/archives/C1/p1715"
    assert "dlp.acme.example/r/abc" not in json.dumps(trigger)
    assert isinstance(pagerduty, Resolves)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Response.of({}, status=400), Unsupported),
        (Response.of({}, status=429, retry_after="60"), RateLimited),
        (Response.of({}, status=500), Transient),
        (None, Transient),
    ],
)
def test_pagerduty_faults(
    apps: FakeApps, pagerduty: PagerDutyDestination, make_alert: Make, answer: Any, error: type[Exception]
) -> None:
    apps.apps["pagerduty"].fail(answer)
    with pytest.raises(error):
        pagerduty.deliver(make_alert())


def test_teams_gets_a_card_without_markdown(apps: FakeApps, teams: TeamsDestination, make_alert: Make) -> None:
    delivered = teams.deliver(make_alert())
    ((attachment,),) = [card["attachments"] for card in apps.apps["teams"].cards]  # type: ignore[attr-defined]
    card = attachment["content"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert {each["type"] for each in card["body"]} == {"RichTextBlock"}
    told = json.dumps(card, ensure_ascii=False)
    assert "4242…••42" in told
    assert "dlp.acme.example/r/abc" not in told
    assert [action["url"] for action in card["actions"]] == [
        "https://acme.example/archives/C1/p1715",
        "https://dlp.acme.example/f/1",
    ]
    assert delivered.reference == "202"


def test_a_big_alert_stays_within_what_teams_takes(
    apps: FakeApps, teams: TeamsDestination, make_alert: Make, make_finding: Make
) -> None:
    long = "ü" * 5000
    findings = tuple(make_finding(n, preview=long, part=long, detector=long) for n in range(300))
    teams.deliver(make_alert(findings=findings, message=long))
    assert len(apps.apps["teams"].cards) == 1  # type: ignore[attr-defined]


def test_teams_faults_name_no_token(apps: FakeApps, teams: TeamsDestination, make_alert: Make) -> None:
    apps.apps["teams"].fail(Response(404, b"canary"))
    with pytest.raises(AuthError, match="make a new workflow webhook") as caught:
        teams.deliver(make_alert())
    assert "canary" not in str(caught.value)


def test_splunk_gets_one_event(apps: FakeApps, splunk: SplunkDestination, make_alert: Make) -> None:
    splunk.deliver(make_alert())
    splunk.resolve(make_alert())
    created, resolved = apps.apps["splunk"].events  # type: ignore[attr-defined]
    assert created["time"] == 1772600767.0
    assert (created["index"], created["source"], created["sourcetype"]) == ("dlp", "connectors", "connectors:alert")
    assert created["fields"] == {"alert_id": "alert-0123", "state": "created"}
    assert created["event"]["findings"][0]["detector"] == "payment_card"
    assert resolved["event"] == {"id": "alert-0123", "policy": "cards", "state": "resolved"}
    assert splunk.probe() == "the collector takes events"


def test_splunk_faults(apps: FakeApps, splunk: SplunkDestination, make_alert: Make, context: Any) -> None:
    app = apps.apps["splunk"]
    app.fail(Response.of({"text": "Server is busy", "code": 9}, status=503))
    with pytest.raises(Transient):
        splunk.deliver(make_alert())
    app.fail(Response.of({"text": "HEC is unhealthy", "code": 18}, status=400))
    with pytest.raises(Transient, match="does not take events now"):
        splunk.probe()
    app.fail(Response.of({"text": "Invalid token", "code": 4}, status=403))
    with pytest.raises(AuthError, match="HEC token"):
        splunk.deliver(make_alert())
    with pytest.raises(ValidationError):
        SplunkConfig(url="https://splunk.example/path", token=TOKEN)


@pytest.mark.parametrize("deployment", ["cloud", "datacenter"])
def test_jira_opens_one_issue_however_often_it_is_told(
    apps: FakeApps, jira: Make, make_alert: Make, deployment: str
) -> None:
    destination = jira(deployment=deployment, labels=["dlp"])
    first, again = destination.deliver(make_alert()), destination.deliver(make_alert())
    other = destination.deliver(make_alert(id="alert-9"))
    assert (first.reference, again.reference, other.reference) == ("SEC-1", "SEC-1", "SEC-2")
    fields = apps.apps["jira"].issues["SEC-1"]  # type: ignore[attr-defined]
    assert fields["summary"] == "[HIGH] 1 finding in message in #general (chat)"
    assert fields["labels"] == ["connectors", "connectors-alert-0123", "dlp"]
    assert fields["description"].startswith("{noformat}\n")
    assert fields["issuetype"] == {"name": "Task"}


def test_no_text_of_an_app_ends_the_block_without_markup(apps: FakeApps, jira: Make, make_alert: Make) -> None:
    jira().deliver(make_alert(message="{noformat} [~accountid:1] !http://x.example/p.png!"))
    description = apps.apps["jira"].issues["SEC-1"]["description"]  # type: ignore[attr-defined]
    assert description.count("{noformat}") == 2


def test_jira_resolves_once(apps: FakeApps, jira: Make, make_alert: Make) -> None:
    app: Any = apps.apps["jira"]
    destination = jira(resolve_transition="done")
    assert destination.resolve(make_alert()).reference == ""
    destination.deliver(make_alert())
    for _ in range(2):
        assert destination.resolve(make_alert()).reference == "SEC-1"
    assert app.comments == ["Every finding of this alert is resolved."]
    assert app.moves == ["31"]
    assert "connectors-resolved" in app.issues["SEC-1"]["labels"]


def test_jira_signs_in_by_user_or_by_personal_token(apps: FakeApps, jira: Make, make_alert: Make) -> None:
    app: Any = apps.apps["jira"]
    jira().deliver(make_alert())
    basic = base64.b64encode(f"bot@acme.example:{TOKEN}".encode()).decode()
    assert app.authorizations == {f"Basic {basic}"}
    app.authorizations.clear()
    assert jira(user="").probe() == "opens issues in SEC"
    assert app.authorizations == {f"Bearer {TOKEN}"}


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Response.of({}, status=401), AuthError),
        (Response.of({"errors": {"issuetype": "canary"}}, status=400), Unsupported),
        (Response(200, b"<html>sign in</html>"), Transient),
        (Response(200, b"[]"), Transient),
        (Response(302, b"", {"Location": "/login"}), AuthError),
    ],
)
def test_jira_faults(apps: FakeApps, jira: Make, make_alert: Make, answer: Response, error: type[Exception]) -> None:
    apps.apps["jira"].fail(answer)
    with pytest.raises(error) as caught:
        jira().deliver(make_alert())
    assert "canary" not in str(caught.value)


def test_jira_refuses_a_project_key_that_would_change_the_query() -> None:
    with pytest.raises(ValidationError):
        JiraIssueConfig(url="https://jira.example", token=TOKEN, project='SEC" OR "1"="1')


@pytest.mark.parametrize(
    "make",
    [
        lambda: JiraIssueConfig(url="http://jira.example", token=TOKEN, project="SEC"),
        lambda: SplunkConfig(url="http://splunk.example:8088", token=TOKEN),
        lambda: PagerDutyConfig(routing_key=TOKEN, base_url="http://events.example"),
        lambda: TeamsConfig(url="http://teams.example/workflow"),
    ],
)
def test_credentials_travel_over_tls_unless_allowed(make: Callable[[], Any]) -> None:
    with pytest.raises(ValidationError, match="must start with https") as caught:
        make()
    assert TOKEN not in str(caught.value)
