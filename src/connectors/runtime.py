"""One running installation: configuration, plugins, databases, vault, detection. Built once, handed around."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from connectors.alerts import destinations
from connectors.alerts.destination import Destination
from connectors.config import Config
from connectors.detection import Engine, catalog, load_engine
from connectors.detection.detector import Detector
from connectors.detection.engine import Searcher
from connectors.detection.gitleaks import GitleaksRule, load_gitleaks
from connectors.detection.user import UserDetector
from connectors.errors import ConfigError
from connectors.extraction import Budget, Extraction
from connectors.host import Host, validated
from connectors.net import Guard, Limits, Session, connect
from connectors.policy import Choice, Policies
from connectors.store.alerts import Told
from connectors.store.connections import Owner
from connectors.store.databases import Databases
from connectors.store.recording import Routes
from connectors.vault import Vault, load_key_file


def utc_now() -> datetime:
    """Return the time, aware, UTC."""
    return datetime.now(UTC)


@dataclass
class Runtime:
    """Everything that a gateway, a worker or a command needs. Thread-safe; two can live in one process."""

    config: Config
    host: Host
    databases: Databases
    vault: Vault
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
    ) -> Runtime:
        """Build the runtime of a configuration; `folder` is where its relative paths start.

        Raises `ConfigError`. Opens no connection yet.
        """
        folder = folder or Path()
        return cls(
            config=config,
            host=host or Host.for_config(config),
            databases=Databases(config, folder=folder),
            vault=open_vault(config, folder),
            now=now,
            folder=folder,
        )

    def close(self) -> None:
        """Close the databases and, if it runs, the extraction sandbox."""
        self.databases.close()
        if "extraction" in self.__dict__:
            self.extraction.close()

    @cached_property
    def user_detectors(self) -> tuple[UserDetector, ...]:
        """The detectors that the configuration defines. Raises `ConfigError` for a bad one."""
        return tuple(
            validated(UserDetector, values, at=("detection", "detectors", number))
            for number, values in enumerate(self.config.detection.detectors)
        )

    @cached_property
    def imported_detectors(self) -> tuple[GitleaksRule, ...]:
        """The rules of the gitleaks configurations that the configuration names. Raises `ConfigError`."""
        files = [self.path(name) for name in self.config.detection.imports]
        return tuple(rule for file in files for rule in load_gitleaks(file, paths=False).searchers)

    @cached_property
    def choices(self) -> tuple[Choice, ...]:
        """Every detector that policies may name."""
        catalogued = (_choice(detector) for detector in (*catalog.load(), *self.host.detectors))
        own: tuple[Searcher, ...] = (*self.user_detectors, *self.imported_detectors)
        return (*catalogued, *(Choice(each.id, each.family) for each in own))

    @cached_property
    def policies(self) -> Policies:
        """The compiled policies."""
        return Policies(self.config.policies, self.choices)

    @cached_property
    def engine(self) -> Engine:
        """The detection engine, with every detector that is on by default or named by a policy."""
        known = {detector.id for detector in catalog.load()}
        return load_engine(
            include=tuple(sorted(self.policies.detectors & known)),
            extra=(*self.host.detectors, *self.user_detectors, *self.imported_detectors),
            cache=self.path(self.config.detection.cache) if self.config.detection.cache else None,
            backend=self.config.detection.backend,
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
        outbound = self.runtime.config.outbound
        proxy = outbound.proxy.get_secret_value() if outbound.proxy else ""
        return connect(
            guard=self.runtime.guard,
            limits=Limits(read=outbound.timeout),
            proxies={"http": proxy, "https": proxy} if proxy else None,
        )

    def now(self) -> datetime:
        """Return the time, aware, UTC."""
        return self.runtime.now()


def open_vault(config: Config, folder: Path) -> Vault:
    """Return the vault, with keys from the configuration or from the key file, which is made at first use."""
    settings = config.vault
    if settings.keys and settings.fingerprint_key is not None:
        return Vault([key.get_secret_value() for key in settings.keys], settings.fingerprint_key.get_secret_value())
    keys, fingerprint_key = load_key_file(folder / settings.key_file, create=True)
    return Vault(keys, fingerprint_key)


def _choice(detector: Detector) -> Choice:
    return Choice(
        detector.id, detector.family, detector.category, detector.vendor, detector.aliases, enabled=detector.enabled
    )


def covered(include: Iterable[str], exclude: Iterable[str], identity: str, name: str) -> bool:
    """Tell whether a connection's include and exclude lists cover a container."""
    from connectors.policy import matches_any

    wanted, unwanted = tuple(include), tuple(exclude)
    chosen = matches_any(wanted, identity) or matches_any(wanted, name)
    return chosen and not (matches_any(unwanted, identity) or matches_any(unwanted, name))
