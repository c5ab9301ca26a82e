"""An application that can be exchanged for another while it serves: what a new configuration needs, and no request
notices.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

import structlog
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.types import Message, Receive, Scope, Send

log = structlog.get_logger()

PATIENCE = 20.0
"""Seconds that requests of the old application have to end."""


class Exchangeable:
    """The ASGI application that a server is given: it passes everything to the one that is current.

    `exchange` may be called by any thread and by a signal handler. The new application is built and started first,
    and `begun` is called with it when it gets the requests; the old one ends, and `retired` is called with it, when
    its last request is answered.
    """

    def __init__(
        self,
        app: Starlette,
        *,
        begun: Callable[[Starlette], None] = lambda _app: None,
        retired: Callable[[Starlette], None] = lambda _app: None,
    ) -> None:
        self._current = _Living(app)
        self._begun = begun
        self._retired = retired
        self._loop: asyncio.AbstractEventLoop | None = None
        self._exchanges: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or live through the server's start and stop."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await self._current(scope, receive, send)

    def exchange(self, build: Callable[[], Starlette | None]) -> None:
        """Serve what `build` returns from now on; with None everything stays. Returns at once.

        `build` runs in a thread of its own.
        """
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._begin, build)

    def _begin(self, build: Callable[[], Starlette | None]) -> None:
        task = asyncio.ensure_future(self._exchange(build))
        self._exchanges.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._exchanges.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("reload_failed", error=type(error).__name__)

    async def _exchange(self, build: Callable[[], Starlette | None]) -> None:
        async with self._turn:
            app = await run_in_threadpool(build)
            if app is None:
                return
            fresh = _Living(app)
            await fresh.start()
            old, self._current = self._current, fresh
            self._begun(app)
        await old.end()
        await run_in_threadpool(self._retired, old.app)

    async def _live(self, receive: Receive, send: Send) -> None:
        self._loop = asyncio.get_running_loop()
        await receive()
        await self._current.start()
        await _say(send, "lifespan.startup.complete")
        await receive()
        self._loop = None
        await asyncio.gather(*self._exchanges, return_exceptions=True)
        await self._current.end()
        await _say(send, "lifespan.shutdown.complete")


class _Living:
    """One application between its start and its end, which are entered and left by the same task."""

    def __init__(self, app: Starlette) -> None:
        self.app = app
        self._running = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._over = asyncio.Event()
        self._life: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._running += 1
        self._idle.clear()
        try:
            await self.app(scope, receive, send)
        finally:
            self._running -= 1
            if not self._running:
                self._idle.set()

    async def start(self) -> None:
        """Enter the application's lifespan. Raises what that raises."""
        started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._life = asyncio.create_task(self._run(started))
        await asyncio.wait({started, self._life}, return_when=asyncio.FIRST_COMPLETED)
        if self._life.done():
            await self._life

    async def end(self) -> None:
        """Leave the lifespan when the last request is answered, or when patience ends."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), PATIENCE)
        self._over.set()
        if self._life is not None:
            await self._life

    async def _run(self, started: asyncio.Future[None]) -> None:
        async with self.app.router.lifespan_context(self.app):
            started.set_result(None)
            await self._over.wait()


async def _say(send: Send, kind: str) -> None:
    message: Message = {"type": kind}
    await send(message)
