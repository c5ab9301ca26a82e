"""`POST /webhooks/{connection}`: verified by the connection, recorded once, answered in milliseconds."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from dataclasses import dataclass
from typing import Any

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from connectors import tracing
from connectors.contract import Connector, ReceivesWebhooks
from connectors.errors import ConfigError, Malformed, PluginFault, StoreUnavailable, Unverified
from connectors.gateway.intake import Intake
from connectors.host import wall
from connectors.metrics import Metrics
from connectors.model import Delivery, Receipt
from connectors.runtime import Runtime
from connectors.store.connections import Owner
from connectors.store.inbox import Arrival, prepare
from connectors.work.context import Connections

log = structlog.get_logger()


class TooLarge(Exception):
    """The body is over the limit."""


@dataclass(frozen=True)
class Door:
    """One connection that takes webhooks."""

    owner: Owner
    plugin: str
    connector: Connector[Any]
    receiver: ReceivesWebhooks


class Webhooks:
    """Receives the deliveries of every connection that can verify them."""

    def __init__(self, runtime: Runtime, metrics: Metrics, intakes: dict[str, Intake]) -> None:
        self._runtime = runtime
        self._metrics = metrics
        self._intakes = intakes
        self._limit = runtime.config.gateway.body_limit
        self._doors = dict(_doors(runtime))

    async def receive(self, request: Request) -> Response:
        """Answer one delivery."""
        started = time.perf_counter()
        door = self._doors.get(request.path_params["connection"])
        if door is None:
            # The name is the sender's word: it must not become a label.
            return self._answer("unknown", "unknown_connection", 404)
        name = door.owner.connection
        try:
            body = await self._read(request)
        except TooLarge:
            return self._answer(name, "too_large", 413)
        except ClientDisconnect:
            return self._answer(name, "disconnected", 400)
        headers = {key.decode("latin-1"): value.decode("latin-1") for key, value in request.scope["headers"]}
        delivery = Delivery(name, headers, body, request.scope["query_string"].decode("latin-1"))
        try:
            with wall(door.plugin, "receive"):
                receipt = door.receiver.receive(delivery, self._runtime.now())
        except Unverified:
            return self._answer(name, "unverified", 401)
        except Malformed as error:
            receipt = Receipt(failure=str(error))
        except PluginFault as fault:
            log.error("plugin_fault", connection=name, plugin=fault.plugin, error=str(fault))
            return self._answer(name, "plugin_fault", 500)
        if not receipt.events and not receipt.failure:
            return self._answer(name, "ignored", 200, receipt)
        try:
            await self._accept(door, delivery, receipt)
        except StoreUnavailable:
            response = self._answer(name, "unavailable", 503)
            response.headers["Retry-After"] = "5"
            return response
        self._metrics.accept_seconds.observe(time.perf_counter() - started)
        return self._answer(name, "failed" if receipt.failure else "accepted", 200, receipt)

    async def _read(self, request: Request) -> bytes:
        declared = request.headers.get("content-length", "")
        if declared.isdigit() and int(declared) > self._limit:
            raise TooLarge
        chunks, size = [], 0
        async for chunk in request.stream():
            size += len(chunk)
            if size > self._limit:
                raise TooLarge
            chunks.append(chunk)
        return b"".join(chunks)

    async def _accept(self, door: Door, delivery: Delivery, receipt: Receipt) -> None:
        retention = self._runtime.config.retention
        now = self._runtime.now()
        arrival = Arrival(
            residency=door.owner.residency,
            tenant=door.owner.tenant,
            connection=door.owner.connection,
            # Without an id of the app's, the same bytes are the same delivery.
            delivery_id=receipt.delivery_id or hashlib.sha256(delivery.body).hexdigest(),
            received_at=now,
            events=receipt.events,
            failure=receipt.failure,
            size=len(delivery.body),
            body=replayable(delivery) if receipt.failure else b"",
            expires_at=now + (retention.failed if receipt.failure else retention.deliveries),
        )
        database = self._runtime.databases.of(door.owner.residency)
        prepared = prepare(arrival, vault=self._runtime.vault, shards=database.shards)
        keys = [row["resource_key"] for row in prepared.events]
        with tracing.span("delivery", keys, connection=door.owner.connection, events=len(keys)):
            await self._intakes[door.owner.residency].accept(prepared)
        if log.is_enabled_for(logging.DEBUG):
            log.debug(
                "delivery_accepted",
                delivery=str(prepared.delivery["id"]),
                connection=arrival.connection,
                tenant=arrival.tenant,
                residency=arrival.residency,
                events=[str(row["id"]) for row in prepared.events],
            )

    def _answer(self, connection: str, outcome: str, status: int, receipt: Receipt | None = None) -> Response:
        self._metrics.deliveries.labels(connection, outcome).inc()
        reply = receipt.reply if receipt else None
        if reply is not None:
            return Response(reply.body, reply.status, media_type=reply.media_type)
        return Response(status_code=status)


def replayable(delivery: Delivery) -> bytes:
    """Return what a replay needs of a delivery: length of the headers, headers, body. It is encrypted at rest."""
    headers = json.dumps(dict(delivery.headers)).encode()
    return len(headers).to_bytes(4, "big") + headers + delivery.body


def from_replayable(connection: str, stored: bytes) -> Delivery:
    """Return the delivery that `replayable` was given."""
    length = int.from_bytes(stored[:4], "big")
    return Delivery(connection, json.loads(stored[4 : 4 + length]), stored[4 + length :])


def _doors(runtime: Runtime) -> list[tuple[str, Door]]:
    """Build the connections that take webhooks: those that are enabled, able, and have a secret to verify with."""
    doors = []
    connections = Connections(runtime)
    for name, settings in runtime.config.connections.items():
        if not settings.enabled or runtime.owner(name).residency not in runtime.databases.residencies:
            continue
        try:
            connector = connections.get(name)
        except (ConfigError, PluginFault) as error:
            log.error("connection_not_served", connection=name, reason=str(error))
            continue
        if not isinstance(connector, ReceivesWebhooks):
            continue
        if connector.config.webhook_secret is None:
            log.warning("webhooks_not_accepted", connection=name, reason="no webhook_secret is configured")
            continue
        owner = runtime.owner(name)
        doors.append((name, Door(owner, runtime.host.owners[settings.connector], connector, connector)))
    return doors
