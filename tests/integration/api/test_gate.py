"""Keys, scopes, rates, quotas and the request log over the whole application."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from connectors.api import issuing
from connectors.api.app import Api
from connectors.api.blocks import LARGEST, Blocks
from connectors.api.ring import TRUSTED, KeyRing
from connectors.errors import StoreUnavailable
from connectors.runtime import Runtime
from connectors.store import keys, quotas
from connectors.store.tables.platform import api_key, request_log, usage

REQUEST = {
    "payload": ["CANARY: 4012888888881881"],
    "policy": {"detectionRules": [{"detectors": [{"nightfallDetector": "CREDIT_CARD_NUMBER"}]}]},
}


class Clock:
    """A clock that stands still until it is told."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def call(client: TestClient, key: str) -> tuple[int, int]:
    answer = client.post("/v3/scan", json=REQUEST, headers={"Authorization": f"Bearer {key}"})
    return answer.status_code, answer.json().get("code", 0)


@pytest.mark.parametrize("header", ["", "Bearer ", "Basic abc", "Bearer ck_eu_wrong", "Bearer \xe9"])
def test_without_a_key_nothing_is_answered(client: TestClient, header: str) -> None:
    answer = client.post("/v3/scan", json=REQUEST, headers={"Authorization": header.encode("latin-1")})
    assert (answer.status_code, answer.json()["code"]) == (401, 40100)
    assert answer.headers["www-authenticate"] == "Bearer"


def test_an_unknown_key_of_the_right_shape_is_refused(client: TestClient) -> None:
    assert call(client, keys.new_key("eu")) == (401, 40100)
    assert call(client, keys.new_key("mars")) == (401, 40100)


def test_only_a_hash_of_the_key_is_stored(runtime: Runtime, key: str) -> None:
    row = runtime.databases.of("eu").read(lambda c: c.execute(sa.select(api_key)).one())
    assert key[:-4] not in repr(row)
    assert row.hash == keys.digest(key)


def test_a_key_without_the_scope_is_told_which(client: TestClient, make_key) -> None:  # type: ignore[no-untyped-def]
    assert call(client, make_key(scopes=("findings:read",))) == (403, 40300)


def test_a_revoked_key_stops_within_five_seconds(runtime: Runtime, key: str) -> None:
    clock = Clock()
    ring = KeyRing(runtime.databases, frozenset({"eu"}), now=runtime.now, clock=clock)
    found = ring.look_up(key)
    assert found is not None
    issuing.revoke(runtime, found.id, actor="test")
    clock.now += 4.0
    assert ring.known(key) is not None
    clock.now += 0.9
    assert ring.known(key) is None
    assert ring.look_up(key) is None


def test_a_refresh_sees_a_revocation_and_keeps_the_others(runtime: Runtime, make_key) -> None:  # type: ignore[no-untyped-def]
    ring = KeyRing(runtime.databases, frozenset({"eu"}), now=runtime.now)
    one, other = make_key(), make_key()
    found = ring.look_up(one)
    assert found is not None
    assert ring.look_up(other) is not None
    issuing.revoke(runtime, found.id, actor="test")
    assert ring.refresh() == 2
    assert ring.known(one) is None
    assert ring.refused(one)
    assert ring.known(other) is not None


def test_an_expired_key_and_a_rotated_one_stop(runtime: Runtime) -> None:
    ring = KeyRing(runtime.databases, frozenset({"eu"}), now=runtime.now)
    expired = issuing.create(runtime, tenant="acme", name="old", actor="test", lifetime=timedelta(seconds=-1))
    assert ring.look_up(expired.text) is None
    first = issuing.create(runtime, tenant="acme", name="ci", scopes=("scan",), actor="test")
    second = issuing.rotate(runtime, first.id, overlap=timedelta(hours=1), actor="test")
    new = ring.look_up(second.text)
    assert new is not None
    assert (new.name, new.scopes) == ("ci", frozenset({"scan"}))
    assert ring.look_up(first.text) is not None
    third = issuing.rotate(runtime, second.id, overlap=timedelta(0), actor="test")
    assert ring.look_up(second.text) is None
    assert ring.look_up(third.text) is not None


def test_a_suspended_tenant_is_closed(runtime: Runtime, key: str) -> None:
    from connectors.store import tenants

    runtime.databases.of("eu").run(
        lambda c: tenants.change(c, residency="eu", name="acme", now=runtime.now(), values={"status": "suspended"})
    )
    ring = KeyRing(runtime.databases, frozenset({"eu"}), now=runtime.now)
    assert ring.look_up(key) is None


