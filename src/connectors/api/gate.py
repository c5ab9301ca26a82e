"""The decision over each request: who asks, may they, how often, how much. In memory, in microseconds."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from starlette.requests import Request

from connectors.api.blocks import Blocks
from connectors.api.errors import ApiError
from connectors.api.limiter import Limiter
from connectors.api.recorder import Recorder
from connectors.api.ring import Databases, KeyRing
from connectors.metrics import Metrics
from connectors.store import quotas
from connectors.store.keys import Key
from connectors.store.requests import KEPT
from connectors.store.requests import Request as Logged

BODY_LIMIT = 8 * 2**20
"""Bytes of a JSON body: the payload's limit with room for escapes and long word lists."""


@dataclass(slots=True)
class Exchange:
    """One request on its way: what the log will say of it, and the headers its answer will carry."""

    at: datetime
    started: float
    id: UUID = field(default_factory=lambda: UUID(int=random.getrandbits(128), version=4))
    key: Key | None = None
    endpoint: str = ""
    size: int = 0
    items: int = 0
    findings: int = 0
    code: int = 0
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)

    def header(self, name: bytes, value: int | str) -> None:
        """Add a header to the answer."""
        self.headers.append((name, str(value).encode()))


class Gate:
    """Keys, rates and quotas of one node, and the recorder that its answers never wait for."""

    def __init__(
        self,
        databases: Databases,
        residencies: frozenset[str],
        *,
        now: Callable[[], datetime],
        metrics: Metrics,
        kept: timedelta = KEPT,
        shard: int = 0,
    ) -> None:
        self.now = now
        self.ring = KeyRing(databases, residencies, now=now)
        self.limiter = Limiter()
        self.blocks = Blocks(databases, now=now)
        self.recorder = Recorder(databases, self.ring, now=now, metrics=metrics, kept=kept, shard=shard)
        self._metrics = metrics

    def exchange(self) -> Exchange:
        """Begin an exchange."""
        return Exchange(at=self.now(), started=time.perf_counter())

    async def enter(self, exchange: Exchange, authorization: str, *, endpoint: str, scope: str) -> Key:
        """Let a request in, or raise `ApiError`: key, scope and rate."""
        key = await self._key(authorization)
        exchange.key = key
        exchange.endpoint = endpoint
        if scope not in key.scopes:
            self._refused("scope")
            raise ApiError(40300, f"This key does not have the scope {scope}.")
        verdict = self.limiter.take((key.id, endpoint), rate=key.limits.rate, burst=key.limits.burst)
        exchange.header(b"x-rate-limit-remaining", verdict.remaining)
        if not verdict.allowed:
            self._refused("rate")
            after = str(max(1, math.ceil(verdict.after)))
            description = f"This key may call {endpoint} {key.limits.rate:g} times a second on average."
            raise ApiError(42900, description, headers={"Retry-After": after})
        return key

    async def spend(self, exchange: Exchange, key: Key, amount: int) -> None:
        """Spend scanned bytes of the tenant's monthly quota. Raises `ApiError` when it is used up."""
        exchange.size = amount
        spent = await self.blocks.spend(key, amount)
        self._metrics.api_quota.labels(key.tenant).set(spent.remaining)
        end = quotas.period_end(self.now())
        exchange.header(b"x-quota-remaining", spent.remaining)
        exchange.header(b"x-quota-period-end", f"{end.year}-{end.month:02d}-01T00:00:00Z")
        if not spent.allowed:
            self._refused("quota")
            after = str(max(1, math.ceil((end - self.now()).total_seconds())))
            raise ApiError(42901, f"The quota is renewed at {end:%Y-%m-%d %H:%M} UTC.", headers={"Retry-After": after})

    def leave(self, exchange: Exchange, *, method: str, status: int) -> None:
        """Log an answered request of a known key."""
        key = exchange.key
        if key is None:
            return
        self.recorder.put(
            Logged(
                residency=key.residency,
                id=exchange.id,
                tenant=key.tenant,
                key_id=key.id,
                at=exchange.at,
                endpoint=exchange.endpoint,
                method=method,
                status=status,
                code=exchange.code,
                bytes=exchange.size,
                items=exchange.items,
                findings=exchange.findings,
                microseconds=round((time.perf_counter() - exchange.started) * 1e6),
            )
        )

    def _refused(self, reason: str) -> None:
        self._metrics.api_refusals.labels(reason).inc()

    async def _key(self, authorization: str) -> Key:
        scheme, _, text = authorization.partition(" ")
        text = text.strip()
        if scheme.lower() != "bearer" or not text:
            self._refused("no_key")
            raise ApiError(40100, "Send the header `Authorization: Bearer <key>`.", headers=CHALLENGE)
        key = self.ring.known(text)
        if key is None and not self.ring.refused(text):
            key = await asyncio.to_thread(self.ring.look_up, text)
        if key is None:
            self._refused(self.ring.reason(text))
            raise ApiError(40100, "There is no such key, or it was revoked or has expired.", headers=CHALLENGE)
        return key


CHALLENGE = {"WWW-Authenticate": "Bearer"}


def exchange_of(request: Request) -> Exchange:
    """Return the exchange that the wall began for a request."""
    found: Exchange = request.scope["state"]["exchange"]
    return found


def caller(gate: Gate, *, endpoint: str, scope: str) -> Callable[[Request], Awaitable[Key]]:
    """Return a FastAPI dependency that lets a request in and returns its key."""

    async def enter(request: Request) -> Key:
        authorization = request.headers.get("authorization", "")
        return await gate.enter(exchange_of(request), authorization, endpoint=endpoint, scope=scope)

    return enter


async def read_body(request: Request, limit: int = BODY_LIMIT, *, code: int = 41300) -> bytes:
    """Read a body of at most `limit` bytes; nothing beyond it is taken in. Raises `ApiError`."""
    declared = request.headers.get("content-length", "0")
    if not declared.isdecimal() or int(declared) > limit:
        raise ApiError(code, f"At most {limit} bytes are taken.")
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise ApiError(code, f"At most {limit} bytes are taken.")
        parts.append(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


Answer = dict[str, Any]
