"""The ASGI application of the developer platform, and the wall around it."""

from __future__ import annotations

import time
import traceback
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Annotated, Any
from uuid import UUID

import structlog
from fastapi import Depends, FastAPI, Header, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic_core import to_json
from starlette.datastructures import URLPath
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, NoMatchFound, Route
from starlette.types import Message, Receive, Scope, Send

from connectors.api import docs, files, results
from connectors.api.errors import ApiError, ErrorBody, invalid, translated
from connectors.api.gate import Exchange, caller, exchange_of, read_body
from connectors.api.keep import policies_router, records_router, rules_router
from connectors.api.manage import findings_router, violations_router
from connectors.api.platform import Platform
from connectors.api.scan import scan
from connectors.api.wire import FileScanAnswer, ResultBody, UploadAnswer
from connectors.errors import ConnectorsError
from connectors.metrics import Metrics
from connectors.runtime import Runtime
from connectors.store.keys import Key

log = structlog.get_logger(__name__)

REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorBody, "description": text}
    for status, text in (
        (400, "The request is wrong; `additionalData` names the fields"),
        (401, "No valid key"),
        (403, "The key lacks the scope"),
        (404, "Not found"),
        (405, "Method not allowed"),
        (409, "Wrong state, or changed meanwhile"),
        (413, "The request is too large"),
        (422, "Understood, but it cannot be processed"),
        (429, "Rate limit, monthly quota, or too many uploads"),
        (500, "A fault of ours"),
        (503, "The database is away"),
    )
}

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Api:
    """The developer platform as an ASGI application, for `/v3`, `/api/v1`, `/openapi.json` and `/api/docs`.

    The wall: it begins an exchange for each request, adds its headers to the answer, logs it, and turns whatever
    an endpoint lets through into an error body. Call `stop` at shutdown when it is mounted into another
    application, which does not pass on the lifespan.
    """

    def __init__(self, runtime: Runtime, *, metrics: Metrics | None = None) -> None:
        self.platform = Platform(runtime, metrics=metrics)
        self.app = _app(self.platform)

    def start(self) -> None:
        """Start what runs beside the requests; the first request does it as well."""
        self.platform.start()

    async def stop(self) -> None:
        """Write the request log and give back unspent quota."""
        await self.platform.stop()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run what runs beside the requests, for the lifespan of the application that this one is part of."""
        self.start()
        try:
            yield
        finally:
            await self.stop()

    @property
    def route(self) -> BaseRoute:
        """The API as one route of another Starlette application: it takes its own paths, unchanged."""
        return _Door(self)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass the lifespan on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        self.platform.start()
        exchange = self.platform.gate.exchange()
        scope["state"] = {**scope.get("state", {}), "exchange": exchange}
        status = 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), *exchange.headers]
            await send(message)

        try:
            await self.app(scope, receive, answer)
        except ClientDisconnect:
            status = status or 499
        except Exception as error:  # noqa: BLE001 (the wall: no endpoint's bug may leave without an error body)
            _report(error)
            if not status:
                await _refusal(ApiError(50000), exchange)(scope, receive, answer)
        finally:
            self.platform.gate.leave(exchange, method=scope["method"], status=status)
            self._count(scope, status, time.perf_counter() - exchange.started)

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        """Count an answer by the template of its path: never by the path, of which there is no end."""
        route = str(getattr(scope.get("route"), "path", "other"))
        method = scope["method"] if scope["method"] in METHODS else "other"
        self.platform.metrics.api_seconds.labels(method, route).observe(seconds)
        self.platform.metrics.api_answers.labels(method, route, status).inc()


PATHS = ("/v3/", "/api/v1/", "/api/docs", "/openapi.json")
"""How the paths of this application begin."""


class _Door(BaseRoute):
    """Passes requests on by their path; a Mount would cut the prefix off."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        path = scope.get("path", "").removeprefix(scope.get("root_path", ""))
        ours = scope["type"] == "http" and path.startswith(PATHS)
        return (Match.FULL, {}) if ours else (Match.NONE, {})

    def url_path_for(self, name: str, /, **path_params: Any) -> URLPath:
        raise NoMatchFound(name, path_params)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._api(scope, receive, send)


