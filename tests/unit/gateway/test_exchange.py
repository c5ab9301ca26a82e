"""An application is exchanged for another: requests end where they began, and each life is whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from connectors.gateway.exchange import Exchangeable


class House:
    """Applications that write down what happens to them, and whose requests wait until they are let go."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.go = asyncio.Event()

    def app(self, name: str, *, broken: bool = False) -> Starlette:
        @asynccontextmanager
        async def lifespan(_app: Starlette) -> AsyncIterator[None]:
            if broken:
                raise OSError("no port")
            self.said.append(f"{name} starts")
            yield
            self.said.append(f"{name} ends")

        async def answer(request: Request) -> PlainTextResponse:
            if request.url.path == "/slow":
                await self.go.wait()
            return PlainTextResponse(name)

        return Starlette(lifespan=lifespan, routes=[Route("/slow", answer), Route("/", answer)])


async def get(app: Exchangeable, path: str = "/") -> str:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": [], "root_path": ""}
    await app(scope, receive, send)
    return str(sent[1]["body"].decode())


async def settle(house: House, word: str) -> None:
    for _ in range(500):
        if word in house.said:
            return
        await asyncio.sleep(0.005)
    raise AssertionError(house.said)


@asynccontextmanager
async def served(app: Exchangeable) -> AsyncIterator[None]:
    inbox: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    outbox: asyncio.Queue[Any] = asyncio.Queue()
    life = asyncio.create_task(app({"type": "lifespan"}, inbox.get, outbox.put))
    await inbox.put({"type": "lifespan.startup"})
    assert (await outbox.get())["type"] == "lifespan.startup.complete"
    yield
    await inbox.put({"type": "lifespan.shutdown"})
    assert (await outbox.get())["type"] == "lifespan.shutdown.complete"
    await life


def test_requests_end_where_they_began_and_the_old_life_ends_after_them() -> None:
    async def story() -> list[str]:
        house = House()
        app = Exchangeable(house.app("old"), retired=lambda _app: house.said.append("retired"))
        async with served(app):
            slow = asyncio.create_task(get(app, "/slow"))
            await asyncio.sleep(0)
            app.exchange(lambda: house.app("new"))
            await settle(house, "new starts")
            await asyncio.sleep(0.01)
            assert await get(app) == "new"
            assert "old ends" not in house.said
            house.go.set()
            assert await slow == "old"
            await settle(house, "retired")
        return house.said

    assert asyncio.run(story()) == ["old starts", "new starts", "old ends", "retired", "new ends"]


def test_what_cannot_be_built_or_started_changes_nothing() -> None:
    async def story() -> list[str]:
        house = House()
        app = Exchangeable(house.app("old"))
        async with served(app):
            app.exchange(lambda: None)
            app.exchange(lambda: house.app("new", broken=True))
            await asyncio.sleep(0.05)
            assert await get(app) == "old"
        return house.said

    assert asyncio.run(story()) == ["old starts", "old ends"]
