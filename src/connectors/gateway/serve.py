"""The server that runs an ASGI application, with bounds on what clients may hold."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Literal

import uvicorn
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from connectors.config.models import GatewaySettings

LARGEST_HEAD = 64 * 1024
"""Bytes of the headers of a request, and of what may come between two pieces of its body."""

HEADERS_WITHIN = 15.0
"""Seconds from the first byte of a request, or from the connection, to the end of its headers."""

BODY_SILENCE = 30.0
"""Seconds between two pieces of a body."""

BODY_WITHIN = 300.0
"""Seconds for a whole body."""

REST = 2**20
"""Bytes of a body that nobody wants which are read all the same, so that its sender reads the answer."""

REST_WITHIN = 2.0
"""Seconds for that."""


class BoundedHttp(HttpToolsProtocol):
    """uvicorn's HTTP for clients that do not hurry: who sends too slowly is hung up on, and holds nobody's place.

    What the parser keeps is bounded too: it has no limit of its own on the headers, and none on what may come between
    the pieces of a body. Trailers, which uvicorn would add to the headers of a request that is being answered already,
    are dropped (https://www.rfc-editor.org/rfc/rfc9110#section-6.5.1-2).
    """

    _deadline: asyncio.TimerHandle | None = None
    _body_since: float | None = None
    _reading: Literal["", "head", "body"] = ""
    _moved = False
    """Whether the last piece of data began a request or brought some of a body."""

    _held = 0
    """Bytes that came since something did."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Expect headers from the start."""
        super().connection_made(transport)
        self._hang_up_in(HEADERS_WITHIN)

    def connection_lost(self, exc: Exception | None) -> None:
        """Expect nothing any more."""
        self._expect_nothing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came, and expect what is missing."""
        idle, self._moved = not self._reading, False
        super().data_received(data)
        if self.transport.is_closing():
            return
        # What stood in the same piece before that is not to be counted.
        fresh = len(data) if idle and self._reading == "head" else 0
        self._held = fresh if self._moved else self._held + len(data)
        if self._reading and self._held > LARGEST_HEAD:
            self._refuse()
        elif self._reading == "body":
            now = self.loop.time()
            self._body_since = self._body_since or now
            self._expect_nothing()
            self._hang_up_in(min(BODY_SILENCE, self._body_since + BODY_WITHIN - now))
        elif not self._reading and self.cycle is not None:
            self._body_since = None
            self._expect_nothing()
        elif self._deadline is None:
            # The first piece of another request on a connection that was kept.
            self._hang_up_in(HEADERS_WITHIN)

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self._reading, self._moved = "head", True

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header, and drop a trailer."""
        if self._reading == "head":
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Answer the request from here on. Raises `ValueError` for more headers than are taken."""
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > LARGEST_HEAD:
            raise ValueError("the headers are too large")
        super().on_headers_complete()
        self._reading = "body"
        if self.parser.should_upgrade():
            # Nothing here is upgraded to, and the parser reads no further than a request that asks for it.
            self.cycle.keep_alive = False

    def on_chunk_header(self) -> None:
        """Go on with a body."""
        self._moved = True

    def on_body(self, body: bytes) -> None:
        """Take some of a body."""
        self._moved = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request."""
        self._reading = ""
        super().on_message_complete()

    def _refuse(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.send_400_response("Too much for one request.")
        else:
            self.transport.abort()

    def _hang_up_in(self, seconds: float) -> None:
        self._deadline = self.loop.call_later(max(seconds, 0), self.transport.abort)

    def _expect_nothing(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class OneRequest:
    """Keeps what comes after a request from being taken for something else.

    A request with two lengths is refused: a proxy in front may have read the other one
    (https://www.rfc-editor.org/rfc/rfc9112#section-6.1-15). A request that is answered before its body was read has
    the rest of it thrown away first: closing a socket with bytes in it resets the connection, and the answer may be
    lost (https://www.rfc-editor.org/rfc/rfc9112#section-9.6-7). Where too much is left, or the client waits to be
    asked for it, the connection ends with the answer.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 400, or pass the request on."""
        lengths = [name for name, _ in scope.get("headers", ()) if name in (b"transfer-encoding", b"content-length")]
        if len(lengths) > 1:
            await Response("two lengths", 400, {"Connection": "close"})(scope, receive, send)
            return
        if not lengths:
            await self.app(scope, receive, send)
            return
        hopeless = any(
            name == b"expect" or (name == b"content-length" and int(value) > REST) for name, value in scope["headers"]
        )
        ended = False

        async def read() -> Message:
            nonlocal ended
            message = await receive()
            ended = not message.get("more_body", False)
            return message

        async def throw_away() -> None:
            left = REST
            while not ended and left > 0:
                left -= len((await read()).get("body", b""))

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start" and not ended:
                if not hopeless:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(throw_away(), REST_WITHIN)
                if not ended:
                    message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
            await send(message)

        await self.app(scope, read, answer)


def server(app: ASGIApp, settings: GatewaySettings) -> uvicorn.Server:
    """Return a server with bounds on headers, idle connections and slow clients."""
    config = uvicorn.Config(
        OneRequest(app),
        host=settings.host,
        port=settings.port,
        http=BoundedHttp,
        ws="none",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=15,
        limit_concurrency=2000,
        backlog=2048,
        timeout_graceful_shutdown=20,
    )
    return uvicorn.Server(config)
