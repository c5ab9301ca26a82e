"""The ASGI application: webhooks, health, metrics, and whatever else an installation serves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

import structlog
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from connectors.errors import ConnectorsError, StoreUnavailable
from connectors.gateway.intake import Intake, Sink, SqlSink
from connectors.gateway.webhooks import Webhooks
from connectors.host import where
from connectors.metrics import Metrics
from connectors.runtime import Runtime
from connectors.store.migrations import schema_state

log = structlog.get_logger()

Beside = Callable[[], AbstractAsyncContextManager[None]]
"""Something that runs beside the requests: entered at start-up, left at shutdown."""


def create_app(
    runtime: Runtime,
    *,
    metrics: Metrics | None = None,
    routes: Sequence[BaseRoute] = (),
    beside: Sequence[Beside] = (),
) -> Starlette:
    """Return the application that `connectors serve` runs.

    `routes` are mounted after the gateway's own; `beside` are entered for as long as the application lives.
    """
    metrics = metrics or Metrics()
    intakes: dict[str, Intake] = {}

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        for residency in runtime.databases.residencies:
            intakes[residency] = Intake(_sink(runtime, residency))
        try:
            async with AsyncExitStack() as stack:
                for running in beside:
                    await stack.enter_async_context(running())
                yield
        finally:
            for intake in intakes.values():
                await run_in_threadpool(intake.close)

    async def ready(_request: Request) -> Response:
        problems = await run_in_threadpool(not_ready, runtime)
        return JSONResponse({"ready": not problems, "problems": problems}, 503 if problems else 200)

    app = Starlette(
        lifespan=lifespan,
        routes=[
            Route("/webhooks/{connection}", Webhooks(runtime, metrics, intakes).receive, methods=["POST"]),
            # Without this, a later route that takes any path would say that there is no such page.
            Route("/webhooks/{connection}", _only_posts),
            Route("/healthz", _healthy),
            Route("/readyz", ready),
            Route("/metrics", lambda _request: _metrics(metrics)),
            *routes,
        ],
        exception_handlers={StoreUnavailable: _unavailable, Exception: _error_page},
    )
    app.state.runtime = runtime
    return app


def _sink(runtime: Runtime, residency: str) -> Sink:
    """Return where a residency's deliveries become durable."""
    database = runtime.databases.of(residency)
    if runtime.publisher is None:
        return SqlSink(database, now=runtime.now)
    from connectors.work.kafka import KafkaSink

    return KafkaSink(database, runtime.publisher, residency, now=runtime.now)


def not_ready(runtime: Runtime) -> list[str]:
    """Say what keeps this process from serving: databases, migrations, plugins."""
    problems = []
    for database in runtime.databases.all():
        try:
            database.ping()
            if problem := schema_state(database).problem:
                problems.append(f"{database!r} {problem}")
        except ConnectorsError as error:
            problems.append(str(error))
    problems.extend(
        f"plugin {plugin.name}: {plugin.problem}" for plugin in runtime.host.plugins.values() if plugin.problem
    )
    return problems


async def _only_posts(_request: Request) -> Response:
    return Response(status_code=405, headers={"Allow": "POST"})


async def _healthy(_request: Request) -> Response:
    return PlainTextResponse("ok")


def _metrics(metrics: Metrics) -> Response:
    return Response(metrics.render(), media_type="text/plain; version=0.0.4; charset=utf-8")


async def _unavailable(_request: Request, _error: Exception) -> Response:
    return JSONResponse({"error": "the database does not answer"}, 503, {"Retry-After": "5"})


async def _error_page(request: Request, error: Exception) -> Response:
    """Answer 500 without a word of the cause: the wall of the ASGI edge."""
    log.error("request_failed", path=request.url.path, error=type(error).__name__, where=where(error))
    return JSONResponse({"error": "internal error"}, 500)
