"""The fake-apps server: one loopback port, each app under its own prefix, with faults on demand."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Request:
    """One request as an app sees it; `path` is below the app's prefix, `query` the first value of each name."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    base_url: str = ""

    def json(self) -> Any:
        """Return the parsed JSON body, or {} for an empty one."""
        return json.loads(self.body) if self.body else {}

    def form(self) -> dict[str, str]:
        """Return the first value of each form field."""
        return {name: values[0] for name, values in parse_qs(self.body.decode(), keep_blank_values=True).items()}


@dataclass(frozen=True)
class Response:
    """One answer."""

    status: int = 200
    body: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, value: Any, status: int = 200, **headers: str) -> Response:
        """Make a JSON answer; header names are given with underscores (`retry_after="3"`)."""
        named = {name.replace("_", "-").title(): text for name, text in headers.items()}
        return cls(status, json.dumps(value).encode(), {"Content-Type": "application/json; charset=utf-8", **named})


@dataclass
class Fault:
    """An answer that replaces the app's own for the next `times` requests whose path matches `path`."""

    response: Response | None
    """None cuts the connection without an answer."""
    times: int = 1
    path: str = ".*"
    delay: float = 0.0
    """Seconds to wait before answering."""


Handler = Callable[..., Response]


def route(method: str, pattern: str) -> Callable[[Handler], Handler]:
    """Mark a method of a `FakeApp` as the answer to `method` on paths that fully match `pattern`.

    Named groups of the pattern become keyword arguments.
    """

    def mark(handler: Handler) -> Handler:
        handler.__dict__.setdefault("routes", []).append((method, re.compile(pattern)))
        return handler

    return mark


class FakeApp:
    """One app: subclass it, set `name`, hold the data in attributes, and mark handlers with `route`."""

    name: ClassVar[str]

    base_url: str = ""
    """Where it is served, without a trailing slash; set by `FakeApps`."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.faults: list[Fault] = []
        self.calls: list[tuple[str, str]] = []
        self._routes = [
            (method, pattern, getattr(self, attribute))
            for attribute in dir(type(self))
            for method, pattern in getattr(getattr(type(self), attribute), "routes", ())
        ]

    def fail(self, response: Response | None, *, times: int = 1, path: str = ".*", delay: float = 0.0) -> None:
        """Answer the next matching requests with `response` instead of the app's own answer."""
        with self.lock:
            self.faults.append(Fault(response, times, path, delay))

    def respond(self, request: Request) -> Response | None:
        """Answer one request: a fault if one is due, else the handler whose route matches, else 404."""
        with self.lock:
            self.calls.append((request.method, request.path))
            fault = next((f for f in self.faults if re.fullmatch(f.path, request.path)), None)
            if fault is not None:
                fault.times -= 1
                if fault.times <= 0:
                    self.faults.remove(fault)
        if fault is not None:
            threading.Event().wait(fault.delay)
            return fault.response
        return self.answer(request)

    def answer(self, request: Request) -> Response:
        """Dispatch to the marked handlers."""
        for method, pattern, handler in self._routes:
            found = pattern.fullmatch(request.path) if method == request.method else None
            if found:
                with self.lock:
                    response: Response = handler(request, **found.groupdict())
                return response
        return Response.of({"error": "not found", "path": request.path}, status=404)


class FakeApps:
    """Serves several fake apps on one loopback port: `http://127.0.0.1:<port>/<app name>/...`."""

    def __init__(self, *apps: FakeApp, port: int = 0) -> None:
        self.apps = {app.name: app for app in apps}
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        for app in apps:
            app.base_url = self.url(app.name)

    def url(self, name: str) -> str:
        """Return the base URL of one app, without a trailing slash."""
        return f"http://127.0.0.1:{self.port}/{name}"

    def start(self) -> FakeApps:
        """Serve in a background thread until `stop`."""
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True, name="fake-apps").start()
        return self

    def stop(self) -> None:
        """Stop serving and free the port."""
        self._server.shutdown()
        self._server.server_close()

    @contextmanager
    def running(self) -> Iterator[FakeApps]:
        """Serve for the length of a `with` block."""
        self.start()
        try:
            yield self
        finally:
            self.stop()

    def _respond(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Response | None:
        url = urlsplit(target)
        name, _, path = url.path.lstrip("/").partition("/")
        app = self.apps.get(name)
        if app is None:
            return Response.of({"error": f"no fake app {name!r}"}, status=404)
        query = {key: values[0] for key, values in parse_qs(url.query, keep_blank_values=True).items()}
        return app.respond(Request(method, "/" + path, query, headers, body, self.url(name)))

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        apps = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except ConnectionError:
                    self.close_connection = True

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                response = apps._respond(self.command, self.path, headers, body)
                if response is None:
                    self.close_connection = True
                    return
                self.send_response(response.status)
                for name, value in response.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(response.body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(response.body)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = answer  # noqa: N815 (names the base class asks for)

            def log_message(self, *args: object) -> None:
                """Stay silent: requests hold fixtures' secrets."""

        return Handler
