"""The whole site of an installation, and the server that runs it."""

from __future__ import annotations

import uvicorn
from starlette.applications import Starlette
from starlette.routing import BaseRoute

from connectors.api import create_api
from connectors.config.models import GatewaySettings
from connectors.dashboard import routes as dashboard_routes
from connectors.gateway.app import Beside, create_app
from connectors.metrics import Metrics
from connectors.runtime import Runtime


def site(runtime: Runtime, *, metrics: Metrics | None = None) -> Starlette:
    """Return everything that `connectors serve` serves."""
    metrics = metrics or Metrics()
    routes: list[BaseRoute] = []
    beside: list[Beside] = []
    if runtime.config.api.enabled:
        api = create_api(runtime)
        routes.append(api.route)
        beside.append(api.running)
    if runtime.config.dashboard.enabled:
        # The last: it owns every path that nobody else has.
        routes.extend(dashboard_routes(runtime))
    return create_app(runtime, metrics=metrics, routes=routes, beside=beside)


def server(
    app: Starlette, settings: GatewaySettings, *, host: str | None = None, port: int | None = None
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
