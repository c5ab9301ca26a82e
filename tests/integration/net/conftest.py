"""A loopback app that answers as a test tells it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

Answer = tuple[int, dict[str, str], bytes]


class Recorder:
    """One loopback server: `answers` are served in order, the last one for ever."""

    def __init__(self, address: str = "127.0.0.1") -> None:
        self.answers: list[Answer | None] = [(200, {}, b"ok")]
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []
        self.peers: list[Any] = []
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                recorder.seen.append((self.command, self.path, dict(self.headers.items()), body))
                recorder.peers.append(self.client_address)
                told = recorder.answers.pop(0) if len(recorder.answers) > 1 else recorder.answers[0]
                if told is None:
                    self.close_connection = True
                    return
                status, headers, content = told
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if not {"Content-Length", "Transfer-Encoding"} & set(headers):
                    self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = answer  # noqa: N815 (names the base class asks for)

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer((address, 0), Handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self.url = f"http://{address}:{self.port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def serve() -> Iterator[Callable[..., Recorder]]:
    """Start loopback servers that end with the test."""
    running: list[Recorder] = []

    def start(address: str = "127.0.0.1") -> Recorder:
        running.append(Recorder(address))
        return running[-1]

    yield start
    for server in running:
        server.stop()
