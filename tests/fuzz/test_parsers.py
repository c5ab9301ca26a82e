"""Every parser of outside bytes: whatever comes in, what comes out is a value or the error that says so."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
import sqlalchemy as sa

from connectors.api.issuing import create
from connectors.config import parse_config
from connectors.dashboard.secrets import make_link, read_link
from connectors.detection.gitleaks import load_gitleaks
from connectors.errors import ConfigError, Malformed, Unverified
from connectors.extraction import Budget
from connectors.extraction.items import Inner
from connectors.extraction.walk import walk
from connectors.model import Delivery
from connectors.runtime import Runtime
from connectors.store.codec import decode_event
from connectors.store.inbox import Arrival, prepare
from connectors.store.keys import SCOPES
from connectors.store.search import QueryError, search
from connectors.store.tables.intake import delivery as delivery_table
from connectors.store.tables.intake import inbox as inbox_table
from connectors.testing import documents
from connectors.testing.installation import Installation
from connectors.vault import Vault, new_key
from connectors.work.context import Connections

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 3, 1, tzinfo=UTC)
SECRET = "secret"  # of a test, for itself
FIXTURES = ROOT / "fixtures"

CONFIG = f"""
residency: eu
tenants: {{acme: {{residency: eu, tier: internal}}}}
connections:
  slack: {{connector: slack, tenant: acme, config: {{token: xoxb-none, webhook_secret: {SECRET}}}}}
  github: {{connector: github, tenant: acme, config: {{token: none, webhook_secret: {SECRET}}}}}
  jira: {{connector: jira, tenant: acme, config: {{url: "https://acme.example", email: a@acme.example, token: none,
                                                  webhook_secret: {SECRET}}}}}
  confluence: {{connector: confluence, tenant: acme, config: {{url: "https://acme.example", email: a@acme.example,
                                                              token: none, webhook_secret: {SECRET}}}}}
