"""The Google Drive connector: the contract, thin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import ClassVar

from connectors import Budget, Connector, Context
from connectors.model import (
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
from connectors_gdrive import content, events
from connectors_gdrive.channels import Channels
from connectors_gdrive.checks import checks
from connectors_gdrive.client import Drive
from connectors_gdrive.config import DriveConfig
from connectors_gdrive.not_read import not_read
from connectors_gdrive.people import People
from connectors_gdrive.reading import Reader
from connectors_gdrive.remedies import ACTIONS, Remedies


class DriveConnector(Connector[DriveConfig]):
    """Reads the drives of users and the shared drives of one Google Workspace."""

    name = "gdrive"
    title = "Google Drive"
    Config = DriveConfig
    actions: ClassVar[tuple[ActionSpec, ...]] = ACTIONS

    budgets: ClassVar[Mapping[str, Budget]] = {
        # Projects from before May 2026 count queries, newer ones units: both are kept, one of them binds.
        "queries": Budget(units=12_000, seconds=60, burst=400),
        "units": Budget(units=1_000_000, seconds=60, burst=50_000),
    }
    """See https://developers.google.com/workspace/drive/api/guides/limits."""

    def __init__(self, config: DriveConfig, context: Context) -> None:
        super().__init__(config, context)
        secret = config.webhook_secret
        self._secret = secret.get_secret_value() if secret else ""
        self._drive = Drive(config, context)
        self._people = People(config, context, self._drive)
        self._reader = Reader(config, context, drive=self._drive, people=self._people)
        self._remedies = Remedies(config, drive=self._drive, people=self._people)

    def check(self) -> Iterator[Check]:
        """Say what works: credentials, delegation per user, shared drives, webhooks, actions."""
        yield from checks(self.config, drive=self._drive, people=self._people)

    def receive(self, delivery: Delivery, now: datetime) -> Receipt:
        """Verify one notification by its channel token; it hints at a partition to read."""
        return events.receive(delivery, now, self._secret)

    def partitions(self) -> Iterator[Partition]:
        """List the users' drives and the shared drives."""
        yield from self._reader.partitions()

    def read(self, partition: Partition, cursor: Cursor | None) -> Iterator[Page]:
        """Read all files, then changes."""
        yield from self._reader.read(partition, cursor)

    def subscribe(self, callback: str, current: Subscription | None) -> Subscription:
        """Keep one push channel open per partition."""
        channels = Channels(self.context, drive=self._drive, people=self._people, secret=self._secret)
        return channels.renew(callback, self._reader.partitions(), current)

    def unsubscribe(self, current: Subscription) -> None:
        """Close every channel; one that cannot be closed ends by itself within a week."""
        Channels(self.context, drive=self._drive, people=self._people, secret=self._secret).close(current)

    def not_read(self) -> Iterator[UnitFailure]:
        """Name the kinds of places that are left out."""
        yield from not_read(self.config)

    def units(self, event: Event) -> Iterator[ScanUnit | UnitFailure]:
        """Yield a file's name, description, properties, content, comments and replies."""
        subject = str((event.payload or {}).get("as", "")) if isinstance(event.payload, Mapping) else ""
        with self._people.speaking_as(subject):
            yield from content.units(self._drive, self.config, event.payload)

    def act(self, action: str, target: Target, *, dry_run: bool) -> Outcome:
        """Narrow who can reach a file."""
        return self._remedies.act(action, target, dry_run=dry_run)

    def reread(self, resource: Resource) -> Event:
        """Return a file, and who can see it, as it is now."""
        return self._reader.reread(resource)

    def person(self, ref: PersonRef) -> Person:
        """Return an owner's name and address."""
        return self._people.person(ref)
