"""Measure a worker: small events per second from inbox to recorded findings, and what random kills (-9) cost.

    python bench/worker.py [--events 5000] [--kills 10]

The worker is a process of its own. PostgreSQL is driven through the CockroachDB dialect at SERIALIZABLE. One JSON
line per figure.
"""

import argparse
import json
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import sqlalchemy as sa
from gateway import machine, message, sign
from postgres import postgres

from connectors.config import parse_config
from connectors.model import Delivery
from connectors.runtime import Runtime
from connectors.store import inbox
from connectors.store.inbox import Arrival, prepare
from connectors.store.migrations import upgrade
from connectors.store.tables.findings import finding
from connectors.store.tables.intake import inbox as inbox_table
from connectors.store.tables.intake import job
from connectors.store.tables.routing import alert
from connectors.testing.fakeapps import FakeApps
from connectors.testing.fakeapps.slack import FakeSlack
from connectors.testing.planted import aws_key
from connectors.work.context import Connections

CONFIG = """
database: {{url: "{url}"{level}}}
connections:
  acme:
    connector: slack
    config: {{token: xoxb-bench, webhook_secret: bench-signing-secret, base_url: "{slack}/api/"}}
    sync: {{enabled: false}}
policies:
  - {{name: credentials, detectors: [secret], min_confidence: LIKELY, alert: {alert}}}
destinations:
  receiver:
    kind: webhook
    config:
      url: "http://127.0.0.1:{port}/"
      secret: whsec_YmVuY2gtb25seS1zZWNyZXQtb2YtMzItYnl0ZXMtb2s=
      allow_http: true
    throttle: {{limit: 1000000, per: 1h}}
outbound: {{allow: [127.0.0.0/8]}}
work: {{threads: {threads}, poll: 0.05, lease: {lease}}}
log: {{level: error, format: json}}
"""
RUN = """
import sys
sys.path.insert(0, {bench!r})
import shim
from connectors.cli import main
sys.argv = ["connectors", "--config", {config!r}, "worker"]
main()
"""


class Receiver(BaseHTTPRequestHandler):
    """Takes alerts and counts their ids, as an idempotent receiver would."""

    seen: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        """Remember the alert's id."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.seen.append(self.headers["webhook-id"])
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Stay silent."""


def fill(runtime: Runtime, count: int, *, every: int) -> int:
    """Put events into the inbox, one in `every` with a key in it; return how many keys."""
    connector: Any = Connections(runtime).get("acme")
    database = runtime.databases.of("default")
    planted = 0
    for start in range(0, count, 500):
        prepared = []
        for number in range(start, min(start + 500, count)):
            body = message(number)
            if number % every == 0:
                body = body.replace(b"nothing in it", f"use {aws_key(str(number))} for now".encode())
                planted += 1
            receipt = receive(connector, body)
            arrival = Arrival("default", "default", "acme", receipt.delivery_id, datetime.now(UTC), receipt.events)
            prepared.append(prepare(arrival, vault=runtime.vault, shards=database.shards))
        database.run(lambda c, p=prepared: inbox.accept(database, c, p, now=datetime.now(UTC)))
    return planted


def receive(connector: Any, body: bytes) -> Any:
    """Parse a body as the gateway would."""
    return connector.receive(Delivery("acme", sign(body, int(time.time())), body), datetime.now(UTC))


def left(runtime: Runtime, *, jobs: bool) -> int:
    """Return how much waits."""

    def count(c: sa.Connection) -> int:
        waiting = c.execute(sa.select(sa.func.count()).select_from(inbox_table).where(inbox_table.c.state == "ready"))
        total = int(waiting.scalar_one())
        if jobs:
            alerts = sa.select(sa.func.count()).select_from(job).where(job.c.queue == "alert")
            total += int(c.execute(alerts).scalar_one())
        return total

    return runtime.databases.of("default").read(count)


def start(config: Path) -> subprocess.Popen[bytes]:
    """Start a worker process."""
    code = RUN.format(bench=str(Path(__file__).parent), config=str(config))
    return subprocess.Popen([sys.executable, "-W", "ignore", "-c", code])


