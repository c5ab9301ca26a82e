"""The server that runs an ASGI application, with bounds on what clients may hold."""

from __future__ import annotations

import uvicorn
from starlette.types import ASGIApp

from connectors.config.models import GatewaySettings


def server(
    app: ASGIApp, settings: GatewaySettings, *, host: str | None = None, port: int | None = None
) -> uvicorn.Server:
    """Return a server with bounds on headers, idle connections and slow clients."""
    config = uvicorn.Config(
        app,
        host=host or settings.host,
        port=settings.port if port is None else port,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=15,
        h11_max_incomplete_event_size=64 * 1024,
        limit_concurrency=2000,
        backlog=2048,
        timeout_graceful_shutdown=20,
    )
    return uvicorn.Server(config)
