"""The seam between an alert and the places it can go."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Generic, Protocol, TypeVar, runtime_checkable

import requests
from pydantic import BaseModel, ConfigDict

from connectors.model import Finding, Person, Resource, Severity


class DestinationConfig(BaseModel):
    """Base of a destination's configuration model: what stands under `config:` of one destination."""

    # Without `hide_input_in_errors` a validation error would quote secrets.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


@dataclass(frozen=True, slots=True)
class Alert:
    """One telling: the findings of one resource that one policy sends to one destination.

    `id` is the idempotency key; it is the same over retries and travels to the destination. `links` are URLs
    by purpose: "review" is signed and only for the author, "dashboard" is for anybody; empty when not
    configured.
    """

    id: str
    tenant: str
    policy: str
    severity: Severity
    app: str
    connection: str
    resource: Resource
    findings: tuple[Finding, ...]
    created_at: datetime
    author: Person | None = None
    message: str = ""
    """What the policy wants to say to the people alerted."""
    links: dict[str, str] = field(default_factory=dict, repr=False)
    stands_for: int = 1
    """How many alerts this one tells at once: more than one when a throttle held some back."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """Proof that a destination took an alert: its own reference (message ts, ticket key, HTTP status)."""

    reference: str = ""
    recipient: str = ""


class DestinationContext(Protocol):
    """What a destination gets from the host."""

    @property
    def name(self) -> str:
        """Its name in the configuration."""

    def session(self) -> requests.Session:
        """Return an HTTP session with time-outs, bounded retries and the guard against private addresses."""

    def now(self) -> datetime:
        """Return the time, aware, UTC."""


D = TypeVar("D", bound=DestinationConfig)


class Destination(Generic[D]):
    """A place alerts go to. Subclass it, set `kind` and `Config`, and write `deliver`."""

    kind: ClassVar[str]
    Config: ClassVar[type[DestinationConfig]] = DestinationConfig

    def __init__(self, config: D, context: DestinationContext) -> None:
        self.config = config
        self.context = context

    def deliver(self, alert: Alert) -> Delivered:
        """Deliver one alert, with `alert.id` as idempotency key where the receiver knows such a thing.

        Called in a worker, again after a failure. Raise `Transient` or `RateLimited` to be called again
        later, `AuthError` when the destination must be repaired, `Unsupported` when it cannot take this
        alert.
        """
        raise NotImplementedError

    def probe(self) -> str:
        """Say in a sentence what can be reached, for `connectors check`; raise what `deliver` raises."""
        return "not probed"


@runtime_checkable
class Resolves(Protocol):
    """An optional power of a destination whose receiver keeps alerts open: it can close them."""

    def resolve(self, alert: Alert) -> Delivered:
        """Close what `deliver` opened for the same `alert.id`.

        Called in a worker when no finding of the alert is open or acknowledged any more, again after a failure, with
        the findings as they are then. Closing what is closed or unknown is no error. Raises what `deliver` raises.
        """


AnyDestination = Destination[Any]