def prepared(
    folder: Path, url: str, *, port: int, alerts: str, lease: str, threads: int, slack: str = "http://127.0.0.1:9"
) -> tuple[Path, Runtime]:
    """Write a configuration and open it."""
    level = ", isolation_level: SERIALIZABLE" if url.startswith("cockroachdb") else ""
    text = CONFIG.format(url=url, slack=slack, level=level, port=port, alert=alerts, lease=lease, threads=threads)
    path = folder / "connectors.yaml"
    path.write_text(text)
    runtime = Runtime.open(parse_config(text), folder=folder)
    for database in runtime.databases.all():
        upgrade(database)
    return path, runtime


def throughput(name: str, url: str, events: int) -> dict[str, Any]:
    """Measure one worker process from its first event to its last."""
    with tempfile.TemporaryDirectory() as place:
        config, runtime = prepared(
            Path(place), url or f"sqlite:///{place}/bench.db", port=9, alerts="[]", lease="2m", threads=1
        )
        planted = fill(runtime, events, every=10)
        process = start(config)
        while (first := left(runtime, jobs=False)) >= events:
            time.sleep(0.02)
        begun, peak = time.perf_counter(), 0
        while (waiting := left(runtime, jobs=False)) > 0:
            peak = max(peak, memory(process.pid))
            time.sleep(0.05)
        took = time.perf_counter() - begun
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        found = count(runtime, finding)
        runtime.close()
    return {
        "figure": f"worker, {name}",
        "events_per_second": round((first - waiting) / took),
        "findings": found,
        "expected": planted,
        "peak_mb": peak // 1024,
        "machine": machine(),
    }


def killed(events: int, kills: int) -> dict[str, Any]:
    """Kill workers at random moments and count what is lost or doubled."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as place:
        url = f"sqlite:///{place}/bench.db"
        port = server.server_address[1]
        apps = FakeApps(FakeSlack(token="xoxb-bench")).start()
        config, runtime = prepared(
            Path(place), url, port=port, alerts="[receiver]", lease="3s", threads=2, slack=apps.url("slack")
        )
        planted = fill(runtime, events, every=4)
        dice = random.Random(7)
        for _ in range(kills):
            process = start(config)
            time.sleep(dice.uniform(1.0, 2.5))
            process.kill()
            process.wait()
        process = start(config)
        deadline = time.monotonic() + 180
        while left(runtime, jobs=True) and time.monotonic() < deadline:
            time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        found, told = count(runtime, finding), count(runtime, alert)
        still = left(runtime, jobs=True)
        runtime.close()
    server.shutdown()
    apps.stop()
    distinct = len(set(Receiver.seen))
    return {
        "figure": f"kill -9, {kills} times over {events} events",
        "lost_events": still,
        "findings": found,
        "expected": planted,
        "alerts": told,
        "alerts_received_distinct": distinct,
        "deliveries_repeated_with_the_same_id": len(Receiver.seen) - distinct,
    }


def memory(pid: int) -> int:
    """Return a process's resident memory in KiB."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    line = next((line for line in status.read_text().splitlines() if line.startswith("VmRSS")), "VmRSS: 0 kB")
    return int(line.split()[1])


def count(runtime: Runtime, table: sa.Table) -> int:
    """Count rows."""
    return runtime.databases.of("default").read(
        lambda c: int(c.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())
    )


def main() -> None:
    """Print the figures."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--events", type=int, default=5000)
    options.add_argument("--kills", type=int, default=10)
    chosen = options.parse_args()
    print(json.dumps(throughput("sqlite", "", chosen.events)), flush=True)
    with postgres() as url:
        if url is None:
            print(json.dumps({"figure": "worker, cockroachdb dialect on postgresql", "skipped": "no PostgreSQL here"}))
        else:
            import shim

            named = shim.through_cockroach(url)
            print(
                json.dumps(throughput("cockroachdb dialect on postgresql, SERIALIZABLE", named, chosen.events)),
                flush=True,
            )
    print(json.dumps(killed(2000, chosen.kills)), flush=True)


if __name__ == "__main__":
    main()
