"""The keys that this node knows: a cache that a revoked key leaves within five seconds.

A key is read from the database when it is first seen, and again every other second for as long as it is used. What
was read longer ago than `TRUSTED` opens nothing, so that a node which has lost the database closes.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from connectors.store import keys
from connectors.store.engine import Database

TRUSTED = 4.5
"""Seconds that what was read about a key is trusted: with the time of a request, within five."""
REFRESHED = 2.0
"""Seconds between readings of the keys in use."""
FORGOTTEN = 60.0
"""Seconds after its last use that a key is read again only when it comes back."""
MOST = 50_000
"""Entries kept: wrong keys of an attacker push each other out."""


class Databases(Protocol):
    """Where the rows of each residency are."""

    def of(self, residency: str) -> Database:
        """Return the database of a residency. Raises `ConfigError` for one that this node does not serve."""


@dataclass(slots=True)
class _Entry:
    hash: str
    residency: str
    key: keys.Key | None
    read_at: float
    used_at: float


class KeyRing:
    """Answers which key a text is. Safe to use from several threads."""

    def __init__(
        self,
        databases: Databases,
        residencies: frozenset[str],
        *,
        now: Callable[[], datetime],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._databases = databases
        self._residencies = residencies
        self._now = now
        self._clock = clock
        self._entries: dict[str, _Entry] = {}

    def known(self, text: str) -> keys.Key | None:
        """Return the key from memory when it is there and fresh, else None. Never waits."""
        entry = self._entries.get(keys.digest(text))
        if entry is None or self._clock() - entry.read_at > TRUSTED:
            return None
        entry.used_at = self._clock()
        return entry.key if entry.key is not None and entry.key.works(self._now()) else None

    def refused(self, text: str) -> bool:
        """Tell from memory or from its shape alone that the text opens nothing. Never waits."""
        if keys.residency_of(text) not in self._residencies:
            return True
        entry = self._entries.get(keys.digest(text))
        if entry is None or self._clock() - entry.read_at > TRUSTED:
            return False
        return entry.key is None or not entry.key.works(self._now())

    def reason(self, text: str) -> str:
        """Say in one word why a text opened nothing, as far as this node knows; for the metrics."""
        if keys.residency_of(text) not in self._residencies:
            return "malformed"
        entry = self._entries.get(keys.digest(text))
        return entry.key.why_not() if entry is not None and entry.key is not None else "unknown"

    def look_up(self, text: str) -> keys.Key | None:
        """Return the key from the database, or None when there is no such key or it does not work any more."""
        residency = keys.residency_of(text)
        if residency not in self._residencies or residency is None:
            return None
        hashed = keys.digest(text)
        self._read(residency, {keys.key_id(hashed): hashed})
        return self.known(text)

    def refresh(self) -> int:
        """Read every key in use again; return how many. Forget those that are not."""
        horizon = self._clock() - FORGOTTEN
        wanted: dict[str, dict[UUID, str]] = defaultdict(dict)
        for hashed, entry in list(self._entries.items()):
            if entry.used_at < horizon:
                self._entries.pop(hashed, None)
            elif entry.key is not None:
                wanted[entry.residency][entry.key.id] = hashed
        for residency, hashes in wanted.items():
            self._read(residency, hashes)
        return sum(len(hashes) for hashes in wanted.values())

    def used(self) -> dict[str, list[keys.Key]]:
        """Return the working keys in use, by residency."""
        found: dict[str, list[keys.Key]] = defaultdict(list)
        for entry in list(self._entries.values()):
            if entry.key is not None:
                found[entry.residency].append(entry.key)
        return found

    def _read(self, residency: str, hashes: Mapping[UUID, str]) -> None:
        # The time before the query: a revocation right after it is seen in time by the next one.
        asked_at = self._clock()
        database = self._databases.of(residency)
        found = database.read(lambda c: keys.load(c, residency=residency, ids=hashes))
        for row, hashed in hashes.items():
            key = found.get(row)
            if key is not None and not keys.same(key.hash, hashed):
                key = None
            self._put(_Entry(hashed, residency, key, asked_at, self._used_at(hashed, asked_at)))

    def _used_at(self, hashed: str, default: float) -> float:
        entry = self._entries.get(hashed)
        return entry.used_at if entry is not None else default

    def _put(self, entry: _Entry) -> None:
        while len(self._entries) >= MOST and entry.hash not in self._entries:
            self._entries.pop(next(iter(self._entries)), None)
        self._entries[entry.hash] = entry