def test_the_burst_is_taken_and_then_the_rate_holds(client: TestClient, make_key) -> None:  # type: ignore[no-untyped-def]
    key = make_key("globex")
    codes = [call(client, key) for _ in range(25)]
    assert codes[:15] == [(200, 0)] * 15
    assert (429, 42900) in codes[15:]
    answer = client.post("/v3/scan", json=REQUEST, headers={"Authorization": f"Bearer {key}"})
    if answer.status_code == 429:
        assert int(answer.headers["retry-after"]) >= 1
        assert answer.headers["x-rate-limit-remaining"] == "0"


def test_answers_carry_rate_and_quota(client: TestClient, auth: dict[str, str]) -> None:
    answer = client.post("/v3/scan", json=REQUEST, headers=auth)
    assert int(answer.headers["x-rate-limit-remaining"]) == 4999
    assert int(answer.headers["x-quota-remaining"]) > 0
    end = datetime.fromisoformat(answer.headers["x-quota-period-end"])
    assert end > datetime.now(UTC)


def test_why_a_key_is_refused_is_counted_in_fixed_words(api: Api, runtime: Runtime, client: TestClient) -> None:
    ended = {"revoked": timedelta(days=1), "expired": timedelta(seconds=-1)}
    texts = {name: issuing.create(runtime, tenant="acme", name=name, actor="test", lifetime=ended[name]).text
             for name in ended}  # fmt: skip
    issuing.revoke(runtime, keys.key_id(keys.digest(texts["revoked"])), actor="test")
    texts |= {"malformed": "CANARY", "unknown": keys.new_key("eu")}
    for text in texts.values():
        for _ in range(2):
            assert call(client, text) == (401, 40100)
    client.post("/v3/scan", json=REQUEST)
    said = api.platform.metrics.render().decode()
    for reason in texts:
        assert f'connectors_api_refusals_total{{reason="{reason}"}} 2.0' in said
    assert 'connectors_api_refusals_total{reason="no_key"} 1.0' in said
    assert "CANARY" not in said


def test_answers_are_counted_by_the_template_of_their_path(
    api: Api, client: TestClient, key: str, auth: dict[str, str]
) -> None:
    call(client, key)
    for _ in range(2):
        client.get(f"/v3/upload/{uuid4()}", headers=auth)
        client.get(f"/api/v1/findings/{uuid4()}", headers=auth)
        client.get(f"/v3/CANARY-{uuid4()}", headers=auth)
    client.request("CANARY", "/v3/scan")
    api.platform.gate.recorder.flush()
    said = api.platform.metrics.render().decode()
    for line in (
        'answers_total{method="POST",route="/v3/scan",status="200"} 1.0',
        'answers_total{method="GET",route="/v3/upload/{upload_id}",status="404"} 2.0',
        'answers_total{method="GET",route="/api/v1/findings/{finding_id}",status="404"} 2.0',
        'answers_total{method="GET",route="other",status="404"} 2.0',
        'seconds_count{method="POST",route="/v3/scan"} 1.0',
        'log_lines_total{outcome="written"} 5.0',
        "log_waiting 0.0",
        'quota_bytes{tenant="acme"} ',
    ):
        assert f"connectors_api_{line}" in said
    assert "CANARY" not in said


def test_a_used_up_quota_is_refused_and_says_until_when(runtime: Runtime, client: TestClient, key: str) -> None:
    issuing.set_tier(runtime, "acme", tier="internal", monthly_bytes=len(REQUEST["payload"][0]) + 1)
    assert call(client, key) == (200, 0)
    answer = client.post("/v3/scan", json=REQUEST, headers={"Authorization": f"Bearer {key}"})
    assert (answer.status_code, answer.json()["code"]) == (429, 42901)
    assert answer.headers["x-quota-remaining"] == "1"
    assert int(answer.headers["retry-after"]) >= 1


def test_nodes_together_never_spend_more_than_the_quota(runtime: Runtime, key: str) -> None:
    allowance = 3 * LARGEST
    issuing.set_tier(runtime, "acme", tier="internal", monthly_bytes=allowance)
    ring = KeyRing(runtime.databases, frozenset({"eu"}), now=runtime.now)
    record = ring.look_up(key)
    assert record is not None

    async def spend() -> int:
        nodes = [Blocks(runtime.databases, now=runtime.now) for _ in range(3)]
        spent = 0
        for turn in range(600):
            if (await nodes[turn % 3].spend(record, 500_000)).allowed:
                spent += 500_000
        for node in nodes:
            await node.give_back()
        return spent

    spent = asyncio.run(spend())
    assert spent <= allowance
    taken = runtime.databases.of("eu").read(lambda c: quotas.taken(c, residency="eu", tenant="acme", now=runtime.now()))
    assert taken == spent


