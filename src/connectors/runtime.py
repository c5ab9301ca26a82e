"""One running installation: configuration, plugins, databases, vault, detection. Built once, handed around."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectors import chosen
from connectors.alerts import destinations
from connectors.alerts.destination import Destination
from connectors.config import Config
from connectors.detection import Engine, calibration, catalog, load_engine
from connectors.detection.cache import OFF, chosen_cache, user_cache
from connectors.detection.exact import ExactData
from connectors.detection.gitleaks import GitleaksRule
from connectors.detection.user import DetectionRule, UserDetector
from connectors.errors import ConfigError
from connectors.extraction import Budget, Extraction
from connectors.host import Host, validated
from connectors.net import Guard, Limits, Session, connect
from connectors.policy import Choice, Policies
from connectors.store.alerts import Told
from connectors.store.connections import Owner
from connectors.store.databases import Databases
from connectors.store.planning import Routes
from connectors.store.rotation import table_with_rows
from connectors.validity import Checker
from connectors.validity.check import LIMITS, Bounds
from connectors.vault import Vault, load_key_file

if TYPE_CHECKING:
    from connectors.work.kafka import Publisher


def utc_now() -> datetime:
    """Return the time, aware, UTC."""
    return datetime.now(UTC)


@dataclass
class Runtime:
    """Everything that a gateway, a worker or a command needs. Thread-safe; two can live in one process."""

    config: Config
    host: Host
    databases: Databases
    now: Callable[[], datetime] = utc_now
    folder: Path = field(default_factory=Path)
    links: Callable[[Told], dict[str, str]] | None = None
    """Makes the signed links of an alert; set where the dashboard is served."""

    @classmethod
    def open(
        cls,
        config: Config,
        *,
        folder: Path | None = None,
        host: Host | None = None,
        now: Callable[[], datetime] = utc_now,
        residencies: Collection[str] = (),
    ) -> Runtime:
        """Build the runtime of a configuration; `folder` is where its relative paths start.

        With `residencies`, it knows the databases of these only.
        Raises `ConfigError`. Opens no connection yet.
        """
        folder = folder or Path()
        return cls(
            config=config,
            host=host or Host.for_config(config),
            databases=Databases(config, folder=folder, only=residencies),
            now=now,
            folder=folder,
        )

    def close(self) -> None:
        """Close the databases, the event stream and, if it runs, the extraction sandbox."""
        if self.__dict__.get("publisher") is not None:
            self.publisher.close()  # type: ignore[union-attr]  # it was just seen to be there
        self.databases.close()
        if "extraction" in self.__dict__:
            self.extraction.close()

    @cached_property
    def vault(self) -> Vault:
        """Keys from the configuration or from the key file, which is made for an installation that is new.

        Raises `ConfigError` when the key file of one that is not new is missing, and `StoreUnavailable` when there is
        none and the database, which knows, cannot be asked.
        """
        settings = self.config.vault
        if settings.keys and settings.fingerprint_key is not None:
            return Vault([key.get_secret_value() for key in settings.keys], settings.fingerprint_key.get_secret_value())
        path = self.path(settings.key_file)
        if not path.exists():
            self._refuse_second_key(path)
        return Vault(*load_key_file(path, create=True))

    def _refuse_second_key(self, path: Path) -> None:
        for database in self.databases.all():
            table = table_with_rows(database)
            if table:
                where = database.url.render_as_string(hide_password=True)
                raise ConfigError(
                    f"vault.key_file: {path} is missing, and {where} holds what was encrypted or fingerprinted with "
                    f"its keys (in {table}): a new key would make that unreadable",
                    hint="restore the file from your backup, write the keys as `vault: {keys: [...], fingerprint_key: "
                    "...}`, or name an empty database in `database.url`",
                )

    @cached_property
    def publisher(self) -> Publisher | None:
        """What puts events into Kafka; None when the SQL inbox is the stream. Raises `ConfigError`."""
        if self.config.stream.kind != "kafka":
            return None
        from connectors.work.kafka import Publisher, require

        require()
        return Publisher(self.config.stream)

    @cached_property
    def user_detectors(self) -> tuple[UserDetector, ...]:
        """The detectors that the configuration defines. Raises `ConfigError` for a bad one."""
        return chosen.user_detectors(self.config.detection)

    @cached_property
    def imported_detectors(self) -> tuple[GitleaksRule, ...]:
        """The rules of the gitleaks configurations that the configuration names. Raises `ConfigError`."""
        return chosen.imported_detectors(self.config.detection, self.path)

    @cached_property
    def exact_data(self) -> ExactData | None:
        """The list of the customer's own values, if the configuration names one. Raises `ConfigError`."""
        return chosen.exact_data(self.config.detection, self.path)

    @cached_property
    def choices(self) -> tuple[Choice, ...]:
        """Every detector that policies may name."""
        own = (*self.user_detectors, *self.imported_detectors, *((self.exact_data,) if self.exact_data else ()))
        return chosen.choices(self.config.detection, self.host.detectors, own)

    @cached_property
    def rules(self) -> tuple[DetectionRule, ...]:
        """The rules that policies name. Raises `ConfigError` for a bad one, or one that names what is not there."""
        return chosen.rules(self.config, self.choices)

    @cached_property
    def policies(self) -> Policies:
        """The compiled policies."""
        return Policies(self.config.policies, self.choices)

    @cached_property
    def engine(self) -> Engine:
        """The detection engine, with every detector that is on by default or named by a policy or its rules."""
        known = {detector.id for detector in catalog.load()}
        wanted = self.policies.detectors | {use.detector for rule in self.rules for use in rule.uses}
        return load_engine(
            include=tuple(sorted(wanted & known)),
            extra=(*self.host.detectors, *self.user_detectors, *self.imported_detectors),
            exact=self.exact_data,
            cache=self.cache_folder,
            backend=self.config.detection.backend,
            shifts=calibration.read(self.path(named)) if (named := self.config.detection.calibration) else {},
        )

    @cached_property
    def cache_folder(self) -> Path | None:
        """Where compiled detectors are kept; None when they are not. Raises `ConfigError` for an unsafe folder."""
        named = self.config.detection.cache
        if named == OFF:
            return None
        return chosen_cache(self.path(named)) if named else user_cache()

    @cached_property
    def validity(self) -> Checker | None:
        """The check whether tokens are live, for the detectors that opted in; None without any.

        Raises `ConfigError` for a detector that nobody can be asked about, and for an address that cannot be used.
        """
        settings = self.config.detection.verify
        detectors = chosen.verified(settings, self.choices)
        if not detectors:
            return None
        return Checker(
            detectors,
            sessions=lambda: self.session(LIMITS),
            now=self.now,
            addresses=settings.addresses,
            bounds=Bounds(settings.seconds, settings.per_minute),
        )

    def session(self, limits: Limits | None = None) -> Session:
        """Make a guarded session for addresses that are not a connection's own."""
        outbound = self.config.outbound
        proxy = outbound.proxy.get_secret_value() if outbound.proxy else ""
        return connect(
            guard=self.guard,
            limits=limits or Limits(read=outbound.timeout),
            proxies={"http": proxy, "https": proxy} if proxy else None,
        )

    @cached_property
    def extraction(self) -> Extraction:
        """The extraction of files, within the configured budget."""
        settings = self.config.extraction
        budget = Budget(
            bytes_in=settings.max_bytes,
            seconds=settings.max_seconds,
            memory=settings.max_memory,
            depth=settings.max_depth,
            ocr_pages=Budget().ocr_pages if settings.ocr else 0,
        )
        return Extraction(budget, extractors=self.host.extractors)

    @cached_property
    def guard(self) -> Guard:
        """The guard for addresses that a user or an app supplied."""
        return Guard.of(self.config.outbound.allow)

    @cached_property
    def routes(self) -> Routes:
        """Where findings go and what is to be done with them."""
        return Routes(
            self.policies.destinations,
            lambda policies: [(action.do, action.after) for action in self.policies.actions(policies)],
        )

    @cached_property
    def destination_classes(self) -> Mapping[str, type[Destination[Any]]]:
        """Every kind of destination, built in or from plugins."""
        return {**{kind.kind: kind for kind in destinations()}, **self.host.destinations}

    def destination(self, name: str) -> Destination[Any]:
        """Make a configured destination. Raises `ConfigError` for an unknown kind or a bad config."""
        settings = self.config.destinations[name]
        kind = self.destination_classes.get(settings.kind)
        if kind is None:
            known = ", ".join(sorted(self.destination_classes))
            raise ConfigError(f"destinations.{name}.kind: there is no kind {settings.kind!r}; known: {known}")
        config = validated(kind.Config, settings.config, at=("destinations", name, "config"))
        return kind(config, DestinationRuntime(name, self))

    def owner(self, connection: str) -> Owner:
        """Return whose rows a connection's are."""
        settings = self.config.connections[connection]
        residency = self.config.residency_of(settings.tenant)
        return Owner(residency, settings.tenant, connection, settings.connector)

    def path(self, path: str) -> Path:
        """Return a path from the configuration as it was meant: relative to the file."""
        return self.folder / path

    def until(self, kept: timedelta | None) -> datetime | None:
        """Return when something that is kept for so long expires; None when it is not kept at all."""
        return self.now() + kept if kept else None


@dataclass(frozen=True)
class DestinationRuntime:
    """What a destination gets from the host."""

    name: str
    runtime: Runtime

    def session(self) -> Session:
        """Return a guarded session."""
        return self.runtime.session()

    def now(self) -> datetime:
        """Return the time, aware, UTC."""
        return self.runtime.now()


def covered(include: Iterable[str], exclude: Iterable[str], identity: str, name: str) -> bool:
    """Tell whether a connection's include and exclude lists cover a container."""
    from connectors.policy import matches_any

    wanted, unwanted = tuple(include), tuple(exclude)
    chosen = matches_any(wanted, identity) or matches_any(wanted, name)
    return chosen and not (matches_any(unwanted, identity) or matches_any(unwanted, name))
