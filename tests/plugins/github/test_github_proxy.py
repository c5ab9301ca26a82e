"""Every call goes through the proxy that the host names: those of PyGithub, and those for an app's token."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from connectors.testing.context import MemoryContext
from connectors_github.client import GitHubClient
from connectors_github.config import GitHubConfig


class Proxy(ThreadingHTTPServer):
    """Answers everything itself, and remembers what it was asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.asked: list[str] = []


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.asked.append(self.path)  # type: ignore[attr-defined]  # it is a Proxy's handler
        body = b'{"token": "t", "expires_at": "2099-01-01T00:00:00Z", "login": "ana"}'
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(201 if self.command == "POST" else 200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 (the name that the server calls)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class Behind(MemoryContext):
    """A context whose sessions go through a proxy."""

    def __init__(self, proxy: str) -> None:
        super().__init__()
        self.proxy = proxy

    def session(self, bucket: str = "default") -> requests.Session:
        made = super().session(bucket)
        made.proxies = {"http": self.proxy, "https": self.proxy}
        return made


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with Proxy() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()


def client(proxy: Proxy, **config: Any) -> GitHubClient:
    settings = GitHubConfig(api_url="http://github.invalid/api", **config)
    return GitHubClient(settings, Behind(f"http://127.0.0.1:{proxy.server_address[1]}"))


def test_calls_go_through_it(proxy: Proxy) -> None:
    assert client(proxy, token="t").get("user").data["login"] == "ana"
    assert proxy.asked == ["http://github.invalid:80/api/user"]


def test_an_apps_token_is_fetched_through_it(proxy: Proxy) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    client(proxy, app_id=1, installation_id=2, private_key=key.decode()).get("user")
    assert proxy.asked == [
        "http://github.invalid:80/api/app/installations/2/access_tokens",
        "http://github.invalid:80/api/user",
    ]
