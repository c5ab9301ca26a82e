"""One running installation: configuration, plugins, databases, vault, detection. Built once, handed around."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from connectors.alerts import destinations
from connectors.alerts.destination import Destination
from connectors.config import Config
from connectors.config.models import PolicySettings
from connectors.detection import Engine, catalog, load_engine
from connectors.detection.cache import OFF, chosen_cache, user_cache
from connectors.detection.detector import Detector
from connectors.detection.engine import Searcher
from connectors.detection.exact import ExactData
from connectors.detection.gitleaks import GitleaksRule, load_gitleaks
from connectors.detection.user import DetectionRule, UserDetector
from connectors.errors import ConfigError
from connectors.extraction import Budget, Extraction
from connectors.host import Host, validated
from connectors.net import Guard, Limits, Session, connect
from connectors.policy import Choice, Policies, answers
from connectors.store.alerts import Told
from connectors.store.connections import Owner
from connectors.store.databases import Databases
from connectors.store.planning import Routes
from connectors.validity import VERIFIERS, Checker, verifiers_by_detector
from connectors.validity.check import LIMITS, Bounds
from connectors.vault import Vault, load_key_file

if TYPE_CHECKING:
    from connectors.work.kafka import Publisher


NAMES = frozenset({"person_name", "street_address"})
"""Detectors that `detection.names` switches on: they read every word."""


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
        """Close the databases, the event stream and, if it runs, the extraction sandbox."""
        if self.__dict__.get("publisher") is not None:
            self.publisher.close()  # type: ignore[union-attr]  # it was just seen to be there
        self.databases.close()
        if "extraction" in self.__dict__:
            self.extraction.close()

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
        return tuple(
            validated(UserDetector, values, at=("detection", "detectors", number))
            for number, values in enumerate(self.config.detection.detectors)
        )

    @cached_property
    def imported_detectors(self) -> tuple[GitleaksRule, ...]:
        """The rules of the gitleaks configurations that the configuration names. Raises `ConfigError`."""
        return tuple(
            rule
            for number, name in enumerate(self.config.detection.imports)
            for rule in self._imported(name, at=f"detection.imports[{number}]")
        )

    def _imported(self, name: str, *, at: str) -> tuple[GitleaksRule, ...]:
        try:
            return load_gitleaks(self.path(name), paths=False).searchers
        except ConfigError as error:
            problems = tuple(f"{at}: {problem}" for problem in error.problems)
            raise ConfigError("\n".join(problems), problems=problems) from None

    @cached_property
    def exact_data(self) -> ExactData | None:
        """The list of the customer's own values, if the configuration names one. Raises `ConfigError`."""
        settings = self.config.detection.exact_data
        if settings is None:
            return None
        try:
            salt = bytes.fromhex(settings.salt.get_secret_value()) if settings.salt else None
        except ValueError:
            problem = "detection.exact_data.salt: write the hexadecimal salt that `connectors exact-data build` used"
            raise ConfigError(problem) from None
        try:
            return ExactData.load(self.path(settings.file), salt=salt)
        except ConfigError as error:
            hint = error.hint or "write it with `connectors exact-data build FILE --output LIST`"
            raise ConfigError(f"detection.exact_data: {error.args[0]}", hint=hint) from None

    @cached_property
    def choices(self) -> tuple[Choice, ...]:
        """Every detector that policies may name."""
        named = NAMES if self.config.detection.names else ()
        catalogued = (_choice(each, on=each.id in named) for each in (*catalog.load(), *self.host.detectors))
        exact = (self.exact_data,) if self.exact_data else ()
        own: tuple[Searcher, ...] = (*self.user_detectors, *self.imported_detectors, *exact)
        return (*catalogued, *(Choice(each.id, each.family) for each in own))

    @cached_property
    def rules(self) -> tuple[DetectionRule, ...]:
        """The rules that policies name. Raises `ConfigError` for a bad one, or one that names what is not there."""
        rules = tuple(
            validated(DetectionRule, values, at=("detection", "rules", number))
            for number, values in enumerate(self.config.detection.rules)
        )
        problems = tuple(_crossed_rules(rules, {each.id for each in self.choices}, self.config.policies))
        if problems:
            raise ConfigError("\n".join(problems), problems=problems)
        used = {name for policy in self.policies.settings.values() for name in policy.rules}
        return tuple(rule for rule in rules if rule.name in used)

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
        known = verifiers_by_detector()
        problems = [*_unusable_addresses(settings.addresses)]
        chosen: set[str] = set()
        for number, name in enumerate(settings.detectors):
            answering = {choice.id for choice in self.choices if name == "*" or answers(choice, name)}
            chosen |= answering & known.keys()
            if not answering & known.keys():
                missing = "no vendor can be asked about" if answering else "no detector answers to"
                hint = "`connectors detectors list --verifiable` shows those that can be checked"
                problems.append(f"detection.verify.detectors[{number}]: {missing} {name!r}; {hint}")
        if problems:
            raise ConfigError("\n".join(problems), problems=tuple(problems))
        if not chosen:
            return None
        return Checker(
            chosen,
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


def open_vault(config: Config, folder: Path) -> Vault:
    """Return the vault, with keys from the configuration or from the key file, which is made at first use."""
    settings = config.vault
    if settings.keys and settings.fingerprint_key is not None:
        return Vault([key.get_secret_value() for key in settings.keys], settings.fingerprint_key.get_secret_value())
    keys, fingerprint_key = load_key_file(folder / settings.key_file, create=True)
    return Vault(keys, fingerprint_key)


def _choice(detector: Detector, *, on: bool) -> Choice:
    return Choice(
        detector.id,
        detector.family,
        detector.category,
        detector.vendor,
        detector.aliases,
        enabled=on or detector.enabled,
    )


def _unusable_addresses(addresses: Mapping[str, str]) -> Iterator[str]:
    """Yield what is wrong with the addresses of vendors: tokens travel only over TLS, or on this machine."""
    vendors = {each.vendor for each in VERIFIERS}
    for name, address in addresses.items():
        key = f"detection.verify.addresses.{name}"
        if name not in vendors:
            yield f"{key}: there is no such vendor; known: {', '.join(sorted(vendors))}"
            continue
        try:
            parts = urlsplit(address)
            host = parts.hostname or ""
        except ValueError:
            parts, host = urlsplit(""), ""
        here = host in ("localhost", "127.0.0.1", "::1")
        if not host or not (parts.scheme == "https" or (parts.scheme == "http" and here)):
            yield f"{key}: write an address with https, such as https://{name}.example.com/api"


def _crossed_rules(
    rules: Sequence[DetectionRule], known: Collection[str], policies: Sequence[PolicySettings]
) -> Iterator[str]:
    """Yield what is wrong between rules, detectors and policies, each with its key."""
    names = [rule.name for rule in rules]
    for number, rule in enumerate(rules):
        if rule.name in names[:number]:
            yield f"detection.rules[{number}].name: two rules are called {rule.name!r}; rename one"
        for place, use in enumerate(rule.uses):
            if use.detector not in known:
                close = difflib.get_close_matches(use.detector, known, n=1)
                instead = f"did you mean {close[0]!r}?" if close else "`connectors detectors list` shows the ids"
                yield f"detection.rules[{number}].uses[{place}].detector: no detector is {use.detector!r}; {instead}"
    for number, policy in enumerate(policies):
        for place, name in enumerate(policy.rules):
            if name not in names:
                defined = ", ".join(names) or "none"
                yield f"policies[{number}].rules[{place}]: there is no rule {name!r}; defined: {defined}"


def covered(include: Iterable[str], exclude: Iterable[str], identity: str, name: str) -> bool:
    """Tell whether a connection's include and exclude lists cover a container."""
    from connectors.policy import matches_any

    wanted, unwanted = tuple(include), tuple(exclude)
    chosen = matches_any(wanted, identity) or matches_any(wanted, name)
    return chosen and not (matches_any(unwanted, identity) or matches_any(unwanted, name))