def _app(platform: Platform) -> FastAPI:
    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        platform.start()
        yield
        await platform.stop()

    app = FastAPI(
        title="connectors",
        version="1",
        summary="Find sensitive data in texts and files, and work with what was found.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        responses=REFUSALS,
    )
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(ConnectorsError, _on_error)
    app.add_exception_handler(Exception, _on_fault)

    async def scan_endpoint(request: Request) -> Response:
        request.scope["route"] = scan_route  # as FastAPI does for its own
        return await scan(platform, request)

    # Not a FastAPI route: this one is called by the thousand, and its document is written by hand.
    scan_route = Route("/v3/scan", scan_endpoint, methods=["POST"])
    app.router.routes.append(scan_route)
    _add_files(app, platform)
    for router in (findings_router, violations_router, policies_router, rules_router, records_router):
        app.include_router(router(platform))
    docs.add(app)
    return app


def _add_files(app: FastAPI, platform: Platform) -> None:
    uploader = Depends(caller(platform.gate, endpoint="upload", scope="scan"))
    scanner = Depends(caller(platform.gate, endpoint="file_scan", scope="scan"))

    @app.post("/v3/upload", response_model=UploadAnswer, tags=["scan"], summary="Begin an upload",
              openapi_extra=docs.json_body("UploadBody"))  # fmt: skip
    async def begin(request: Request, key: Key = uploader) -> Any:
        return await files.begin(platform, key, await read_body(request))

    @app.get("/v3/upload/{upload_id}", response_model=UploadAnswer, tags=["scan"], summary="What has arrived")
    async def status(upload_id: UUID, key: Key = uploader) -> Any:
        return await files.status(platform, key, upload_id)

    @app.patch("/v3/upload/{upload_id}", status_code=204, tags=["scan"], summary="Send a chunk, in any order",
               response_class=Response, openapi_extra=docs.BINARY_BODY)  # fmt: skip
    async def chunk(
        request: Request,
        upload_id: UUID,
        x_upload_offset: Annotated[str, Header(max_length=100)],
        key: Key = uploader,
    ) -> Response:
        length = request.headers.get("content-length", "")
        found, start = await files.target(platform, key, upload_id, x_upload_offset, length)
        body = await read_body(request, found.chunk_size, code=40005)
        await files.chunk(platform, found, start, body)
        return Response(status_code=204)

    @app.post("/v3/upload/{upload_id}/finish", response_model=UploadAnswer, tags=["scan"], summary="Close an upload")
    async def finish(upload_id: UUID, key: Key = uploader) -> Any:
        return await files.finish(platform, key, upload_id)

    @app.post("/v3/upload/{upload_id}/scan", response_model=FileScanAnswer, tags=["scan"], summary="Scan an upload",
              openapi_extra=docs.json_body("FileScanBody"))  # fmt: skip
    async def scan_upload(request: Request, upload_id: UUID, key: Key = scanner) -> Any:
        body = await read_body(request)
        found = await files.finished(platform, key, upload_id)
        exchange = exchange_of(request)
        await platform.gate.spend(exchange, key, found.size)
        base = platform.runtime.config.gateway.public_url or str(request.base_url)
        return await files.scan(platform, key, upload_id, body, base=base)

    @app.get("/v3/findings/{result_id}", response_model=ResultBody, response_model_exclude_unset=True, tags=["scan"],
             summary="Read a result by its signed URL")  # fmt: skip
    def signed_findings(
        result_id: UUID,
        residency: Annotated[str, Query(max_length=32)],
        expires: Annotated[int, Query(ge=0, le=2**40)],
        signature: Annotated[str, Query(max_length=100)],
    ) -> Any:
        return results.read_signed(
            platform.runtime, residency=residency, which=result_id, expires=expires, signature=signature
        )


def _refusal(error: ApiError, exchange: Exchange) -> Response:
    exchange.code = error.number
    headers: Mapping[str, str] = error.headers
    return Response(to_json(error.body()), error.status, dict(headers), media_type="application/json")


async def _on_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ConnectorsError)  # noqa: S101 (registered for it)
    said = translated(error)
    if said.status >= 500:
        _report(error)
    return _refusal(said, exchange_of(request))


async def _on_fault(request: Request, _error: Exception) -> Response:
    # Starlette raises the error again afterwards, and the wall logs it.
    return _refusal(ApiError(50000), exchange_of(request))


async def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 (registered for it)
    return _refusal(invalid(error.errors(), skip=1), exchange_of(request))


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 (registered for it)
    number = {404: 40400, 405: 40500, 400: 40001, 413: 41300}.get(error.status_code, 40002)
    return _refusal(ApiError(number, headers=error.headers or {}), exchange_of(request))


def _report(error: BaseException) -> None:
    """Log where something failed: type and place, never the message, which may hold content."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    log.error("api_fault", error=type(error).__name__, place=place)
