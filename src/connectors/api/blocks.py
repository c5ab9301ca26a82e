"""Quota as this node spends it: blocks of bytes, lent by the database, spent in memory."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from connectors.api.ring import Databases
from connectors.errors import StoreUnavailable
from connectors.store import quotas
from connectors.store.keys import Key

SMALLEST = 2**20
LARGEST = 16 * 2**20
"""Bytes of a block: a thousandth of the allowance, within these bounds and what one request needs."""
ASKED_AGAIN = 5.0
"""Seconds between questions whether a used up quota has anything left."""


@dataclass(frozen=True, slots=True)
class Spent:
    """The end of a quota decision. `remaining` is what the tenant has left, as far as this node knows."""

    allowed: bool
    remaining: int


@dataclass(slots=True)
class _Block:
    period: str
    left: int = 0
    """Bytes that this node may spend."""
    beyond: int = 0
    """Bytes that nobody had taken when the database was last asked."""
    asked_at: float = -ASKED_AGAIN


class Blocks:
    """The blocks of all tenants that this node serves. For one event loop."""

    def __init__(
        self,
        databases: Databases,
        *,
        now: Callable[[], datetime],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._databases = databases
        self._now = now
        self._clock = clock
        self._blocks: dict[tuple[str, str], _Block] = {}
        self._locks: defaultdict[tuple[str, str], asyncio.Lock] = defaultdict(asyncio.Lock)
        self._ahead: dict[tuple[str, str], asyncio.Task[None]] = {}

    async def spend(self, key: Key, amount: int) -> Spent:
        """Spend `amount` bytes of the key's tenant. Waits for the database only when the block is used up."""
        block = self._block(key)
        if block.left < amount:
            await self._lend(key, block, amount)
        if block.left < amount:
            return Spent(allowed=False, remaining=block.left + block.beyond)
        block.left -= amount
        self._lend_ahead(key, block)
        return Spent(allowed=True, remaining=block.left + block.beyond)

    async def give_back(self) -> None:
        """Return what is not spent, before this node stops."""
        for task in list(self._ahead.values()):
            await task
        for (residency, tenant), block in list(self._blocks.items()):
            left, block.left = block.left, 0
            if left:
                await asyncio.to_thread(self._return, residency, tenant, block.period, left)

    def _return(self, residency: str, tenant: str, period: str, amount: int) -> None:
        self._databases.of(residency).run(
            lambda c: quotas.give_back(c, residency=residency, tenant=tenant, period=period, amount=amount)
        )

    def _block(self, key: Key) -> _Block:
        place = key.residency, key.tenant
        period = quotas.period_of(self._now())
        block = self._blocks.get(place)
        if block is None or block.period != period:
            block = self._blocks[place] = _Block(period)
        return block

    async def _lend(self, key: Key, block: _Block, amount: int) -> None:
        async with self._locks[key.residency, key.tenant]:
            exhausted = amount > block.left + block.beyond
            recent = self._clock() - block.asked_at < ASKED_AGAIN
            if block.left >= amount or (exhausted and recent):
                return
            wanted = max(amount - block.left, _size(key))
            granted, beyond = await asyncio.to_thread(self._take, key, wanted)
            block.left += granted
            block.beyond = beyond
            block.asked_at = self._clock()

    def _lend_ahead(self, key: Key, block: _Block) -> None:
        """Ask for the next block before this one is used up, so that no request waits for it."""
        place = key.residency, key.tenant
        if block.left >= _size(key) // 4 or not block.beyond or place in self._ahead:
            return
        task = asyncio.create_task(self._lend_quietly(key, block))
        self._ahead[place] = task
        task.add_done_callback(lambda _: self._ahead.pop(place, None))

    async def _lend_quietly(self, key: Key, block: _Block) -> None:
        try:
            await self._lend(key, block, block.left + 1)
        except StoreUnavailable:
            return  # Whoever needs the bytes will ask again, and be told.

    def _take(self, key: Key, amount: int) -> tuple[int, int]:
        database = self._databases.of(key.residency)
        return database.run(
            lambda c: quotas.take(
                c,
                database,
                residency=key.residency,
                tenant=key.tenant,
                amount=amount,
                allowance=key.limits.monthly_bytes,
                now=self._now(),
            )
        )


def _size(key: Key) -> int:
    return min(max(key.limits.monthly_bytes // 1000, SMALLEST), LARGEST)
