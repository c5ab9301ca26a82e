"""The transport under a session: connections go to judged addresses, bodies end at a cap."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NameResolutionError, NewConnectionError
from urllib3.response import HTTPResponse
from urllib3.util import connection as sockets

from connectors.net.guard import Guard

_CHUNK = 65536


class TooLarge(Exception):
    """A body that goes on past the cap."""


class TooSlow(Exception):
    """A body that trickles past the time for the whole answer."""


class Adapter(HTTPAdapter):
    """Reads whole bodies up to `max_bytes` within `total` seconds, and connects where `guard` allows.

    A streamed body (`stream=True`) is the caller's to bound; the bodies of redirects are always bounded here.
    """

    def __init__(self, *, guard: Guard | None, max_bytes: int, total: float) -> None:
        self.guard = guard
        self.max_bytes = max_bytes
        self.total = total
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools; with a guard, of connections that resolve only through it."""
        super().init_poolmanager(*args, **kwargs)
        if self.guard is not None:
            self.poolmanager.pool_classes_by_scheme = _guarded_pools(self.guard, self.total)

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Send, and read the body now unless the caller streams it."""
        deadline = time.monotonic() + self.total
        response = super().send(request, *args, **kwargs)
        if not kwargs.get("stream") or response.is_redirect:
            # What requests' own `Response.content` would set, had it a limit.
            vars(response).update(_content=self._read(response, deadline), _content_consumed=True)
        return response

    def _read(self, response: requests.Response, deadline: float) -> bytes:
        declared = response.headers.get("Content-Length", "")
        body = bytearray()
        try:
            if declared.isdigit() and int(declared) > self.max_bytes and response.request.method != "HEAD":
                raise TooLarge
            while chunk := response.raw.read1(_CHUNK, decode_content=True):
                body += chunk
                if len(body) > self.max_bytes:
                    raise TooLarge
                if time.monotonic() > deadline:
                    raise TooSlow
        except (TooLarge, TooSlow, HTTPError):
            response.close()
            raise
        return bytes(body)


def _guarded_pools(guard: Guard, total: float) -> dict[str, type[HTTPConnectionPool]]:
    """Make pool classes whose connections reach only addresses that `guard` has judged.

    The host name stays on the connection for the `Host` header, SNI and the certificate; only the socket is
    opened to the address, so a name that resolves differently a moment later changes nothing. A receiver that
    sends its headers byte by byte, each within the read time-out, is hung up on after `total` seconds.
    """

    def open_socket(connection: HTTPConnection) -> socket.socket:
        try:
            addresses = guard.addresses(connection.host, connection.port)
        except socket.gaierror as error:
            raise NameResolutionError(connection.host, connection, error) from error
        return _first_open(connection, addresses)

    class GuardedHTTP(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return open_socket(self)

        def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # urllib3's own class says so too
            with _hanging_up(self, total):
                return super().getresponse()

    class GuardedHTTPS(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return open_socket(self)

        def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # urllib3's own class says so too
            with _hanging_up(self, total):
                return super().getresponse()

    class HTTPPool(HTTPConnectionPool):
        ConnectionCls = GuardedHTTP

    class HTTPSPool(HTTPSConnectionPool):
        ConnectionCls = GuardedHTTPS

    return {"http": HTTPPool, "https": HTTPSPool}


@contextmanager
def _hanging_up(connection: HTTPConnection, total: float) -> Iterator[None]:
    """End the connection when the block takes longer than `total` seconds, and raise `TimeoutError`.

    Without the error, headers that end early would pass for whole ones.
    """
    late = threading.Event()

    def hang_up() -> None:
        late.set()
        with suppress(OSError):
            if connection.sock is not None:
                connection.sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(total, hang_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
    if late.is_set():
        raise TimeoutError


def _first_open(connection: HTTPConnection, addresses: tuple[str, ...]) -> socket.socket:
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
