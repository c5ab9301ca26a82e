"""One request and its whole answer over a kept connection: what nearly every call is, at the price of `http.client`."""

from __future__ import annotations

import io
import socket
import ssl
import threading
import time
import weakref
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import requests
from urllib3.connection import HTTPConnection as Defaults
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NameResolutionError, NewConnectionError
from urllib3.util import connection as sockets
from urllib3.util.ssl_ import create_urllib3_context
from urllib3.util.wait import wait_for_read

from connectors.net.answer import Answer, TooSlow
from connectors.net.guard import Guard

_IDLE_KEPT = 10

Endpoint = tuple[str, str, int, str]
"""Where a connection leads: scheme, host, port and the file of certificates that are trusted."""


def open_socket(connection: Any, guard: Guard) -> socket.socket:
    """Connect to the first address of a connection's host that answers, each judged by the guard.

    The host name stays on the connection for the `Host` header, SNI and the certificate; only the socket is
    opened to the address, so a name that resolves differently a moment later changes nothing.
    """
    try:
        addresses = guard.addresses(connection.host, connection.port)
    except socket.gaierror as error:
        raise NameResolutionError(connection.host, connection, error) from error
    fault: HTTPError = NewConnectionError(connection, "no address")
    for address in addresses:
        try:
            return sockets.create_connection(
                (address, connection.port),
                connection.timeout,
                source_address=connection.source_address,
                socket_options=connection.socket_options,
            )
        except TimeoutError:
            fault = ConnectTimeoutError(connection, "timed out")
        except OSError as error:
            fault = NewConnectionError(connection, type(error).__name__)
    raise fault


class _Clock(io.RawIOBase):
    """A socket's bytes until a deadline: who sends them one by one, each within the read time-out, is hung up on."""

    def __init__(self, channel: socket.socket, raw: io.RawIOBase, deadline: float) -> None:
        self._channel = channel
        self._raw = raw
        self._patience = channel.gettimeout()
        self._deadline: float | None = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._deadline is None:
            return self._raw.readinto(buffer)
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TooSlow
        if self._patience is None or left < self._patience:
            self._channel.settimeout(left)
        try:
            return self._raw.readinto(buffer)
        except TimeoutError:
            if time.monotonic() >= self._deadline:
                raise TooSlow from None
            raise

    def stop(self) -> None:
        """Leave the time for the rest to whoever reads it."""
        self._deadline = None
        self._channel.settimeout(self._patience)

    def close(self) -> None:
        self._raw.close()
        super().close()


class TimedResponse(HTTPResponse):
    """An answer whose head must be there within `total` seconds."""

    def __init__(self, sock: socket.socket, *args: Any, total: float, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self._clock = _Clock(sock, self.fp.detach(), time.monotonic() + total)
        self.fp = io.BufferedReader(self._clock)

    def begin(self) -> None:
        """Read the head."""
        super().begin()
        self._clock.stop()


class _Connection(HTTPConnection):
    """A connection to a judged address, encrypted when there is a context."""

    socket_options = Defaults.default_socket_options

    def __init__(
        self, endpoint: Endpoint, guard: Guard, context: ssl.SSLContext | None, limits: Mapping[str, Any]
    ) -> None:
        scheme, host, port, _ = endpoint
        super().__init__(host, port)
        self.default_port = 443 if scheme == "https" else 80
        self.response_class = partial(Answer, **limits)  # type: ignore[assignment]  # it is only called
        self._guard = guard
        self._context = context

    def connect(self) -> None:
        with ExitStack() as undo:
            plain = undo.enter_context(open_socket(self, self._guard))
            name = self.host.rstrip(".")
            self.sock = self._context.wrap_socket(plain, server_hostname=name) if self._context else plain
            undo.pop_all()

    @property
    def dropped(self) -> bool:
        """Tell whether the other side has hung up, or said something that nobody asked for."""
        unread = self.sock.pending() if isinstance(self.sock, ssl.SSLSocket) else 0
        return self.sock is None or unread > 0 or wait_for_read(self.sock, timeout=0.0)


class Wire:
    """The kept connections of one session, each lent to one call at a time. Safe for threads."""

    def __init__(self, guard: Guard, *, max_bytes: int, total: float) -> None:
        self._guard = guard
        self._max_bytes = max_bytes
        self._total = total
        self._lock = threading.Lock()
        self._idle: list[tuple[Endpoint, _Connection]] = []
        self._contexts: dict[str, ssl.SSLContext] = {}
        # Sessions are dropped more often than they are closed.
        weakref.finalize(self, _close, self._idle)

    def exchange(self, request: requests.PreparedRequest, *, timeout: tuple[float, float], trusted: str) -> Answer:
        """Send a request and return its whole answer.

        `timeout` is how many seconds connecting and silence may take, `trusted` the file or folder of trusted
        certificates. Raises what `Answer.begin` raises, and what connecting does.
        """
        parts = urlsplit(request.url or "")
        port = parts.port or (443 if parts.scheme == "https" else 80)
        endpoint = (str(parts.scheme), str(parts.hostname), port, trusted)
        connection = self._lent(endpoint, *timeout)
        body = request.body.encode() if isinstance(request.body, str) else request.body
        with ExitStack() as undo:
            undo.callback(connection.close)
            connection.request(str(request.method), request.path_url, body, request.headers)
            answer = cast("Answer", connection.getresponse())
            undo.pop_all()
        self._keep(endpoint, connection, closing=answer.will_close)
        return answer

    def close(self) -> None:
        """Close the connections that nobody uses."""
        with self._lock:
            _close(self._idle)

    def _lent(self, endpoint: Endpoint, connect: float, read: float) -> _Connection:
        """Return a connection on which requests wait up to `read` seconds: a kept one, or a new one."""
        while (connection := self._taken(endpoint)) is not None:
            if not connection.dropped:
                break
            connection.close()
        else:
            limits = {"total": self._total, "max_bytes": self._max_bytes}
            connection = _Connection(endpoint, self._guard, self._context(endpoint), limits)
            connection.timeout = connect
            connection.connect()
        connection.sock.settimeout(read)
        return connection

    def _taken(self, endpoint: Endpoint) -> _Connection | None:
        with self._lock:
            for number in range(len(self._idle) - 1, -1, -1):
                if self._idle[number][0] == endpoint:
                    return self._idle.pop(number)[1]
        return None

    def _keep(self, endpoint: Endpoint, connection: _Connection, *, closing: bool) -> None:
        with self._lock:
            if not closing and len(self._idle) < _IDLE_KEPT:
                self._idle.append((endpoint, connection))
                return
        connection.close()

    def _context(self, endpoint: Endpoint) -> ssl.SSLContext | None:
        scheme, _, _, trusted = endpoint
        if scheme != "https":
            return None
        if trusted not in self._contexts:
            context = create_urllib3_context()
            folder = Path(trusted).is_dir()
            context.load_verify_locations(**{"capath" if folder else "cafile": trusted})
            context.set_alpn_protocols(["http/1.1"])
            self._contexts[trusted] = context
        return self._contexts[trusted]


def _close(idle: list[tuple[Endpoint, _Connection]]) -> None:
    while idle:
        idle.pop()[1].close()
