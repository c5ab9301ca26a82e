"""A whole installation in one process, on loopback: gateway, worker and database over fake apps."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import requests
import uvicorn

from connectors.assembly import handlers, site
from connectors.config import parse_config
from connectors.gateway.serve import server
from connectors.metrics import Metrics
from connectors.runtime import Runtime
from connectors.store.migrations import upgrade
from connectors.work.worker import Worker

START = 60.0
STOP = 30.0
"""Seconds that a gateway may take to start and to stop: a graceful shutdown waits up to 20 for its clients."""


class Installation:
    """Gateway and worker of one configuration. Use `running`; `post` sends a webhook to the real gateway.

    `port` is where the gateway listens; a free one when it is 0.
    """

    def __init__(self, config: str, folder: Path, *, environ: Mapping[str, str] | None = None, port: int = 0) -> None:
        self.metrics = Metrics()
        self.runtime = Runtime.open(parse_config(config, folder=folder, environ=environ or {}), folder=folder)
        self.worker = Worker(self.runtime, metrics=self.metrics, handlers=handlers())
        self.port = port
        self._server: uvicorn.Server | None = None
        self._listener: socket.socket | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The gateway's address."""
        return f"http://127.0.0.1:{self.port}"

    def post(self, connection: str, headers: Mapping[str, str], body: bytes) -> requests.Response:
        """Send one webhook, as an app would."""
        return requests.post(f"{self.url}/webhooks/{connection}", data=body, headers=dict(headers), timeout=10)

    @contextmanager
    def running(self, *, gateway: bool = True, worker: bool = True) -> Iterator[Installation]:
        """Migrate, start, and stop at the end of a `with` block."""
        for database in self.runtime.databases.all():
            upgrade(database)
        try:
            if gateway:
                self._serve()
            if worker:
                self.worker.start()
            yield self
        finally:
            self.worker.stop()
            if self._server is not None and self._thread is not None:
                self._server.should_exit = True
                # On a busy machine the server needs its time; what it leaves open would be blamed on another test.
                self._thread.join(STOP)
            if self._listener is not None:
                self._listener.close()
            self.runtime.close()

    def _serve(self) -> None:
        listener = self._listener = socket.socket()
        listener.bind(("127.0.0.1", self.port))
        self.port = listener.getsockname()[1]
        self._server = server(site(self.runtime, metrics=self.metrics), self.runtime.config.gateway)
        self._thread = threading.Thread(target=self._server.run, args=([listener],), daemon=True, name="gateway")
        self._thread.start()
        deadline = time.monotonic() + START
        while not self._server.started:
            if time.monotonic() > deadline or not self._thread.is_alive():
                raise RuntimeError("the gateway of this installation did not start")
            time.sleep(0.01)
