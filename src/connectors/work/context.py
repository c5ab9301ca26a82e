"""What a connector gets from the host: `Context`, with the budgets that all workers of a connection share."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.request import getproxies

import structlog
from pydantic import AnyUrl, BaseModel
from requests.utils import should_bypass_proxies
from structlog.typing import FilteringBoundLogger

from connectors.contract import Budget, Connector
from connectors.errors import ConfigError, RateLimited
from connectors.host import validated
from connectors.model import JSON, Person
from connectors.net import Limits, Session, connect
from connectors.runtime import Runtime
from connectors.store import connections
from connectors.store.connections import Owner
from connectors.store.engine import Database

LONGEST_WAIT = 5.0
"""Seconds that a worker thread waits for a budget; for longer waits the event goes back to the queue."""

STATE_LIMIT = 64 * 1024


class SharedBudgets:
    """The rate budgets of one connection in this process; blocks of tokens are drawn from the database."""

    def __init__(
        self,
        database: Database,
        owner: Owner,
        budgets: Mapping[str, Budget],
        *,
        now: Callable[[], datetime],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._database = database
        self._owner = owner
        self._budgets = budgets
        self._now = now
        self._sleep = sleep
        self._tokens: dict[str, float] = {}
        self._blocked: dict[str, datetime] = {}
        self._lock = threading.Lock()

    def spend(self, bucket: str, cost: int = 1) -> None:
        """Spend `cost` units, waiting for them if need be. Raises `RateLimited` when that would take long."""
        waited = 0.0
        while True:
            wait = self._take(bucket, cost)
            if wait <= 0:
                return
            if waited + wait > LONGEST_WAIT:
                raise RateLimited(f"the budget {bucket!r} of this connection is spent", after=wait)
            self._sleep(wait)
            waited += wait

    def block(self, bucket: str, after: float) -> None:
        """Let no worker of the connection call in a bucket for `after` seconds."""
        now = self._now()
        until = now + timedelta(seconds=after)
        with self._lock:
            self._blocked[bucket] = until
            self._tokens.pop(bucket, None)
        self._database.run(
            lambda c: connections.block_budget(self._database, c, self._owner, bucket, until=until, now=now)
        )

    def _take(self, bucket: str, cost: int) -> float:
        """Take tokens from this process's block, or draw another; return the seconds to wait, 0 for none."""
        budget = self._budgets.get(bucket)
        now = self._now()
        with self._lock:
            blocked = self._blocked.get(bucket)
            if blocked is not None and blocked > now:
                return (blocked - now).total_seconds()
            if budget is None:
                return 0.0
            if self._tokens.get(bucket, 0.0) >= cost:
                self._tokens[bucket] -= cost
                return 0.0
        # About half a second's worth at once: few transactions, and little is lost with a process.
        block = budget.units / budget.seconds / 2
        grant = self._database.run(
            lambda c: connections.draw(self._database, c, self._owner, bucket, budget, cost=cost, block=block, now=now)
        )
        if grant.tokens < cost:
            return max(grant.wait, 0.01)
        with self._lock:
            self._tokens[bucket] = self._tokens.get(bucket, 0.0) + grant.tokens - cost
        return 0.0


class StoredState:
    """A connection's small key-value store, encrypted in the database."""

    def __init__(self, runtime: Runtime, owner: Owner) -> None:
        self._runtime = runtime
        self._owner = owner
        self._database = runtime.databases.of(owner.residency)

    def get(self, key: str) -> JSON | None:
        """Return the value under `key`, or None."""
        vault = self._runtime.vault
        return self._database.read(lambda c: connections.get_value(c, self._owner, key, vault))

    def put(self, key: str, value: JSON) -> None:
        """Store `value`. Raises `ConfigError` when it is larger than 64 KiB."""
        text = json.dumps(value)
        if len(text) > STATE_LIMIT:
            raise ConfigError(f"a connector's state value is limited to {STATE_LIMIT} bytes")
        sealed = self._runtime.vault.seal(value, context=connections.value_context(self._owner, key))
        now = self._runtime.now()
        self._database.run(lambda c: connections.put_value(self._database, c, self._owner, key, sealed, now=now))


