"""The plugin host: loads only what the configuration names, each plugin behind a wall of its own.

A plugin that raises, at import, at registration or in a call, is reported under its name; the others go on.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

import pluggy
from pydantic import ValidationError

from connectors import hookspecs
from connectors.alerts.destination import Destination
from connectors.config.load import describe
from connectors.contract import API_VERSION, Connector, Context, powers
from connectors.detection.detector import Detector
from connectors.errors import ConfigError, ConnectorsError, PluginFault
from connectors.extraction.extractor import Extractor

if TYPE_CHECKING:
    import click

    from connectors.config import Config

GROUP = "connectors"
"""The entry-point group that first-party and third-party plugins share."""


@dataclass
class Plugin:
    """One installed plugin as the host knows it; `problem` says why it is not in use."""

    name: str
    distribution: str = ""
    version: str = ""
    problem: str = ""
    connectors: dict[str, type[Connector[Any]]] = field(default_factory=dict)
    detectors: list[Detector] = field(default_factory=list)
    extractors: list[Extractor] = field(default_factory=list)
    destinations: dict[str, type[Destination[Any]]] = field(default_factory=dict)

    @property
    def loaded(self) -> bool:
        """Tell whether its classes are in use."""
        return not self.problem

    @property
    def powers(self) -> tuple[str, ...]:
        """Return what its connectors can do."""
        return tuple(sorted({power for connector in self.connectors.values() for power in powers(connector)}))


class Host:
    """The plugins of one installation. Two hosts can live in one process."""

    def __init__(self, plugins: Iterable[Plugin]) -> None:
        self.plugins = {plugin.name: plugin for plugin in plugins}
        loaded = [plugin for plugin in self.plugins.values() if plugin.loaded]
        self.connectors: dict[str, type[Connector[Any]]] = {}
        self.destinations: dict[str, type[Destination[Any]]] = {}
        self.owners: dict[str, str] = {}
        for plugin in loaded:
            for name, connector in plugin.connectors.items():
                self.connectors[name] = connector
                self.owners[name] = plugin.name
            self.destinations.update(plugin.destinations)
        self.detectors: tuple[Detector, ...] = tuple(d for plugin in loaded for d in plugin.detectors)
        self.extractors: tuple[Extractor, ...] = tuple(e for plugin in loaded for e in plugin.extractors)

    @classmethod
    def build(
        cls,
        names: Iterable[str],
        *,
        modules: Mapping[str, ModuleType | object] | None = None,
        cli: click.Group | None = None,
    ) -> Host:
        """Load the named plugins, from entry points or, in tests, from `modules`."""
        wanted = sorted(set(names))
        available = {point.name: point for point in entry_points(group=GROUP)}
        plugins = []
        for name in wanted:
            source = (modules or {}).get(name) or available.get(name)
            plugins.append(_load(name, source, cli) if source else _missing(name, available))
        _refuse_doubles(plugins)
        return cls(plugins)

    @classmethod
    def for_config(cls, config: Config, *, cli: click.Group | None = None) -> Host:
        """Load what the configuration names: its connections' connectors and its `plugins`."""
        return cls.build({*config.plugins, *(c.connector for c in config.connections.values())}, cli=cli)

    def connector_class(self, name: str) -> type[Connector[Any]]:
        """Return a connector's class. Raises `ConfigError` that says why it is not there."""
        if name in self.connectors:
            return self.connectors[name]
        plugin = self.plugins.get(name)
        reason = plugin.problem if plugin else "no plugin registers it"
        raise ConfigError(f"connector {name!r} is not available: {reason}", hint="see `connectors plugins list`")

    def connect(self, name: str, config: Mapping[str, Any], context: Context) -> Connector[Any]:
        """Make the object of one connection. Raises `ConfigError` for its config, `PluginFault` for its bugs."""
        connector = self.connector_class(name)
        settings = validated(connector.Config, config, at=("connections", context.connection, "config"))
        with wall(self.owners[name], "__init__"):
            return connector(settings, context)


def installed() -> dict[str, EntryPoint]:
    """Return every installed plugin's entry point, loaded or not."""
    return {point.name: point for point in entry_points(group=GROUP)}


def validated(model: Any, values: Mapping[str, Any], *, at: tuple[str | int, ...]) -> Any:
    """Check a plugin's own section. Raises `ConfigError` with every problem, each with its key."""
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        details = error.errors(include_input=False, include_url=False)
        problems = tuple(describe(detail, model, at=at) for detail in details)
        raise ConfigError("\n".join(problems), problems=problems) from None


