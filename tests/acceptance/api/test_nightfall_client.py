"""The unmodified PyPI client `nightfall` against a real uvicorn server: texts, files, errors, webhook signature."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
import sqlalchemy as sa
import uvicorn
from nightfall import (
    Confidence,
    DetectionRule,
    Detector,
    LogicalOp,
    MaskConfig,
    Nightfall,
    RedactionConfig,
    Regex,
)
from nightfall.exceptions import NightfallUserError

from connectors.api import create_api, issuing
from connectors.api.jobs import HANDLERS
from connectors.config import parse_config
from connectors.metrics import Metrics
from connectors.runtime import Runtime
from connectors.store.jobs import arguments
from connectors.store.leases import Queue
from connectors.store.tables import metadata
from connectors.store.tables.intake import job
from connectors.work.job import JobRun

CARD = "4012-8888-8888-1881"
CONFIG = """
tenants: {default: {tier: internal}}
api: {allow_webhooks: [127.0.0.1]}
"""


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    made = Runtime.open(parse_config(CONFIG), folder=tmp_path_factory.mktemp("installation"))
    metadata.create_all(made.databases.of("default").engine)
    yield made
    made.close()


@pytest.fixture(scope="module")
def server(runtime: Runtime) -> Iterator[str]:
    config = uvicorn.Config(create_api(runtime), port=0, log_level="error")
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    while not running.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{running.servers[0].sockets[0].getsockname()[1]}"
    running.should_exit = True
    thread.join(timeout=10)


@pytest.fixture
def client(server: str, runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> Nightfall:
    for name in ("TEXT_SCAN_ENDPOINT_V3", "FILE_SCAN_INITIALIZE_ENDPOINT", "FILE_SCAN_UPLOAD_ENDPOINT",
                 "FILE_SCAN_COMPLETE_ENDPOINT", "FILE_SCAN_SCAN_ENDPOINT"):  # fmt: skip
        path = getattr(Nightfall, name).removeprefix(Nightfall.PLATFORM_URL)
        monkeypatch.setattr(Nightfall, name, server + path)
    key = issuing.create(runtime, tenant="default", name="client", actor="test").text
    made = Nightfall(key, issuing.signing_secret(runtime, "default"))
    yield made
    made.session.close()


def rule(*detectors: Detector, **options: Any) -> DetectionRule:
    return DetectionRule(list(detectors), **options)


CARDS = Detector(min_confidence=Confidence.POSSIBLE, nightfall_detector="CREDIT_CARD_NUMBER")


def test_texts_are_scanned_and_redacted(client: Nightfall) -> None:
    redaction = RedactionConfig(
        remove_finding=False,
        mask_config=MaskConfig(masking_char="👀", num_chars_to_leave_unmasked=3, chars_to_ignore=["-"]),
    )
    findings, redacted = client.scan_text(
        [f"{CARD} is my card", "nothing"],
        detection_rules=[rule(CARDS, logical_op=LogicalOp.ANY, name="cards")],
        context_bytes=10,
        default_redaction_config=redaction,
    )
    [[found], nothing] = findings
    assert nothing == []
    assert found.finding == CARD
    assert found.redacted_finding == "401👀-👀👀👀👀-👀👀👀👀-👀👀👀👀"
    assert redacted == ["401👀-👀👀👀👀-👀👀👀👀-👀👀👀👀 is my card", ""]
    assert (found.before_context, found.after_context) == (None, " is my car")
    assert found.byte_range.end == found.codepoint_range.end == 19
    assert found.matched_detection_rules == ["cards"]


def test_own_patterns_are_found(client: Nightfall) -> None:
    staff = Detector(min_confidence=Confidence.LIKELY, regex=Regex(r"EMP-\d{6}", False), display_name="staff")
    findings, _ = client.scan_text(["EMP-123456"], detection_rules=[rule(staff)])
    assert findings[0][0].detector_name == "staff"


def test_a_refusal_is_the_clients_user_error(client: Nightfall) -> None:
    with pytest.raises(NightfallUserError) as refused:
        client.scan_text([CARD], detection_rule_uuids=["00000000-0000-4000-8000-000000000000"])
    assert refused.value.error_code == 42203


def test_a_file_is_scanned_and_its_webhook_is_genuine(
    client: Nightfall, runtime: Runtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    got: list[tuple[dict[str, str], str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            got.append((dict(self.headers.items()), body))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.loads(body).get("challenge", "").encode())

        def log_message(self, *_: object) -> None:
            pass

    hook = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=hook.serve_forever, args=(0.02,), daemon=True).start()
    file = tmp_path / "cards.txt"
    file.write_text(f"one {CARD}\n" * 3)
    which, message = client.scan_file(
        str(file),
        webhook_url=f"http://127.0.0.1:{hook.server_port}/",
        detection_rules=[rule(CARDS)],
        request_metadata="mine",
    )
    assert message == "scan initiated"
    work(runtime)
    hook.shutdown()
    hook.server_close()
    headers, body = got[-1]
    assert client.validate_webhook(headers["X-Nightfall-Signature"], headers["X-Nightfall-Timestamp"], body)
    told = json.loads(body)
    assert (told["uploadID"], told["findingsPresent"], told["requestMetadata"]) == (which, True, "mine")
    assert datetime.fromisoformat(told["validUntil"]) > datetime.now(UTC)
    port = client.TEXT_SCAN_ENDPOINT_V3.removesuffix("/v3/scan")
    path = told["findingsURL"].split("/v3/", 1)[1]
    found = requests.get(f"{port}/v3/{path}", timeout=5).json()["findings"]
    assert [finding["finding"] for finding in found] == [CARD] * 3


def work(runtime: Runtime) -> None:
    """Do the platform's jobs as a worker does, until there is none."""
    database = runtime.databases.of("default")
    while rows := [row._asdict() for row in database.read(lambda c: c.execute(sa.select(job)).all())]:
        for row in rows:
            run = JobRun(
                runtime, "default", Queue(job, "default", row["queue"]), row, arguments(row, runtime.vault),
                connectors=None, trouble=None, metrics=Metrics(), stopping=threading.Event(),  # type: ignore[arg-type]
            )  # fmt: skip
            ended = HANDLERS[row["queue"]](run)

            def end(connection: sa.Connection, row: Any = row, ended: Any = ended) -> None:
                if ended.effects:
                    ended.effects(connection)
                connection.execute(sa.delete(job).where(job.c.id == row["id"]))

            database.run(end)
