"""What the endpoints share: the runtime, the gate, the detectors and the compiled policies of one node."""

from __future__ import annotations

import asyncio
import os
import sys
from uuid import UUID

from connectors.api.gate import Gate
from connectors.api.policies import PolicyBook
from connectors.api.rules import Detectors, Policy
from connectors.api.wire import PolicyBody
from connectors.detection import load_engine
from connectors.metrics import Metrics
from connectors.runtime import Runtime
from connectors.store.engine import Database
from connectors.store.keys import Key

USAGE_SHARDS = 8
SWITCH = 0.0005
"""Seconds after which a thread that computes lets another one run."""


class Platform:
    """The developer platform of one process."""

    def __init__(self, runtime: Runtime, *, metrics: Metrics | None = None) -> None:
        self.runtime = runtime
        self.metrics = metrics or Metrics()
        for residency in runtime.databases.residencies:
            runtime.databases.of(residency)  # Opened here, and not by two threads at once.
        self.gate = Gate(
            runtime.databases,
            frozenset(runtime.databases.residencies),
            now=runtime.now,
            metrics=self.metrics,
            kept=runtime.config.retention.requests,
            # Processes add to usage rows of their own as far as the shards reach, so that they rarely meet.
            shard=os.getpid() % USAGE_SHARDS,
        )
        self.detectors = detectors_of(runtime)
        self.policies = PolicyBook(runtime.vault)

    def start(self) -> None:
        """Start what runs beside the requests. Called again, it does nothing."""
        # The recorder's thread would keep the event loop waiting five milliseconds at each of its system calls.
        if sys.getswitchinterval() > SWITCH:
            sys.setswitchinterval(SWITCH)
        self.gate.recorder.start()

    async def stop(self) -> None:
        """Write the request log and return unspent quota."""
        await self.gate.blocks.give_back()
        await asyncio.to_thread(self.gate.recorder.stop)

    def database(self, key: Key) -> Database:
        """Return the database of a key's tenant."""
        return self.runtime.databases.of(key.residency)

    async def policy(self, key: Key, body: PolicyBody | UUID) -> Policy:
        """Return the compiled policy of a request. Raises `ApiError`."""
        known = self.policies.known(key, body)
        if known is not None:
            return known
        return await asyncio.to_thread(self.policies.stored, self.database(key), key, body)


def detectors_of(runtime: Runtime) -> Detectors:
    """Return the detectors that requests may name: the installation's engine, and the rest of the catalog."""
    settings = runtime.config.detection
    cache = runtime.path(settings.cache) if settings.cache else None
    return Detectors(runtime.engine, more=lambda ids: load_engine(include=ids, cache=cache, backend=settings.backend))
