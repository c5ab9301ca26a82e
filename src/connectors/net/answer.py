"""One whole answer, parsed as it arrives: within its time and its size, or not at all."""

from __future__ import annotations

import socket
import time
from http.client import HTTPException, HTTPMessage

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

_CHUNK = 65536
_HEAD = 65536
"""Bytes of a status line with its headers, and of what chunks say beside their bytes."""


class TooLarge(Exception):
    """A body that goes on past the cap."""


class TooSlow(Exception):
    """An answer that trickles past the time it is given."""


class Answer:
    """What a receiver answered to one request, in the form that `http.client` gives answers.

    `begin` reads it to the last byte. It raises `TooLarge`, `TooSlow`, `HTTPException` for what is no whole answer of
    HTTP/1, and what the socket raises.
    """

    def __init__(
        self, sock: socket.socket, _debug: int = 0, method: str | None = None, *, total: float, max_bytes: int
    ) -> None:
        self._channel = sock
        self._method = method
        self._deadline = time.monotonic() + total
        self._max_bytes = max_bytes
        self._body: list[bytes] = []
        self._size = 0
        self._in_head = True
        self._whole = False
        self._parser = HttpResponseParser(self)
        self.headers: list[tuple[str, str]] = []
        self.status = 0
        self.reason = ""
        self.version = 11
        self.will_close = True
        """Whether the connection serves no further request."""

    @property
    def content(self) -> bytes:
        """The body, still encoded as the headers say."""
        return b"".join(self._body)

    @property
    def msg(self) -> HTTPMessage:
        """The headers as a message: what cookies are read from."""
        message = HTTPMessage()
        for name, value in self.headers:
            message[name] = value
        return message

    def header(self, name: str) -> str | None:
        """Return the first header of a lower-case name."""
        return next((value for known, value in self.headers if known.lower() == name), None)

    def isclosed(self) -> bool:
        """Tell `http.client` that nothing is left to read."""
        return True

    def close(self) -> None:
        """Do nothing: the connection is its owner's."""

    def begin(self) -> None:
        """Read until the answer is whole."""
        patience, received = self._channel.gettimeout(), 0
        while not self._whole:
            data = self._received(patience)
            received += len(data)
            if not data:
                self._ended()
                return
            try:
                self._parser.feed_data(data)
            except (HttpParserError, HttpParserUpgrade):
                # Not as its cause: it may quote what was sent.
                raise HTTPException("no HTTP answer") from None
            # What is neither head nor body is chunks' sizes and extensions, and trailers.
            if self._size > self._max_bytes or received > self._size * 8 + 2 * _HEAD:
                raise TooLarge
            if self._in_head and received > _HEAD:
                raise TooLarge

    def _received(self, patience: float | None) -> bytes:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TooSlow
        self._channel.settimeout(left if patience is None else min(left, patience))
        try:
            return self._channel.recv(_CHUNK)
        except TimeoutError:
            if time.monotonic() >= self._deadline:
                raise TooSlow from None
            raise

    def _ended(self) -> None:
        """Take the end of the connection for the end of a body whose length nobody told."""
        told = self.header("content-length") is not None or self.header("transfer-encoding") is not None
        if self._in_head or told:
            raise HTTPException("the answer was cut off")

    def on_message_begin(self) -> None:
        """Begin an answer; one that nobody asked for makes the connection useless."""
        if self._whole:
            self.will_close = True

    def on_status(self, reason: bytes) -> None:
        """Keep the reason."""
        if self._in_head:
            self.reason += reason.decode("latin-1")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; what comes after the body is none."""
        if self._in_head:
            self.headers.append((name.decode("latin-1"), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        """End the head. Interim answers (1xx) are passed over."""
        if self._whole:
            return
        status = self._parser.get_status_code()
        if status < 200:
            self.headers.clear()
            self.reason = ""
            return
        self.status, self._in_head = status, False
        self.version = 10 if self._parser.get_http_version() == "1.0" else 11
        length = self.header("content-length")
        if self._method == "HEAD":
            self._whole = True  # whatever its length says, and the parser believes
            self.will_close = True
        elif length is not None and length.isdigit() and int(length) > self._max_bytes:
            self._size = self._max_bytes + 1

    def on_body(self, part: bytes) -> None:
        """Keep a part of the body."""
        if not self._whole:
            self._size += len(part)
            if self._size <= self._max_bytes:
                self._body.append(part)

    def on_message_complete(self) -> None:
        """End the answer."""
        if not self._in_head and not self._whole:
            self._whole = True
            self.will_close = not self._parser.should_keep_alive()
