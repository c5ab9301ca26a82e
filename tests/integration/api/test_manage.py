"""The management API: findings and violations, stored policies, deliveries, usage."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from connectors.runtime import Runtime
from connectors.store.columns import natural_id
from connectors.store.tables.findings import finding, suppression
from connectors.store.tables.intake import delivery

START = datetime(2026, 11, 1, tzinfo=UTC)


def row(number: int, **changes: Any) -> dict[str, Any]:
    at = START + timedelta(minutes=number // 2)
    return {
        "residency": "eu", "id": natural_id("finding", number), "tenant": "acme", "connection": "chat",
        "app": "slack", "resource_key": natural_id("resource", number % 3), "resource_id": f"m{number % 3}",
        "resource_kind": "message", "container": "C1", "container_name": "#general", "label": "message",
        "url": "https://chat.example/1", "author_id": "U1", "author": "Ann", "author_email": "ann@acme.example",
        "visibility": "internal", "part": "body", "detector": "payment_card", "family": "credit_card",
        "confidence": 5, "severity": 1 + number % 5, "policies": ["cards"], "fingerprint": f"f{number % 2}",
        "preview": "****1881", "places": [{"start": 0, "end": 19}], "count": 1, "state": "open", "revision": 1,
        "version": 1, "note": "", "first_seen": at, "last_seen": at, "resolved_at": None, "updated_at": at,
        "expires_at": None,
    } | changes  # fmt: skip


@pytest.fixture
def ids(runtime: Runtime) -> list[UUID]:
    rows = [row(number) for number in range(10)]
    other = row(99, tenant="globex")
    runtime.databases.of("eu").run(lambda c: c.execute(sa.insert(finding), [*rows, other]))
    return [each["id"] for each in rows]


def get(client: TestClient, auth: dict[str, str], path: str, **params: Any) -> Any:
    answer = client.get(f"/api/v1{path}", params=params, headers=auth)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_pages_hold_every_finding_of_the_tenant_once(client: TestClient, auth: dict[str, str], ids: list[UUID]) -> None:
    seen: list[str] = []
    cursor = None
    while True:
        page = get(client, auth, "/findings", limit=3, **({"cursor": cursor} if cursor else {}))
        seen += [each["id"] for each in page["findings"]]
        cursor = page["nextCursor"]
        if not cursor:
            break
    assert sorted(seen) == sorted(map(str, ids))
    times = [get(client, auth, f"/findings/{each}")["lastSeen"] for each in seen]
    assert times == sorted(times, reverse=True)


def test_search_narrows_and_explains_itself(client: TestClient, auth: dict[str, str], ids: list[UUID]) -> None:
    found = get(client, auth, "/findings", q="severity:>=high container:#gen* -state:resolved")["findings"]
    assert {each["severity"] for each in found} == {"high", "critical"}
    answer = client.get("/api/v1/findings", params={"q": "severty:high"}, headers=auth)
    assert (answer.status_code, answer.json()["code"]) == (400, 40006)
    assert "did you mean severity" in answer.json()["description"]


def test_a_state_change_has_a_history_and_no_lost_update(
    client: TestClient, auth: dict[str, str], ids: list[UUID]
) -> None:
    path = f"/api/v1/findings/{ids[0]}/state"
    change = {"state": "acknowledged", "comment": "looking", "revision": 1}
    assert client.post(path, json=change, headers=auth).json()["revision"] == 2
    answer = client.post(path, json=change | {"state": "ignored"}, headers=auth)
    assert (answer.status_code, answer.json()["code"]) == (409, 40901)
    [history] = get(client, auth, f"/findings/{ids[0]}")["history"]
    assert (history["before"], history["after"], history["actor"]) == ("open", "acknowledged", "key:test")


def test_an_annotation_holds_for_the_value_everywhere_and_can_be_taken_back(
    runtime: Runtime, client: TestClient, auth: dict[str, str], ids: list[UUID]
) -> None:
    path = f"/api/v1/findings/{ids[0]}/annotation"
    said = client.post(path, json={"verdict": "false_positive", "comment": "test data"}, headers=auth).json()
    assert len(said["changed"]) == 5
    assert get(client, auth, f"/findings/{ids[2]}")["state"] == "false_positive"
    assert get(client, auth, f"/findings/{ids[1]}")["state"] == "open"
    assert get(client, auth, f"/findings/{ids[0]}/annotation")["annotation"]["verdict"] == "false_positive"
    database = runtime.databases.of("eu")
    assert database.read(lambda c: c.execute(sa.select(suppression.c.fingerprint)).scalar()) == "f0"
    assert len(client.delete(path, headers=auth).json()["changed"]) == 5
    assert get(client, auth, f"/findings/{ids[2]}")["state"] == "open"
    assert database.read(lambda c: c.execute(sa.select(suppression)).all()) == []


def test_an_annotation_of_one_place_leaves_the_others(
    client: TestClient, auth: dict[str, str], ids: list[UUID]
) -> None:
    body = {"verdict": "accepted", "applyToAll": False}
    said = client.post(f"/api/v1/findings/{ids[0]}/annotation", json=body, headers=auth).json()
    assert said["changed"] == [str(ids[0])]


def test_violations_are_resources_and_page_without_doubles(
    client: TestClient, auth: dict[str, str], ids: list[UUID]
) -> None:
    page = get(client, auth, "/violations", limit=2)
    rest = get(client, auth, "/violations", limit=2, pageToken=page["nextPageToken"])
    shown = [each["id"] for each in page["violations"] + rest["violations"]]
    assert sorted(shown) == sorted(str(natural_id("resource", n)) for n in range(3))
    assert rest["nextPageToken"] == ""
    of_one = get(client, auth, f"/violations/{shown[0]}/findings")["findings"]
    assert {each["violationId"] for each in of_one} == {shown[0]}
    high = get(client, auth, "/violations", q="severity:critical")["violations"]
    assert {each["severity"] for each in high} == {"critical"}


def test_lists_walk_an_index(runtime: Runtime, ids: list[UUID]) -> None:
    from connectors.store import review
    from connectors.store.search import search

    statements: list[tuple[str, Any]] = []
    database = runtime.databases.of("eu")
    if database.dialect != "sqlite":
        pytest.skip("a few rows are scanned by any planner; SQLite's goes by the indexes alone")
    sa.event.listen(database._reader, "before_cursor_execute", lambda *a: statements.append((a[2], a[3])))
    where = search("state:open severity:>=high author:ann*", datetime.now(UTC))
    for listing in (review.listed, review.violations):
        database.read(lambda c, f=listing: f(c, residency="eu", tenant="acme", where=where, limit=50))
    for sql, values in [each for each in statements if each[0].startswith("SELECT")]:
        plan = database.read(lambda c, s=sql, v=values: c.exec_driver_sql(f"EXPLAIN QUERY PLAN {s}", v).all())
        assert not [step for step in plan if step.detail.startswith("SCAN")], plan


def test_another_tenants_finding_is_not_there(client: TestClient, auth: dict[str, str], ids: list[UUID]) -> None:
    for path in (f"/findings/{natural_id('finding', 99)}", f"/violations/{uuid4()}"):
        answer = client.get(f"/api/v1{path}", headers=auth)
        assert (answer.status_code, answer.json()["code"]) == (404, 40400)


def test_an_action_that_is_not_offered_is_refused(client: TestClient, auth: dict[str, str], ids: list[UUID]) -> None:
    answer = client.post(f"/api/v1/findings/{ids[0]}/actions", json={"action": "explode"}, headers=auth)
    assert (answer.status_code, answer.json()["code"]) == (422, 42200)
    assert "offered: none" in answer.json()["additionalData"]["action"]


def test_a_stored_rule_and_policy_are_used_by_uuid(client: TestClient, auth: dict[str, str]) -> None:
    detectors = [{"detectorType": "WORD_LIST", "wordList": {"values": ["bluebird"]}}]
    made = client.post(
        "/api/v1/detection-rules", json={"name": "projects", "rule": {"detectors": detectors}}, headers=auth
    )
    assert made.status_code == 201, made.text
    rule = made.json()["id"]
    inline = {"payload": ["bluebird"], "policy": {"detectionRuleUUIDs": [rule]}}
    [[found]] = client.post("/v3/scan", json=inline, headers=auth).json()["findings"]
    assert (found["matchedDetectionRuleUUIDs"], found["matchedDetectionRules"]) == ([rule], ["projects"])
    policy = {"name": "all", "policy": {"detectionRuleUUIDs": [rule], "contextBytes": 3}}
    kept = client.post("/api/v1/policies", json=policy, headers=auth).json()
    request = {"payload": ["a bluebird b"], "policyUUIDs": [kept["id"]]}
    [[found]] = client.post("/v3/scan", json=request, headers=auth).json()["findings"]
    assert found["beforeContext"] == "a "
    stale = client.put(f"/api/v1/policies/{kept['id']}", json=policy | {"revision": 7}, headers=auth)
    assert stale.json()["code"] == 40901
    changed = client.put(f"/api/v1/policies/{kept['id']}", json=policy | {"revision": 1}, headers=auth)
    assert changed.json()["revision"] == 2
    assert client.delete(f"/api/v1/policies/{kept['id']}", headers=auth).status_code == 204
    assert get(client, auth, "/policies")["items"] == []


def test_a_policy_with_an_unknown_rule_is_not_kept(client: TestClient, auth: dict[str, str]) -> None:
    body = {"name": "x", "policy": {"detectionRuleUUIDs": [str(uuid4())]}}
    assert client.post("/api/v1/policies", json=body, headers=auth).json()["code"] == 42203


def test_deliveries_are_listed_without_bodies(runtime: Runtime, client: TestClient, auth: dict[str, str]) -> None:
    rows = [
        {"residency": "eu", "id": uuid4(), "tenant": "acme", "connection": "chat", "delivery_id": str(n),
         "state": "failed", "reason": "malformed", "events": 0, "size": 7, "body": b"x",
         "received_at": START + timedelta(seconds=n), "expires_at": None}
        for n in range(3)
    ]  # fmt: skip
    runtime.databases.of("eu").run(lambda c: c.execute(sa.insert(delivery), rows))
    page = get(client, auth, "/deliveries", connection="chat", state="failed", limit=2)
    assert [each["deliveryId"] for each in page["deliveries"]] == ["2", "1"]
    rest = get(client, auth, "/deliveries", connection="chat", cursor=page["nextCursor"])
    assert [each["deliveryId"] for each in rest["deliveries"]] == ["0"]


def test_usage_and_the_log_are_shown_to_their_tenant(api: Any, client: TestClient, auth: dict[str, str]) -> None:
    request = {"payload": ["four"], "policy": {"detectionRules": [{"detectors": [{"regex": {"pattern": "x"}}]}]}}
    client.post("/v3/scan", json=request, headers=auth)
    api.platform.gate.recorder.flush()
    shown = get(client, auth, "/usage")
    assert [(day["endpoint"], day["bytes"]) for day in shown["days"]] == [("scan", 4)]
    assert shown["quotaTaken"] >= 4
    assert get(client, auth, "/requests")["requests"][0]["endpoint"] in {"scan", "usage"}


def test_detectors_have_names_and_uuids(client: TestClient, auth: dict[str, str]) -> None:
    shown = {each["name"]: each for each in get(client, auth, "/detectors")["detectors"]}
    uuid = shown["CREDIT_CARD_NUMBER"]["uuid"]
    request = {"payload": ["4012888888881881"],
               "policy": {"detectionRules": [{"detectors": [{"detectorUUID": uuid}]}]}}  # fmt: skip
    [[found]] = client.post("/v3/scan", json=request, headers=auth).json()["findings"]
    assert found["detector"] == {"name": "CREDIT_CARD_NUMBER", "uuid": uuid}


@pytest.mark.parametrize(("path", "kind"), [("/api/docs", "text/html"), ("/api/docs/try.js", "text/javascript")])
def test_the_page_to_try_it_loads_nothing_from_elsewhere(client: TestClient, path: str, kind: str) -> None:
    answer = client.get(path)
    assert answer.headers["content-type"].startswith(kind)
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert "http" not in answer.text.replace("http-equiv", "")


@pytest.mark.parametrize("path", ["/nowhere", "/v3", "/v3/scan/", "/api/v1/findings/not-a-uuid"])
def test_every_refusal_has_the_documented_body(client: TestClient, auth: dict[str, str], path: str) -> None:
    answer = client.get(path, headers=auth)
    assert answer.status_code in {400, 404, 405}
    assert set(answer.json()) == {"code", "message", "description", "additionalData"}


def test_the_api_is_one_route_of_another_application(api: Any, auth: dict[str, str]) -> None:
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    def other(_request: Any) -> PlainTextResponse:
        return PlainTextResponse("other")

    site = Starlette(
        routes=[api.route, Route("/findings", other), Route("/api/other", other)], lifespan=lambda _: api.running()
    )
    with TestClient(site) as client:
        assert client.get("/api/v1/detectors", headers=auth).status_code == 200
        assert client.get("/openapi.json").json()["paths"]
        assert [client.get(path).text for path in ("/findings", "/api/other")] == ["other", "other"]
    assert api.platform.metrics.api_log.labels("written")._value.get() == 1
