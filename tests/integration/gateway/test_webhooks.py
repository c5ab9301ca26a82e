"""What a webhook gets: an answer after it is durable; what is not proven leaves no trace but a metric."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest
import requests

ON_SQLITE = pytest.mark.parametrize("dialect", ["sqlite"])


def untouched(gate: Any) -> bool:
    return not any(gate.rows(table) for table in ("delivery", "inbox", "ledger", "gap"))


def test_a_signed_message_is_stored_once_and_answered(gate: Any) -> None:
    webhook = gate.message()
    for _ in range(2):
        assert gate.post(webhook).status_code == 200
    (delivery,) = gate.rows("delivery")
    assert (delivery["state"], delivery["events"], delivery["body"]) == ("accepted", 1, None)
    assert len(gate.rows("inbox")) == 1
    assert gate.metric("acme-slack", "accepted") == 2


def test_deliveries_at_the_same_time_are_each_stored_once(gate: Any) -> None:
    webhooks = [gate.message(f"message {number}") for number in range(12)]
    answers: list[int] = []
    threads = [
        threading.Thread(target=lambda w=webhook: answers.append(gate.post(w).status_code))  # type: ignore[misc]
        for webhook in webhooks * 2
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 24
    assert len(gate.rows("delivery")) == len(gate.rows("inbox")) == 12


@ON_SQLITE
@pytest.mark.parametrize("headers", [
    {"x_slack_signature": "v0=" + "0" * 64}, {"x_slack_signature": None}, {"x_slack_signature": ""},
    {"x_slack_request_timestamp": None}, {"x_slack_request_timestamp": "soon"},
])  # fmt: skip
def test_what_is_not_proven_is_refused(gate: Any, headers: dict[str, str | None]) -> None:
    assert gate.post(gate.message(), **headers).status_code == 401
    assert untouched(gate)
    assert gate.metric("acme-slack", "unverified") == 1


@ON_SQLITE
@pytest.mark.parametrize("skew", [-3600, 3600])
def test_a_stale_or_future_timestamp_is_refused(gate: Any, skew: int) -> None:
    _, body = gate.message()
    assert gate.post(gate.slack.sign(body, at=time.time() + skew)).status_code == 401
    assert untouched(gate)


@ON_SQLITE
def test_a_changed_body_is_refused(gate: Any) -> None:
    headers, body = gate.message()
    assert gate.post((headers, body + b" ")).status_code == 401
    assert untouched(gate)


@ON_SQLITE
@pytest.mark.parametrize("name", ["nobody", "no-secret", "switched-off", "%2e%2e", "acme-slack%00"])
def test_an_unknown_connection_is_not_there_and_its_name_is_no_label(gate: Any, name: str) -> None:
    assert gate.post(gate.message(), name).status_code == 404
    assert untouched(gate)
    assert gate.metric("unknown", "unknown_connection") == 1
    assert name not in gate.get("/metrics").text


@ON_SQLITE
def test_only_posts_are_taken(gate: Any) -> None:
    assert gate.get("/webhooks/acme-slack").status_code == 405


@ON_SQLITE
def test_a_body_over_the_limit_is_refused_whether_it_says_so_or_not(gate: Any) -> None:
    headers, body = gate.slack.sign(b"x" * 20_001)
    assert gate.post((headers, body)).status_code == 413
    url = f"{gate.installation.url}/webhooks/acme-slack"
    parts = (body[start : start + 1000] for start in range(0, len(body), 1000))
    assert requests.post(url, data=parts, headers=headers, timeout=10).status_code == 413
    assert untouched(gate)
    assert gate.metric("acme-slack", "too_large") == 2


@ON_SQLITE
def test_slack_gets_its_challenge_back_and_nothing_is_stored(gate: Any) -> None:
    answer = gate.post(gate.slack.sign({"type": "url_verification", "challenge": "c-123"}))
    assert (answer.status_code, "c-123" in answer.text) == (200, True)
    assert untouched(gate)


@ON_SQLITE
def test_github_pings_in_json_and_in_forms(gate: Any) -> None:
    for form in (False, True):
        ping = gate.github.sign({"zen": "Keep it simple.", "hook_id": 1}, form=form)
        assert gate.post(ping, "acme-github").status_code == 200
    assert untouched(gate)
    assert gate.metric("acme-github", "ignored") == 2


@ON_SQLITE
def test_a_proven_body_that_is_no_json_is_kept_as_failed(gate: Any) -> None:
    webhook = gate.slack.sign(b"{swordfish")
    assert gate.post(webhook).status_code == 200
    assert gate.post(webhook).status_code == 200
    (delivery,) = gate.rows("delivery")
    assert delivery["state"] == "failed"
    assert delivery["reason"]
    assert "swordfish" not in delivery["reason"]
    assert b"swordfish" not in delivery["body"]
    assert gate.rows("inbox") == []
    assert gate.metric("acme-slack", "failed") == 2


@ON_SQLITE
def test_a_failed_delivery_is_replayed_when_its_plugin_is_repaired(gate: Any, monkeypatch: Any) -> None:
    from connectors.errors import ConnectorsError, Malformed, NotFound
    from connectors.gateway.replay import replay_delivery
    from connectors_slack.connector import SlackConnector

    repaired = SlackConnector.receive

    def broken(*_args: Any) -> Any:
        raise Malformed("not understood yet")

    monkeypatch.setattr(SlackConnector, "receive", broken)
    assert gate.post(gate.message()).status_code == 200
    identity = str(gate.rows("delivery")[0]["id"])
    with pytest.raises(ConnectorsError, match="not understood"):
        replay_delivery(gate.runtime, identity[:8])
    monkeypatch.setattr(SlackConnector, "receive", repaired)
    assert "1 events" in replay_delivery(gate.runtime, identity[:8])
    assert sorted(row["state"] for row in gate.rows("delivery")) == ["accepted", "replayed"]
    assert len(gate.rows("inbox")) == 1
    with pytest.raises(NotFound):
        replay_delivery(gate.runtime, identity[:8])


@ON_SQLITE
def test_a_bug_in_a_plugin_is_500_so_that_the_app_sends_it_again(gate: Any, monkeypatch: Any) -> None:
    from connectors_slack.connector import SlackConnector

    def bug(*_args: Any) -> Any:
        raise KeyError("swordfish")

    webhook = gate.message()
    with monkeypatch.context() as patch:
        patch.setattr(SlackConnector, "receive", bug)
        answer = gate.post(webhook)
    assert (answer.status_code, answer.text) == (500, "")
    assert untouched(gate)
    assert gate.metric("acme-slack", "plugin_fault") == 1
    assert gate.post(webhook).status_code == 200
    assert len(gate.rows("inbox")) == 1


@ON_SQLITE
def test_half_an_emoji_and_nul_are_taken_as_they_are(gate: Any) -> None:
    headers, body = gate.message("cut \ud83d here \x00")
    assert b"\\ud83d" in body
    assert gate.post((headers, body)).status_code == 200
    assert len(gate.rows("inbox")) == 1


@ON_SQLITE
def test_one_delivery_that_cannot_be_stored_does_not_take_others_with_it(gate: Any) -> None:
    import asyncio

    from connectors.errors import StoreUnavailable
    from connectors.gateway.intake import Intake

    stored: list[Any] = []

    class Sink:
        def write(self, arrivals: Any) -> None:
            if "poison" in arrivals:
                raise ValueError
            stored.extend(arrivals)

    async def deliver() -> list[Any]:
        intake = Intake(Sink())
        names: Any = ["a", "poison", "b", "c"]
        answers = await asyncio.gather(*(intake.accept(name) for name in names), return_exceptions=True)
        intake.close()
        return answers

    answers = asyncio.run(deliver())
    assert sorted(stored) == ["a", "b", "c"]
    assert [type(answer) for answer in answers] == [type(None), StoreUnavailable, type(None), type(None)]


@ON_SQLITE
def test_a_database_that_is_away_is_503_and_comes_back_without_a_restart(gate: Any, monkeypatch: Any) -> None:
    from connectors.errors import StoreUnavailable

    def away(*_args: Any, **_options: Any) -> Any:
        raise StoreUnavailable("gone")

    webhook = gate.message()
    with monkeypatch.context() as patch:
        patch.setattr(gate.database, "run", away)
        patch.setattr(gate.database, "ping", away)
        answer = gate.post(webhook)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        assert gate.get("/readyz").status_code == 503
        assert gate.get("/healthz").status_code == 200
    assert gate.post(webhook).status_code == 200
    assert gate.get("/readyz").json() == {"ready": True, "problems": []}
    assert len(gate.rows("inbox")) == 1
    assert gate.metric("acme-slack", "unavailable") == 1


@pytest.mark.parametrize("dialect", [pytest.param("postgresql", marks=pytest.mark.postgres)])
def test_a_server_that_throws_everybody_out_is_503_until_it_lets_them_in(
    gate: Any, database_url: str, postgresql_server: str
) -> None:
    import sqlalchemy as sa

    name = sa.make_url(database_url).database
    admin = sa.make_url(postgresql_server).set(drivername="postgresql+psycopg")
    engine = sa.create_engine(admin, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    webhook = gate.message()
    with engine.connect() as connection:
        connection.exec_driver_sql(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        kick = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        try:
            connection.exec_driver_sql(kick)
            assert gate.post(webhook).status_code == 503
            assert gate.get("/readyz").status_code == 503
        finally:
            connection.exec_driver_sql(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    assert gate.post(webhook).status_code == 200
    assert len(gate.rows("inbox")) == 1


@ON_SQLITE
def test_metrics_are_prometheus_text(gate: Any) -> None:
    gate.post(gate.message())
    text = gate.get("/metrics").text
    assert 'connectors_deliveries_total{connection="acme-slack",outcome="accepted"} 1.0' in text
    assert "connectors_accept_seconds_count 1.0" in text


@ON_SQLITE
def test_what_the_inbox_keeps_is_the_message(gate: Any) -> None:
    from connectors.store.inbox import open_event

    gate.post(gate.message("lunch?"))
    event = open_event(gate.rows("inbox")[0], gate.runtime.vault)
    assert event.resource.container.id == gate.channel
    assert "lunch?" in json.dumps(event.payload)
