"""The storeys put together: the site that is served, and what every queue's jobs mean."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.applications import Starlette
from starlette.routing import BaseRoute

from connectors import dashboard
from connectors.api import create_api
from connectors.api import jobs as api_jobs
from connectors.gateway.app import Beside, create_app
from connectors.metrics import Metrics
from connectors.runtime import Runtime
from connectors.work import worker
from connectors.work.job import Handler


def site(runtime: Runtime, *, metrics: Metrics | None = None) -> Starlette:
    """Return everything that `connectors serve` serves."""
    _ = runtime.vault  # a missing key is an error of the start, not of the first delivery
    metrics = metrics or Metrics()
    routes: list[BaseRoute] = []
    beside: list[Beside] = []
    if runtime.config.api.enabled:
        api = create_api(runtime, metrics=metrics)
        routes.append(api.route)
        beside.append(api.running)
    # People sign in where the installation is at home; elsewhere there is nobody whom the dashboard could know.
    if runtime.config.dashboard.enabled and runtime.config.residency in runtime.databases.residencies:
        # The last: it owns every path that nobody else has.
        routes.extend(dashboard.routes(runtime))
    return create_app(runtime, metrics=metrics, routes=routes, beside=beside)


def handlers() -> Mapping[str, Handler]:
    """Return the handler of every queue: the workers' own, the developer API's and the dashboard's."""
    return {**worker.HANDLERS, **api_jobs.HANDLERS, **dashboard.HANDLERS}