class ConnectionContext:
    """The `Context` of one connection in this process; its threads share it."""

    def __init__(self, runtime: Runtime, connection: str) -> None:
        self.connection = connection
        self.owner = runtime.owner(connection)
        self.tenant = self.owner.tenant
        self.log: FilteringBoundLogger = structlog.get_logger().bind(connection=connection, tenant=self.tenant)
        self.state = StoredState(runtime, self.owner)
        connector = runtime.host.connector_class(self.owner.app)
        database = runtime.databases.of(self.owner.residency)
        self.budgets = SharedBudgets(database, self.owner, connector.budgets, now=runtime.now)
        settings = runtime.config.connections[connection].config
        self._urls = tuple(
            addresses_in(validated(connector.Config, settings, at=("connections", connection, "config")))
        )
        self._guard = runtime.guard.trusting(self._urls)
        self._runtime = runtime

    def session(self, bucket: str = "default") -> Session:
        """Return a session whose every request spends from `bucket`.

        Its guard trusts the hosts that the connection's configuration names. Any other address comes from the app's
        answers, and must be public or allowed by `outbound.allow`.
        """
        outbound = self._runtime.config.outbound
        proxy = outbound.proxy.get_secret_value() if outbound.proxy else ""
        return connect(
            bucket=bucket,
            budget=self.budgets.spend,
            throttled=self.throttled,
            guard=self._guard,
            limits=Limits(read=outbound.timeout),
            proxies={"http": proxy, "https": proxy} if proxy else environment_proxies(self._urls),
        )

    def wait(self, bucket: str = "default", cost: int = 1) -> None:
        """Spend `cost` units of a bucket's budget."""
        self.budgets.spend(bucket, cost)

    def throttled(self, bucket: str, after: float) -> None:
        """Let no worker of the connection call in `bucket` for `after` seconds."""
        self.log.warning("throttled", bucket=bucket, seconds=round(after, 1))
        self.budgets.block(bucket, after)

    def now(self) -> datetime:
        """Return the time, aware, UTC."""
        return self._runtime.now()


def addresses_in(value: object) -> Iterator[str]:
    """Yield the URLs that a connection's configuration holds, those of its defaults too."""
    if isinstance(value, BaseModel):
        value = dict(value)
    if isinstance(value, Mapping):
        value = tuple(value.values())
    if isinstance(value, list | tuple | set | frozenset):
        for each in value:
            yield from addresses_in(each)
    elif isinstance(value, str | AnyUrl) and str(value).startswith(("https://", "http://")):
        yield str(value)


def environment_proxies(urls: Sequence[str]) -> dict[str, str]:
    """Return the proxies of the environment, unless it exempts every one of the URLs."""
    if urls and all(should_bypass_proxies(url, no_proxy=None) for url in urls):
        return {}
    return {scheme: proxy for scheme, proxy in getproxies().items() if scheme in ("http", "https")}


class Connections:
    """The connector objects of one process: contexts are shared, objects belong to one thread each."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._contexts: dict[str, ConnectionContext] = {}
        self._lock = threading.Lock()
        self._local = threading.local()
        self.people: dict[tuple[str, str], tuple[Person, datetime]] = {}
        """Who people are, by (connection, id), and until when that holds."""

    def context(self, connection: str) -> ConnectionContext:
        """Return a connection's context."""
        with self._lock:
            if connection not in self._contexts:
                self._contexts[connection] = ConnectionContext(self._runtime, connection)
            return self._contexts[connection]

    def get(self, connection: str) -> Connector[Any]:
        """Return this thread's object of a connection. Raises `ConfigError` or `PluginFault`."""
        objects: dict[str, Connector[Any]] | None = getattr(self._local, "objects", None)
        if objects is None:
            objects = self._local.objects = {}
        if connection not in objects:
            settings = self._runtime.config.connections[connection]
            context = self.context(connection)
            objects[connection] = self._runtime.host.connect(settings.connector, settings.config, context)
        return objects[connection]
