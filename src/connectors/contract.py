"""The plugin API: a small `Connector` class, and optional powers as Protocols.

A plugin imports from `connectors` only names that `connectors.__init__`, `connectors.model`, `connectors.errors`
and this module publish. One connector object serves one worker thread at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, ClassVar, Generic, Protocol, TypeVar, runtime_checkable

import requests
from pydantic import BaseModel, ConfigDict, Field, SecretStr
from structlog.typing import FilteringBoundLogger

from connectors.model import (
    JSON,
    ActionSpec,
    Check,
    Cursor,
    Delivery,
    Event,
    Outcome,
    Page,
    Partition,
    Person,
    PersonRef,
    Receipt,
    Resource,
    ScanUnit,
    Subscription,
    Target,
    UnitFailure,
)

API_VERSION = (1, 0)
"""Version of this contract. A plugin states the major version it was written for in `Connector.requires_api`."""


class ConnectionConfig(BaseModel):
    """Base of a connector's configuration model: what stands under `config:` of one connection.

    Unknown keys are errors. Use `SecretStr` for credentials and `Field(description=…, examples=[…])` for
    everything: the reference page and the contract kit read them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    webhook_secret: SecretStr | None = Field(
        default=None,
        description="Shared secret that verifies incoming webhooks. Without one, webhooks are not accepted.",
    )


class State(Protocol):
    """A small key-value store of one connection, for ETags, channel ids and the like. Values rest encrypted."""

    def get(self, key: str) -> JSON | None:
        """Return the value under `key`, or None."""

    def put(self, key: str, value: JSON) -> None:
        """Store `value` (JSON-able, under 64 KiB) at once."""


class Context(Protocol):
    """All that a connector gets from the host. Never the database, never the application."""

    @property
    def connection(self) -> str:
        """Name of this connection in the configuration."""

    @property
    def tenant(self) -> str:
        """Whose connection it is."""

    @property
    def log(self) -> FilteringBoundLogger:
        """A logger bound to connection and tenant. Log ids, never content."""

    @property
    def state(self) -> State:
        """The small key-value store of this connection."""

    def session(self, bucket: str = "default") -> requests.Session:
        """Return an HTTP session that obeys the connection's budget, time-outs, proxies and `Retry-After`.

        Answers of 429 and 503 that ask to wait longer than a few seconds raise `RateLimited`; network faults and
        5xx after bounded retries raise `Transient`. `bucket` names a rate budget of the app: calls in one bucket
        wait for each other over all workers of the connection.

        An SDK that brings its own HTTP client takes the proxies from here: `session().proxies`, a URL by scheme, empty
        for none. They are those of `outbound.proxy`, or else of the environment.
        """

    def wait(self, bucket: str = "default", cost: int = 1) -> None:
        """Wait for `cost` units of a bucket's budget, for SDKs that bring their own HTTP client.

        Raises `RateLimited` when the wait would be longer than a few seconds.
        """

    def throttled(self, bucket: str, after: float) -> None:
        """Tell all workers of the connection that the app asked to wait `after` seconds in `bucket`."""

    def now(self) -> datetime:
        """Return the time, aware, UTC."""


class Budget(BaseModel):
    """A rate budget: `units` per `seconds`, spent in bursts of at most `burst`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    units: float = Field(gt=0)
    seconds: float = Field(default=60.0, gt=0)
    burst: float | None = None


C = TypeVar("C", bound=ConnectionConfig)


class Connector(Generic[C]):
    """One configured connection to one app. Subclass it, set `name` and `Config`, and write two methods.

    The host builds one object per worker thread; the constructor does no I/O.
    """

    name: ClassVar[str]
    """The connector's name in the configuration: lower case, `[a-z][a-z0-9_]*`."""

    title: ClassVar[str] = ""
    """Name of the app as people write it ("Google Drive")."""

    Config: ClassVar[type[ConnectionConfig]] = ConnectionConfig

    requires_api: ClassVar[int] = API_VERSION[0]

    budgets: ClassVar[Mapping[str, Budget]] = {}
    """The app's rate limits, by bucket name, as `Context.session(bucket)` and `Context.wait(bucket)` use them."""

    def __init__(self, config: C, context: Context) -> None:
        self.config = config
        self.context = context

    def check(self) -> Iterator[Check]:
        """Say what works, what will not, and what to do about it.

        Called by `connectors check` and at start-up. May use the network; must not change anything in the app.
        Yield a failed `Check` rather than raise.
        """
        raise NotImplementedError

    def not_read(self) -> Iterator[UnitFailure]:
        """Name the kinds of places of the app that this connection never reads, and why: nothing is left out silently.

        Called at the start of every sync; rests on the configuration alone, without the network. `part` names the
        kind ("drafts"), each once; `resource` stays unset. The host keeps them in the ledger, once per connection.
        """
        yield from ()

    def units(self, event: Event) -> Iterator[ScanUnit | UnitFailure]:
        """Turn a CHANGED event into the texts and blobs to scan.

        Called in a worker, any number of times for one event. May call the API for what the payload lacks; prefer
        `Blob`s for bytes. Yield a `UnitFailure` for a part that cannot be read. Raise `NotFound` when the resource
        is gone, `RateLimited` or `Transient` to be called again later.
        """
        raise NotImplementedError


