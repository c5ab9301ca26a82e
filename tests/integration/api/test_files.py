"""Uploads: chunks in any order, lies refused, scanned by a job, gone afterwards, told by a signed webhook."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from connectors.api import files, issuing
from connectors.api.jobs import HANDLERS
from connectors.config.models import UploadSettings
from connectors.errors import Transient
from connectors.metrics import Metrics
from connectors.runtime import Runtime
from connectors.store import uploads
from connectors.store.jobs import arguments
from connectors.store.leases import Queue
from connectors.store.tables.intake import job
from connectors.store.tables.platform import upload as table
from connectors.store.tables.platform import upload_piece
from connectors.work.job import JobRun

TEXT = b"card,owner\n4012888888881881,ann\n" + b"x,y\n" * 200
RULES = [{"detectors": [{"nightfallDetector": "CREDIT_CARD_NUMBER"}]}]


class Receiver:
    """A webhook on loopback that keeps what it got; `echo` says whether it answers challenges."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.echo = True
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append(({k.lower(): v for k, v in self.headers.items()}, body))
                challenge = json.loads(body).get("challenge", "") if receiver.echo else ""
                self.send_response(200)
                self.end_headers()
                self.wfile.write(challenge.encode())

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "CHUNK", 300)
    monkeypatch.setattr(files, "PIECE", 128)


def begin(client: TestClient, auth: dict[str, str], size: int = len(TEXT), kind: str = "text/csv") -> Any:
    answer = client.post("/v3/upload", json={"fileSizeBytes": size, "mimeType": kind}, headers=auth)
    assert answer.status_code == 200, answer.text
    return answer.json()


def send(client: TestClient, auth: dict[str, str], which: str, offset: int | str, body: bytes) -> Any:
    headers = auth | {"X-UPLOAD-OFFSET": str(offset), "Content-Type": "application/json"}
    return client.patch(f"/v3/upload/{which}", content=body, headers=headers)


def upload(client: TestClient, auth: dict[str, str], content: bytes = TEXT, kind: str = "text/csv") -> str:
    started = begin(client, auth, len(content), kind)
    size = started["chunkSize"]
    for offset in reversed(range(0, len(content), size)):
        assert send(client, auth, started["id"], offset, content[offset : offset + size]).status_code == 204
    assert client.post(f"/v3/upload/{started['id']}/finish", headers=auth).status_code == 200
    return str(started["id"])


def scan(client: TestClient, auth: dict[str, str], which: str, **policy: Any) -> Any:
    request = {"policy": {"detectionRules": RULES, **policy}, "requestMetadata": "mine"}
    return client.post(f"/v3/upload/{which}/scan", json=request, headers=auth)


def test_a_tenant_has_only_so_much_waiting(runtime: Runtime, client: TestClient, auth: dict[str, str]) -> None:
    bounds = runtime.config.api.model_copy(update={"uploads": UploadSettings(files=3, bytes=100)})
    runtime.config = runtime.config.model_copy(update={"api": bounds})

    def begin(size: int) -> Any:
        return client.post("/v3/upload", json={"fileSizeBytes": size}, headers=auth)

    first = begin(40)
    assert first.status_code == 200
    assert begin(40).status_code == 200
    answer = begin(21)
    assert (answer.status_code, answer.json()["code"]) == (429, 42902)
    assert "3 files of 100 bytes" in answer.json()["description"]
    assert int(answer.headers["retry-after"]) > 0
    assert begin(20).status_code == 200
    assert begin(0).json()["code"] == 42902
    upload = UUID(first.json()["id"])
    database = runtime.databases.of("eu")
    database.run(lambda c: c.execute(sa.update(table).where(table.c.id == upload).values(state="done")))
    assert begin(40).status_code == 200


def test_uploads_that_begin_together_keep_the_bound(runtime: Runtime, key: str) -> None:
    database, now = runtime.databases.of("eu"), runtime.now()
    bounds = uploads.Bounds(files=2, bytes=10**6)

    def begin(_number: int) -> bool:
        until = now + timedelta(hours=1)
        new = uploads.Upload("eu", uuid4(), "acme", uuid4(), "open", 10, 10, "", None, "", until)
        return database.run(lambda c: uploads.begin(c, database, new, bounds=bounds, now=now))

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(begin, range(8))) == 2


