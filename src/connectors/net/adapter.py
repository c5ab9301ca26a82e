"""The transport under a session: connections go to judged addresses, bodies end at a cap."""

from __future__ import annotations

import io
import socket
import time
from functools import partial
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3 import HTTPHeaderDict
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError
from urllib3.response import HTTPResponse

from connectors.net.answer import TooLarge, TooSlow
from connectors.net.guard import Guard
from connectors.net.wire import TimedResponse, Wire, open_socket

_CHUNK = 65536


class Adapter(HTTPAdapter):
    """Reads whole bodies up to `max_bytes` within `total` seconds, and connects where `guard` allows.

    A streamed body (`stream=True`) is the caller's to bound; the bodies of redirects are always bounded here.
    """

    def __init__(self, *, guard: Guard | None, max_bytes: int, total: float) -> None:
        self.guard = guard
        self.max_bytes = max_bytes
        self.total = total
        self._wire = Wire(guard, max_bytes=max_bytes, total=total) if guard is not None else None
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools; with a guard, of connections that resolve only through it."""
        super().init_poolmanager(*args, **kwargs)
        if self.guard is not None:
            self.poolmanager.pool_classes_by_scheme = _guarded_pools(self.guard, self.total)

    def close(self) -> None:
        """Close every connection."""
        if self._wire is not None:
            self._wire.close()
        super().close()

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Send, and read the body now unless the caller streams it."""
        deadline = time.monotonic() + self.total
        if self._wire is not None and not args and _plain(request, kwargs):
            return self._exchanged(self._wire, request, kwargs, deadline)
        response = super().send(request, *args, **kwargs)
        if not kwargs.get("stream") or response.is_redirect:
            _hold(response, self._read(response, deadline))
        return response

    def _exchanged(
        self, wire: Wire, request: requests.PreparedRequest, kwargs: dict[str, Any], deadline: float
    ) -> requests.Response:
        """Send by a kept connection: half of a call's time is what requests and urllib3 do around it."""
        verify = kwargs.get("verify", True)
        trusted = verify if isinstance(verify, str) else DEFAULT_CA_BUNDLE_PATH
        answer = wire.exchange(request, timeout=kwargs["timeout"], trusted=trusted)
        content, encoded = answer.content, answer.header("content-encoding") is not None
        cookies: Any = answer  # requests reads them from its `msg`
        raw = HTTPResponse(
            body=io.BytesIO(content) if encoded else b"",
            headers=HTTPHeaderDict(answer.headers),
            status=answer.status,
            version=answer.version,
            reason=answer.reason,
            preload_content=False,
            original_response=cookies if answer.header("set-cookie") is not None else None,
        )
        response = self.build_response(request, raw)
        _hold(response, self._read(response, deadline) if encoded else content)
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


def _plain(request: requests.PreparedRequest, kwargs: dict[str, Any]) -> bool:
    """Tell whether a request is a whole one that needs no proxy, no certificate of its own and no stream."""
    return (
        not (kwargs.get("stream") or kwargs.get("proxies") or kwargs.get("cert"))
        and (request.body is None or isinstance(request.body, bytes | str))
        and kwargs.get("verify", True) not in (False, None)
        and isinstance(kwargs.get("timeout"), tuple)
        and "Transfer-Encoding" not in request.headers
    )


def _hold(response: requests.Response, content: bytes) -> None:
    """Give a response its body, as requests' own `Response.content` would, had it a limit."""
    vars(response).update(_content=content, _content_consumed=True)


def _guarded_pools(guard: Guard, total: float) -> dict[str, type[HTTPConnectionPool]]:
    """Make pool classes whose connections reach only addresses that `guard` has judged, and whose heads are timed."""

    class GuardedHTTP(HTTPConnection):
        response_class = partial(TimedResponse, total=total)  # type: ignore[assignment]  # it is only called

        def _new_conn(self) -> socket.socket:
            return open_socket(self, guard)

    class GuardedHTTPS(HTTPSConnection):
        response_class = partial(TimedResponse, total=total)  # type: ignore[assignment]  # it is only called

        def _new_conn(self) -> socket.socket:
            return open_socket(self, guard)

    class HTTPPool(HTTPConnectionPool):
        ConnectionCls = GuardedHTTP

    class HTTPSPool(HTTPSConnectionPool):
        ConnectionCls = GuardedHTTPS

    return {"http": HTTPPool, "https": HTTPSPool}