@contextmanager
def wall(plugin: str, doing: str) -> Iterator[None]:
    """Isolate a call into a plugin: its bugs become a `PluginFault`, what it raises on purpose passes.

    The original message is dropped, because it may quote content; the place in the plugin's code is kept.
    """
    try:
        yield
    except (ConnectorsError, GeneratorExit):
        raise
    except Exception as error:  # noqa: BLE001 (this is the wall around plugin calls)
        fault = PluginFault(plugin, doing, error)
        fault.hint = where(error)
        raise fault from None


def where(error: BaseException) -> str:
    """Say where an exception was raised, as file, line and function, without its message."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return ""
    last = frames[-1]
    return f"{'/'.join(last.filename.split('/')[-2:])}:{last.lineno} in {last.name}"


def guarded(plugin: str, doing: str, items: Iterable[Any]) -> Generator[Any, None, None]:
    """Iterate over what a plugin yields, each step inside its wall."""
    with wall(plugin, doing):
        iterator = iter(items)
    while True:
        with wall(plugin, doing):
            try:
                item = next(iterator)
            except StopIteration:
                return
        yield item


def _missing(name: str, available: Mapping[str, EntryPoint]) -> Plugin:
    known = ", ".join(sorted(available)) or "none"
    return Plugin(name, problem=f"not installed; installed are: {known}")


def _load(name: str, source: EntryPoint | ModuleType | object, cli: click.Group | None) -> Plugin:
    plugin = Plugin(name)
    if isinstance(source, EntryPoint) and source.dist is not None:
        plugin.distribution, plugin.version = source.dist.name, source.dist.version
    try:
        module = source.load() if isinstance(source, EntryPoint) else source
        _register(plugin, module, cli)
    except ConnectorsError as error:
        plugin.problem = str(error)
    except (Exception, SystemExit) as error:  # noqa: BLE001 (the wall around import and registration)
        plugin.problem = f"{type(error).__name__} at import or registration ({where(error)})"
    return plugin


def _register(plugin: Plugin, module: object, cli: click.Group | None) -> None:
    """Call a plugin's hooks, one manager per plugin, so that a failing one cannot take others' results away."""
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    manager.register(module, name=plugin.name)
    try:
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        found = re.search(r"unknown hook '(\w+)'", str(error))
        known = ", ".join(name for name in vars(hookspecs) if name.startswith("register_"))
        raise ConfigError(f"there is no hook {found[1] if found else '?'!r}", hint=f"the hooks are: {known}") from None
    hooks = cast("Any", manager.hook)
    hooks.register_connectors(register=lambda c: plugin.connectors.update({_checked(c).name: c}))
    hooks.register_detectors(register=plugin.detectors.append)
    hooks.register_extractors(register=plugin.extractors.append)
    hooks.register_destinations(register=lambda d: plugin.destinations.update({d.kind: d}))
    if cli is not None:
        hooks.register_commands(cli=cli)


def _checked(connector: type[Connector[Any]]) -> type[Connector[Any]]:
    if not (isinstance(connector, type) and issubclass(connector, Connector)):
        raise ConfigError("register_connectors was given something that is no Connector class")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", getattr(connector, "name", "")):
        raise ConfigError(f"{connector.__name__}.name must be lower case letters, digits and underscores")
    if connector.requires_api != API_VERSION[0]:
        raise ConfigError(
            f"{connector.__name__} needs plugin API {connector.requires_api}, not {API_VERSION[0]}.{API_VERSION[1]}",
            hint="install a version of the plugin that fits",
        )
    return connector


def _refuse_doubles(plugins: list[Plugin]) -> None:
    """Disable a plugin that takes a name which another has already."""
    kinds: tuple[tuple[str, Callable[[Plugin], Iterable[str]]], ...] = (
        ("connector", lambda p: p.connectors),
        ("destination", lambda p: p.destinations),
        ("detector", lambda p: [d.id for d in p.detectors]),
    )
    for kind, names in kinds:
        owners: dict[str, str] = {}
        for plugin in plugins:
            if not plugin.loaded:
                continue
            taken = next((name for name in names(plugin) if name in owners), None)
            if taken is not None:
                plugin.problem = f"{kind} {taken!r} is registered by {owners[taken]!r} already"
                continue
            owners.update(dict.fromkeys(names(plugin), plugin.name))