def work(runtime: Runtime) -> None:
    """Do the platform's jobs as a worker does, until there is none."""
    database = runtime.databases.of("eu")
    for _ in range(10):
        rows = [row._asdict() for row in database.read(lambda c: c.execute(sa.select(job)).all())]
        if not rows:
            return
        for row in rows:
            run = JobRun(
                runtime, "eu", Queue(job, "eu", row["queue"]), row, arguments(row, runtime.vault),
                connectors=None, trouble=None, metrics=Metrics(), stopping=threading.Event(),  # type: ignore[arg-type]
            )  # fmt: skip
            ended = HANDLERS[row["queue"]](run)

            def end(connection: sa.Connection, row: Any = row, ended: Any = ended) -> None:
                if ended.effects:
                    ended.effects(connection)
                connection.execute(sa.delete(job).where(job.c.id == row["id"]))

            database.run(end)


def test_a_file_is_scanned_told_about_and_gone(
    runtime: Runtime, client: TestClient, auth: dict[str, str], receiver: Receiver
) -> None:
    which = upload(client, auth)
    answer = scan(client, auth, which, alertConfig={"url": {"address": receiver.url}})
    assert answer.json() == {"id": which, "message": "scan initiated"}
    work(runtime)
    (challenge_headers, _), (headers, body) = receiver.got
    told = json.loads(body)
    assert told["uploadID"] == which
    assert told["findingsPresent"] is True
    assert told["requestMetadata"] == "mine"
    secret = issuing.signing_secret(runtime, "acme")
    message = f"{headers['x-nightfall-timestamp']}:".encode() + body
    assert headers["x-nightfall-signature"] == hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()
    assert challenge_headers["x-nightfall-signature"]
    parts = urlsplit(told["findingsURL"])
    [finding] = client.get(f"{parts.path}?{parts.query}").json()["findings"]
    assert finding["finding"] == "4012888888881881"
    assert finding["location"]["rowRange"] == {"start": 2, "end": 2}
    assert finding["location"]["columnRange"] == {"start": 1, "end": 1}
    assert runtime.databases.of("eu").read(lambda c: c.execute(sa.select(upload_piece)).all()) == []
    assert client.get(f"/v3/upload/{which}", headers=auth).json()["state"] == "done"


def test_a_clean_file_is_told_about_too(
    runtime: Runtime, client: TestClient, auth: dict[str, str], receiver: Receiver
) -> None:
    scan(client, auth, upload(client, auth, b"nothing here"), webhookURL=receiver.url)
    work(runtime)
    assert json.loads(receiver.got[-1][1])["findingsPresent"] is False


def test_without_the_challenge_nothing_is_told(
    runtime: Runtime, client: TestClient, auth: dict[str, str], receiver: Receiver
) -> None:
    receiver.echo = False
    scan(client, auth, upload(client, auth), webhookURL=receiver.url)
    with pytest.raises(Transient, match="challenge"):
        work(runtime)
    assert len(receiver.got) == 1
    assert "findingsURL" not in receiver.got[0][1].decode()


def test_a_changed_findings_url_opens_nothing(
    runtime: Runtime, client: TestClient, auth: dict[str, str], receiver: Receiver
) -> None:
    scan(client, auth, upload(client, auth), webhookURL=receiver.url)
    work(runtime)
    parts = urlsplit(json.loads(receiver.got[-1][1])["findingsURL"])
    for changed in (
        f"{parts.path}?{parts.query}x",
        f"/v3/findings/{UUID(int=7)}?{parts.query}",
        f"{parts.path}?{parts.query.replace('expires=', 'expires=9')}",
    ):
        assert client.get(changed).status_code == 404


