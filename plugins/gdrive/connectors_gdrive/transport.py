"""An httplib2-shaped door to a `requests.Session`: Google's client obeys the host's budgets and time-outs."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any

import requests

from connectors.errors import Transient

Authorize = Callable[[str, str, MutableMapping[str, str]], None]
"""Adds the authorization header for (method, url) to the headers, refreshing the token first when it must."""


class Answer(dict[str, str]):
    """The part of `httplib2.Response` that Google's client reads: lower-case headers, status and reason."""

    def __init__(self, response: requests.Response) -> None:
        super().__init__({name.lower(): value for name, value in response.headers.items()})
        self.status = response.status_code
        self.reason = response.reason or ""
        self["status"] = str(response.status_code)


class SessionHttp:
    """Sends the requests of one user through one session. Has the shape of `httplib2.Http`."""

    redirect_codes: frozenset[int] = frozenset()

    def __init__(self, session: requests.Session, authorize: Authorize) -> None:
        self._session = session
        self._authorize = authorize

    def request(
        self,
        uri: str,
        method: str = "GET",
        body: str | bytes | None = None,
        headers: Mapping[str, str] | None = None,
        **_: Any,
    ) -> tuple[Answer, bytes]:
        """Send one request and return its answer, whatever its status."""
        response = self._send(uri, method, body=body, headers=headers or {})
        return Answer(response), response.content

    def stream(self, uri: str) -> requests.Response:
        """Get `uri` without reading the body."""
        return self._send(uri, "GET", stream=True)

    def close(self) -> None:
        """Do nothing: the session belongs to the host."""

    def _send(
        self,
        uri: str,
        method: str,
        *,
        body: str | bytes | None = None,
        headers: Mapping[str, str] | None = None,
        stream: bool = False,
    ) -> requests.Response:
        # The session writes its own content-length and negotiates the encodings that it can undo.
        own = {
            name: value for name, value in (headers or {}).items() if name not in ("content-length", "accept-encoding")
        }
        self._authorize(method, uri, own)
        return self._session.request(method, uri, data=body, headers=own, stream=stream)


class Download(io.RawIOBase):
    """The body of a streamed answer as a readable stream. A cut connection raises `Transient`."""

    def __init__(self, response: requests.Response, *, chunk: int = 64 * 1024) -> None:
        self._response = response
        self._chunks: Iterator[bytes] = response.iter_content(chunk)
        self._rest = b""

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill `buffer` with the next bytes and return how many."""
        while not self._rest:
            try:
                self._rest = next(self._chunks)
            except StopIteration:
                return 0
            except requests.RequestException as error:
                raise Transient(f"download broke off: {type(error).__name__}") from None
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size

    def close(self) -> None:
        """Give the connection back."""
        self._response.close()
        super().close()
