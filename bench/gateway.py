"""Measure webhook acceptance beside a bare endpoint that checks the same HMAC and inserts a row per request.

    python bench/gateway.py [--seconds 5] [--clients 32]

Both run on the same uvicorn, in a process of their own, on the same kind of database; the load comes from a third.
`cpu_ms` is what the server's process spends on a request, the database's own not counted. One JSON line per figure.
"""

import argparse
import asyncio
import hashlib
import hmac
import json
import multiprocessing
import os
import platform
import socket
import statistics
import tempfile
import threading
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import uvicorn
from postgres import postgres
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connectors.config import parse_config
from connectors.gateway import create_app
from connectors.gateway.serve import server
from connectors.logs import configure
from connectors.runtime import Runtime
from connectors.store.engine import Database
from connectors.store.migrations import upgrade

TICKS = os.sysconf("SC_CLK_TCK")
SECRET = "bench-signing-secret"
CONFIG = """
database: {{url: "{url}"}}
connections:
  acme:
    connector: slack
    config: {{token: xoxb-bench, webhook_secret: {secret}}}
log: {{level: error}}
"""


def sign(body: bytes, now: int) -> dict[str, str]:
    """Sign a body as Slack does."""
    base = b"v0:" + str(now).encode() + b":" + body
    return {
        "x-slack-request-timestamp": str(now),
        "x-slack-signature": "v0=" + hmac.new(SECRET.encode(), base, hashlib.sha256).hexdigest(),
    }


def bare(url: str) -> Starlette:
    """Return the baseline: the same check, one row in a transaction of its own."""
    database = Database(url)
    table = sa.Table(
        "bare", sa.MetaData(), sa.Column("id", sa.Uuid, primary_key=True), sa.Column("body", sa.LargeBinary)
    )
    table.create(database.engine, checkfirst=True)

    async def receive(request: Request) -> Response:
        body = await request.body()
        base = b"v0:" + request.headers["x-slack-request-timestamp"].encode() + b":" + body
        expected = "v0=" + hmac.new(SECRET.encode(), base, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected, request.headers["x-slack-signature"]):
            return Response(status_code=401)
        row = {"id": uuid.uuid4(), "body": body}
        await run_in_threadpool(database.run, lambda c: c.execute(table.insert(), row))
        return Response(status_code=200)

    return Starlette(routes=[Route("/webhooks/acme", receive, methods=["POST"])])


def serve(kind: str, url: str, folder: str, ready: Any) -> None:
    """Serve one of the two until the process is ended."""
    config = parse_config(CONFIG.format(url=url, secret=SECRET))
    configure(config.log)
    if kind == "ours":
        runtime = Runtime.open(config, folder=Path(folder))
        for database in runtime.databases.all():
            upgrade(database)
        app = create_app(runtime)
    else:
        app = bare(url)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    made: uvicorn.Server = server(app, config.gateway)

    def tell() -> None:
        while not made.started:
            time.sleep(0.01)
        ready.put(listener.getsockname()[1])

    threading.Thread(target=tell, daemon=True).start()
    made.run([listener])


def message(number: int) -> bytes:
    """Return one small message event, unlike any other."""
    return json.dumps(
        {
            "type": "event_callback",
            "team_id": "T0BENCH",
            "api_app_id": "A0BENCH",
            "event_id": f"Ev{os.getpid()}{number}",
            "event_time": 1_760_000_000,
            "event": {
                "type": "message",
                "channel": "C0BENCH",
                "channel_type": "channel",
                "user": "U0BENCH",
                "text": f"message number {number}, nothing in it",
                "ts": f"{1_760_000_000 + number}.000100",
            },
        }
    ).encode()


async def client(port: int, until: float, numbers: Any, times: list[float]) -> None:
    """Post one message after the other over one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while time.perf_counter() < until:
        body = message(next(numbers))
        signed = "".join(f"{name}: {value}\r\n" for name, value in sign(body, int(time.time())).items())
        head = f"POST /webhooks/acme HTTP/1.1\r\nHost: bench\r\nContent-Length: {len(body)}\r\n{signed}\r\n"
        started = time.perf_counter()
        writer.write(head.encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        if not answer.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(answer.split(b"\r\n", 1)[0].decode())
        length = next((int(h[15:]) for h in answer.lower().split(b"\r\n") if h.startswith(b"content-length:")), 0)
        if length:
            await reader.readexactly(length)
        times.append(time.perf_counter() - started)
    writer.close()


def load(port: int, seconds: float, clients: int) -> tuple[float, list[float]]:
    """Return requests per second and the time of each."""
    times: list[float] = []
    numbers = iter(range(time.time_ns() % 10**9, 10**12))

    async def every() -> None:
        until = time.perf_counter() + seconds
        await asyncio.gather(*(client(port, until, numbers, times) for _ in range(clients)))

    started = time.perf_counter()
    asyncio.run(every())
    return len(times) / (time.perf_counter() - started), times


def measure(kind: str, url: str, keys: str, *, seconds: float, clients: int) -> dict[str, float]:
    """Serve, warm up, load, stop. Every round uses the keys in the folder `keys`: a server's rows outlive a round."""
    with tempfile.TemporaryDirectory() as folder:
        location = url or f"sqlite:///{folder}/bench.db"
        ready: Any = multiprocessing.Queue()
        process = multiprocessing.Process(target=serve, args=(kind, location, keys, ready), daemon=True)
        process.start()
        try:
            port = ready.get(timeout=30)
            load(port, 1.0, clients)
            before = cpu(process.pid or 0)
            rate, times = load(port, seconds, clients)
            spent = cpu(process.pid or 0) - before
        finally:
            process.terminate()
            process.join(10)
            with suppress(ValueError):
                process.close()
    cuts = statistics.quantiles(times, n=100)
    return {
        "per_second": round(rate),
        "p50_ms": round(cuts[49] * 1000, 2),
        "p99_ms": round(cuts[98] * 1000, 2),
        "cpu_ms": round(1000 * spent / len(times), 3),
    }


def cpu(pid: int) -> float:
    """Return the CPU seconds of a process and of its ended children."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(int(value) for value in fields[11:15]) / TICKS


def main() -> None:
    """Print the figures."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=5.0)
    options.add_argument("--clients", type=int, default=32)
    options.add_argument("--rounds", type=int, default=3)
    chosen = options.parse_args()
    with postgres() as server_url, tempfile.TemporaryDirectory() as keys:
        for name, url in (("sqlite", ""), ("postgresql", server_url)):
            if url is None:
                print(json.dumps({"figure": f"webhook accept, {name}", "skipped": "no PostgreSQL here"}))
                continue
            rounds = [
                {
                    kind: measure(kind, url, keys, seconds=chosen.seconds, clients=chosen.clients)
                    for kind in (("bare", "ours") if turn % 2 else ("ours", "bare"))
                }
                for turn in range(chosen.rounds)
            ]
            ratios = [turn["ours"]["per_second"] / turn["bare"]["per_second"] for turn in rounds]
            middle = sorted(rounds, key=lambda turn: turn["ours"]["per_second"])[len(rounds) // 2]
            figure = {"figure": f"webhook accept, {name}", "ours": middle["ours"], "baseline": middle["bare"]}
            print(
                json.dumps({**figure, "ratio": round(statistics.median(ratios), 2), "machine": machine()}), flush=True
            )


def machine() -> str:
    """Say what it ran on."""
    return f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()}"


if __name__ == "__main__":
    main()