def test_a_findings_url_closes_after_a_day(
    runtime: Runtime, client: TestClient, auth: dict[str, str], receiver: Receiver
) -> None:
    scan(client, auth, upload(client, auth), webhookURL=receiver.url)
    work(runtime)
    said = json.loads(receiver.got[-1][1])
    url = said["findingsURL"].partition("//")[2].partition("/")[2]
    until = datetime.fromisoformat(said["validUntil"])
    assert until - runtime.now() > timedelta(hours=23)
    runtime.now = lambda: until - timedelta(minutes=1)
    assert client.get(f"/{url}").status_code == 200
    runtime.now = lambda: until
    answer = client.get(f"/{url}")
    assert (answer.status_code, answer.json()["code"]) == (404, 40400)
    assert "expired" in answer.json()["description"]


def test_uploads_rest_encrypted(runtime: Runtime, client: TestClient, auth: dict[str, str]) -> None:
    upload(client, auth)
    rows = runtime.databases.of("eu").read(lambda c: c.execute(sa.select(upload_piece)).all())
    assert len(rows) > 3
    assert all(b"4012888888881881" not in row.body for row in rows)
    if runtime.databases.of("eu").dialect != "sqlite":
        return
    file = runtime.folder / "connectors.db"
    assert b"4012888888881881" not in file.read_bytes() + file.with_name("connectors.db-wal").read_bytes()


def test_an_upload_tells_what_has_arrived_and_a_chunk_may_come_twice(client: TestClient, auth: dict[str, str]) -> None:
    started = begin(client, auth)
    send(client, auth, started["id"], 300, TEXT[300:600])
    send(client, auth, started["id"], 300, TEXT[300:600])
    assert client.get(f"/v3/upload/{started['id']}", headers=auth).json()["received"] == [{"start": 300, "end": 600}]
    answer = client.post(f"/v3/upload/{started['id']}/finish", headers=auth)
    assert (answer.status_code, answer.json()["code"]) == (409, 40900)


def test_an_empty_file_needs_no_chunks(client: TestClient, auth: dict[str, str]) -> None:
    started = begin(client, auth, 0)
    assert client.post(f"/v3/upload/{started['id']}/finish", headers=auth).status_code == 200


@pytest.mark.parametrize(
    ("offset", "body"),
    [(1, TEXT[:300]), (900, b"x"), (3000, b"x"), (-300, b"x"), ("many", b"x"), (0, b"short"), (0, TEXT[:301]),
     (2**70, b"x")],
)  # fmt: skip
def test_a_lying_chunk_is_refused(client: TestClient, auth: dict[str, str], offset: int | str, body: bytes) -> None:
    answer = send(client, auth, begin(client, auth)["id"], offset, body)
    assert (answer.status_code, answer.json()["code"]) == (400, 40005)


def test_two_gigabytes_are_refused_before_they_come(client: TestClient, auth: dict[str, str]) -> None:
    answer = client.post("/v3/upload", json={"fileSizeBytes": 2 * 2**30}, headers=auth)
    assert (answer.status_code, answer.json()["code"]) == (400, 40007)


def test_a_finished_upload_takes_no_chunk_and_is_scanned_once(client: TestClient, auth: dict[str, str]) -> None:
    which = upload(client, auth)
    assert send(client, auth, which, 0, TEXT[:300]).json()["code"] == 40900
    assert scan(client, auth, which).status_code == 200
    assert scan(client, auth, which).json()["code"] == 40900


def test_an_upload_of_another_tenant_is_not_there(client: TestClient, auth: dict[str, str], make_key) -> None:  # type: ignore[no-untyped-def]
    which = upload(client, auth)
    other = {"Authorization": f"Bearer {make_key('globex')}"}
    assert client.get(f"/v3/upload/{which}", headers=other).status_code == 404
    assert scan(client, other, which).status_code == 404


def test_a_zip_bomb_ends_as_an_error_in_the_result(
    runtime: Runtime, client: TestClient, auth: dict[str, str], receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    import io
    import zipfile

    monkeypatch.setattr(files, "CHUNK", 2**20)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("words.txt", b"word " * (12 * 2**20))
    which = upload(client, auth, packed.getvalue(), "application/zip")
    scan(client, auth, which, webhookURL=receiver.url)
    work(runtime)
    told = json.loads(receiver.got[-1][1])
    assert told["errors"][0]["reason"] == "budget"