@runtime_checkable
class ReceivesWebhooks(Protocol):
    """Push: the app posts to `/webhooks/{connection}`."""

    def receive(self, delivery: Delivery, now: datetime) -> Receipt:
        """Verify and parse one delivery.

        Pure: no network, no database, milliseconds. Called in the request. Raise `Unverified` when the sender is
        not proven, with nothing looked at before; raise `Malformed`, or return a receipt with `failure`, for a
        verified body that cannot be understood. Unknown event types are no failure: return no events.
        """


@runtime_checkable
class Syncs(Protocol):
    """History and incremental reading, by one method."""

    def partitions(self) -> Iterator[Partition]:
        """List what to read: normally one partition per container. Called at the start of every sync."""

    def read(self, partition: Partition, cursor: Cursor | None) -> Iterator[Page]:
        """Yield pages from `cursor` on; None means from the beginning.

        The host commits the pages in their order, each with its cursor, and may ask for the next, in a thread of its
        own, while it commits one. It may stop asking at any page: a later call continues from the last committed
        cursor, so nothing but the cursor may say how far a reading is. The last page has `done=True`.
        """


@runtime_checkable
class Subscribes(Protocol):
    """Push channels that expire and must be renewed."""

    def subscribe(self, callback: str, current: Subscription | None) -> Subscription:
        """Make or renew the channel to `callback` (the public URL of this connection's webhook endpoint).

        Called at start-up and when three quarters of the time to `expires_at` are over. Renew with overlap:
        make the new one, then end the old one.
        """

    def unsubscribe(self, current: Subscription) -> None:
        """End the channel at the app.

        Called when the connection is removed. What is gone already, or ends by itself, is no error.
        """


@runtime_checkable
class Remediates(Protocol):
    """Actions in the app."""

    actions: ClassVar[tuple[ActionSpec, ...]]

    def act(self, action: str, target: Target, *, dry_run: bool) -> Outcome:
        """Do one of `actions`, or say what would be done.

        Read the current content first and use `target.matches` on it: when the value is gone, change nothing and
        return NOTHING_TO_DO. Must be idempotent: it is called again after a crash.
        """


@runtime_checkable
class Rereads(Protocol):
    """One resource, read again when we ask for it instead of when the app tells of it."""

    def reread(self, resource: Resource) -> Event:
        """Return the event of `resource` as it is in the app now, with the id and version that a sync would give it.

        Called in a worker after an action was done or found another content than expected, so that findings end
        without a webhook or a sync. `resource` is what a finding keeps of it: `parent` is empty, and may stay so.
        Raise `NotFound` when it is gone, `Unsupported` for a kind that cannot be read alone: the partition that
        listed it is read instead.
        """


@runtime_checkable
class KnowsPeople(Protocol):
    """Resolves people, so that alerts reach the author or owner."""

    def person(self, ref: PersonRef) -> Person:
        """Return who `ref` is, with e-mail where the app shows it. Raise `NotFound` for somebody unknown."""


def powers(connector: type[Connector[Any]]) -> tuple[str, ...]:
    """Return the names of the optional powers that a connector class has."""
    offered = {
        "ReceivesWebhooks": ("receive",),
        "Syncs": ("partitions", "read"),
        "Subscribes": ("subscribe", "unsubscribe"),
        "Remediates": ("actions", "act"),
        "Rereads": ("reread",),
        "KnowsPeople": ("person",),
    }
    return tuple(name for name, members in offered.items() if all(hasattr(connector, m) for m in members))
