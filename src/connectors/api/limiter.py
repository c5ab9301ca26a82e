"""Rate limits: an average and a burst per key and endpoint, in this node's memory.

The limit is per node: behind n nodes and a fair balancer a key gets up to n times its average. Nothing is shared,
so that no request waits for another node to count it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass

MOST = 100_000
"""Buckets kept before those that are full again are dropped."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a request may go on; `remaining` requests could follow at once, else wait `after` seconds."""

    allowed: bool
    remaining: int
    after: float = 0.0


class Limiter:
    """Token buckets. For one event loop: not locked."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: dict[Hashable, tuple[float, float, float]] = {}

    def take(self, bucket: Hashable, *, rate: float, burst: int) -> Verdict:
        """Take one request out of a bucket that fills with `rate` a second up to `burst`."""
        now = self._clock()
        tokens, filled_at, _ = self._buckets.get(bucket, (float(burst), now, 0.0))
        tokens = min(float(burst), tokens + (now - filled_at) * rate)
        if tokens < 1:
            self._buckets[bucket] = tokens, now, now + burst / rate
            return Verdict(allowed=False, remaining=0, after=(1 - tokens) / rate)
        tokens -= 1
        self._buckets[bucket] = tokens, now, now + (burst - tokens) / rate
        if len(self._buckets) > MOST:
            self._prune(now)
        return Verdict(allowed=True, remaining=math.floor(tokens))

    def _prune(self, now: float) -> None:
        """Drop the buckets that would be full by now: they say nothing."""
        self._buckets = {name: state for name, state in self._buckets.items() if state[2] > now}