def test_a_new_month_begins_with_a_full_quota(runtime: Runtime, key: str) -> None:
    moment = datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)
    database = runtime.databases.of("eu")

    def take(now: datetime, amount: int) -> tuple[int, int]:
        return database.run(
            lambda c: quotas.take(c, database, residency="eu", tenant="acme", amount=amount, allowance=100, now=now)
        )

    assert take(moment, 70) == (70, 30)
    assert take(moment, 70) == (30, 0)
    assert take(moment, 1) == (0, 0)
    assert take(moment + timedelta(seconds=1), 70) == (70, 30)
    assert quotas.period_end(moment) == datetime(2027, 1, 1, tzinfo=UTC)


def test_every_answered_request_is_logged_once_without_content(
    api: Api, runtime: Runtime, client: TestClient, auth: dict[str, str]
) -> None:
    for _ in range(3):
        client.post("/v3/scan", json=REQUEST, headers=auth)
    client.post("/v3/scan", json={"payload": []}, headers=auth)
    recorder = api.platform.gate.recorder
    recorder.flush()
    recorder.flush()
    database = runtime.databases.of("eu")
    rows = database.read(lambda c: c.execute(sa.select(request_log)).all())
    assert sorted((row.status, row.code, row.findings) for row in rows) == [
        (200, 0, 1), (200, 0, 1), (200, 0, 1), (400, 40002, 0),
    ]  # fmt: skip
    assert "CANARY" not in repr(rows)
    [counted] = database.read(lambda c: c.execute(sa.select(usage)).all())
    assert (counted.requests, counted.errors, counted.findings) == (4, 1, 3)
    assert counted.bytes == 3 * len(REQUEST["payload"][0])


def test_the_log_waits_for_a_database_that_is_away(
    api: Api, runtime: Runtime, client: TestClient, auth: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    client.post("/v3/scan", json=REQUEST, headers=auth)
    recorder = api.platform.gate.recorder
    database = runtime.databases.of("eu")

    def away(*_: object, **__: object) -> None:
        raise StoreUnavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(database, "run", away)
        recorder._attempt(recorder.flush)
    recorder.flush()
    assert len(database.read(lambda c: c.execute(sa.select(request_log)).all())) == 1


def test_a_batch_that_is_written_twice_counts_once(
    api: Api, runtime: Runtime, client: TestClient, auth: dict[str, str]
) -> None:
    from connectors.store import requests

    client.post("/v3/scan", json=REQUEST, headers=auth)
    recorder = api.platform.gate.recorder
    batch = list(recorder._waiting)
    database = runtime.databases.of("eu")
    for _ in range(2):
        database.run(lambda c: requests.write(c, database, batch))
    assert database.read(lambda c: c.execute(sa.select(usage.c.requests)).scalar()) == len(batch) == 1


def test_a_fault_of_ours_is_an_error_body_without_content(
    api: Api, client: TestClient, auth: dict[str, str], monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    def broken(*_: object) -> None:
        raise ValueError(REQUEST["payload"][0])

    monkeypatch.setattr(api.platform.detectors, "matches", broken)
    answer = client.post("/v3/scan", json=REQUEST, headers=auth)
    assert (answer.status_code, answer.json()["code"]) == (500, 50000)
    said = capsys.readouterr()
    assert "CANARY" not in answer.text + said.out + said.err
    assert "ValueError" in said.out + said.err


def test_a_database_that_is_away_is_a_503_and_known_keys_close_in_time(
    api: Api, runtime: Runtime, client: TestClient, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = runtime.databases.of("eu")

    def away(*_: object, **__: object) -> None:
        raise StoreUnavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(database, "read", away)
        assert call(client, key) == (503, 50300)
    assert call(client, key) == (200, 0)
    ring = api.platform.gate.ring
    late = ring._clock() + TRUSTED + 1
    with monkeypatch.context() as patch:
        patch.setattr(database, "read", away)
        patch.setattr(ring, "_clock", lambda: late)
        assert call(client, key) == (503, 50300)
