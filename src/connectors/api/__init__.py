"""The developer platform: scan API, uploads, management API, keys, quotas, request log."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from connectors.api.app import Api
    from connectors.metrics import Metrics
    from connectors.runtime import Runtime


def create_api(runtime: Runtime, *, metrics: Metrics | None = None) -> Api:
    """Return the developer platform of an installation as an ASGI application."""
    from connectors.api.app import Api

    return Api(runtime, metrics=metrics)