"""


def signature(body: bytes) -> str:
    return "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()


def slack_headers(body: bytes) -> dict[str, str]:
    stamp = str(int(time.time()))
    digest = hmac.new(SECRET.encode(), f"v0:{stamp}:".encode() + body, hashlib.sha256).hexdigest()
    return {"x-slack-request-timestamp": stamp, "x-slack-signature": f"v0={digest}", "content-type": "application/json"}


def hub_headers(body: bytes) -> dict[str, str]:
    return {"content-type": "application/json", "x-hub-signature": signature(body)}


def github_headers(kind: str) -> Callable[[bytes], dict[str, str]]:
    return lambda body: {
        "content-type": "application/json", "x-hub-signature-256": signature(body),
        "x-github-event": kind, "x-github-delivery": "0f0f",
    }  # fmt: skip


APPS: dict[str, Callable[[bytes], dict[str, str]]] = {
    "slack": slack_headers,
    "jira": hub_headers,
    "confluence": hub_headers,
    **{f"github-{kind}": github_headers(kind) for kind in ("push", "issues", "pull_request", "discussion", "gollum")},
}


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    folder = tmp_path_factory.mktemp("runtime")
    made = Runtime.open(parse_config(CONFIG, folder=folder), folder=folder)
    yield made
    made.close()


def storable(table: sa.Table, row: Any) -> None:
    """Fail for what a server would refuse and SQLite takes: too long, or too large a number."""
    for column in table.c:
        value = row.get(column.name)
        if isinstance(column.type, sa.String) and column.type.length and isinstance(value, str):
            assert len(value) <= column.type.length, f"{column} is too long"
        if isinstance(column.type, sa.BigInteger) and isinstance(value, int):
            assert -(2**63) <= value < 2**63, f"{column} is too large"


@pytest.mark.parametrize("name", APPS)
def test_webhooks(fuzzer: Any, runtime: Runtime, name: str) -> None:
    app, _, kind = name.partition("-")
    connector: Any = Connections(runtime).get(app)

    def receive(body: bytes) -> None:
        try:
            receipt = connector.receive(Delivery(app, APPS[name](body), body), datetime.now(UTC))
        except (Malformed, Unverified):
            return
        arrival = Arrival("eu", "acme", app, receipt.delivery_id or "x", NOW, receipt.events, receipt.failure)
        prepared = prepare(arrival, vault=runtime.vault, shards=8)
        storable(delivery_table, prepared.delivery)
        for row in prepared.events:
            storable(inbox_table, row)

    shapes = sorted((FIXTURES / app).glob(f"{kind}*.json"))
    fuzzer.run(f"webhook-{name}", receive, seeds=tuple(path.read_bytes() for path in shapes), rounds=300)


@pytest.mark.parametrize("app", ["jira", "confluence"])
def test_signed_tokens(fuzzer: Any, runtime: Runtime, app: str) -> None:
    connector: Any = Connections(runtime).get(app)
    body = b'{"webhookEvent": "jira:issue_updated"}'

    def receive(token: bytes) -> None:
        headers = {"content-type": "application/json", "authorization": "Bearer " + token.decode("latin-1")}
        with pytest.raises(Unverified):
            connector.receive(Delivery(app, headers, body), NOW)

    token = b"eyJhbGciOiJub25lIn0.eyJpc3MiOiJhIiwiZXhwIjo5OTk5OTk5OTk5fQ."
    fuzzer.run("jwt", receive, seeds=(token, token + b"AAAA", b"a.b.c", b""))


def test_configurations(fuzzer: Any, tmp_path: Path) -> None:
    def load(data: bytes) -> None:
        try:
            parse_config(data.decode("utf-8", "replace"), folder=tmp_path, environ={})
        except ConfigError:
            return

    fuzzer.run("config", load, seeds=(CONFIG.encode(), (ROOT / "config.example.yaml").read_bytes()), rounds=100)


def test_gitleaks_configurations(fuzzer: Any, tmp_path: Path) -> None:
    file = tmp_path / "gitleaks.toml"

    def load(data: bytes) -> None:
        file.write_bytes(data)
        try:
            load_gitleaks(file)
        except ConfigError:
            return

    fuzzer.run("gitleaks", load)


def test_searches(fuzzer: Any) -> None:
    def find(data: bytes) -> None:
        try:
            search(data.decode("utf-8", "replace"), NOW)
        except QueryError:
            return

    fuzzer.run("search", find, rounds=1500)


def test_links(fuzzer: Any) -> None:
    vault = Vault([new_key()], new_key())
    good = make_link(vault, "review", {"finding": "1"}, datetime(2099, 1, 1, tzinfo=UTC))

    def read(data: bytes) -> None:
        token = data.decode("utf-8", "replace")
        if token.partition(".")[2] == good.partition(".")[2]:
            return  # another spelling of the same text in base64
        with pytest.raises(Unverified):
            read_link(vault, "review", token, NOW)

    fuzzer.run("link", read, seeds=(good.encode(), b"e30.x", b"."), rounds=1000)


def test_kafka_records(fuzzer: Any) -> None:
    from connectors.work.kafka.messages import decode

    def read(data: bytes) -> None:
        try:
            row = decode(b"sealed", data, residency="eu", shards=8)
        except ValueError:
            return
        storable(inbox_table, row)

    seed = {
        "residency": "eu", "id": "7" * 32, "tenant": "acme", "connection": "slack", "source": "webhook",
        "kind": "upsert", "partition": "", "generation": 0, "resource_key": "8" * 32, "version": 1,
        "created_at": NOW.isoformat(),
    }  # fmt: skip
    fuzzer.run("kafka", read, seeds=(json.dumps(seed).encode(),), rounds=1000)


def test_stored_events(fuzzer: Any) -> None:
    """They are encrypted at rest, so only an older or a newer version can have written what is odd."""

    def read(data: bytes) -> None:
        try:
            value = json.loads(data)
        except ValueError:
            return
        try:
            decode_event(value)
        except (KeyError, ValueError, TypeError, AttributeError):
            return

    fuzzer.run("event", read)


DOCUMENTS = (
    documents.docx("Hello"),
    documents.xlsx({"S": [["name", "n"], ["Ann", 1]]}),
    documents.pptx("slide", notes=["note"]),
    documents.odt("text"),
    documents.pdf("one", attachment=("a.txt", b"text")),
    documents.png(texts={"Comment": "c"}),
    documents.zip_of({"a.csv": "a,b\n1,2", "b/c.json": '{"a": [1]}'}),
    documents.ole({"WordDocument": b"\xec\xa5" * 2100, "1Table": b"\x02" * 4100}),
    b"From: a@example.test\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nbody\r\n--x--",
    rb"{\rtf1\ansi hello {\b world} \u8364?}",
    b"<html><body><p>text<table><tr><td>1</table>",
    b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff",
    b"\xff\xfea\x00b\x00",
)


def test_documents(fuzzer: Any) -> None:
    """In this process, so that a crash of a parser is seen; the sandbox around it has tests of its own."""
    budget = Budget(seconds=5.0, ocr_pages=0)

    def read(data: bytes) -> None:
        for item in walk(Inner("", data, "file", "", False), budget):
            assert item is not None

    fuzzer.run("document", read, seeds=DOCUMENTS, rounds=250)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Installation, requests.Session]]:
    made = Installation(CONFIG, tmp_path_factory.mktemp("house"))
    with made.running(worker=False):
        session = requests.Session()
        key = create(made.runtime, tenant="acme", name="fuzz", scopes=SCOPES, actor="test").text
        session.headers["Authorization"] = f"Bearer {key}"
        yield made, session
        session.close()


def understood(response: requests.Response) -> None:
    assert response.status_code < 500, response.status_code
    assert response.status_code != 429


@pytest.mark.parametrize("path", ["/v3/scan", "/v3/upload", "/api/v1/policies", "/api/v1/detection-rules"])
def test_bodies_of_the_api(fuzzer: Any, house: tuple[Installation, requests.Session], path: str) -> None:
    installation, session = house
    wanted = {405, 404}
    assert session.post(installation.url + path, data=b"{}", timeout=30).status_code not in wanted
    fuzzer.run(
        "api-scan",
        lambda body: understood(session.post(installation.url + path, data=body, timeout=30)),
        rounds=120,
    )


def test_chunks(fuzzer: Any, house: tuple[Installation, requests.Session]) -> None:
    installation, session = house
    made = session.post(
        f"{installation.url}/v3/upload", json={"fileSizeBytes": 1000, "mimeType": "text/plain"}, timeout=30
    )
    url = f"{installation.url}/v3/upload/{made.json()['id']}"

    def send(offset: bytes) -> None:
        said = offset.decode("latin-1")
        try:
            understood(session.patch(url, data=b"x" * 100, headers={"X-Upload-Offset": said}, timeout=30))
        except requests.exceptions.InvalidHeader:
            return

    fuzzer.run("offset", send, seeds=(b"0", b"100", b"-1", b"1e3", b"99999999999999999999", b"\xb2"))


@pytest.mark.parametrize("path", ["/api/v1/findings", "/api/v1/violations", "/api/v1/deliveries", "/api/v1/requests"])
def test_cursors(fuzzer: Any, house: tuple[Installation, requests.Session], path: str) -> None:
    installation, session = house
    given = {"connection": "slack"} if path.endswith("deliveries") else {}
    assert session.get(installation.url + path, params=given, timeout=30).status_code == 200

    def ask(data: bytes) -> None:
        for name in ("cursor", "q", "limit"):
            understood(session.get(installation.url + path, params={**given, name: data}, timeout=30))

    fuzzer.run("cursor", ask, seeds=(b"", b"MjAyNi0wMy0wMVQwMDowMDowMCswMDowMHwx", b"0", b"open"), rounds=25)
