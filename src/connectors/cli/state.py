"""What every command shares: which configuration, and the runtime it makes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from connectors.errors import ConfigError

if TYPE_CHECKING:
    # The runtime imports the database and every client: `connectors scan` starts without them.
    from connectors.config import Config
    from connectors.runtime import Runtime


@dataclass
class State:
    """The options of the command itself."""

    config_path: Path
    listen: Mapping[str, Any] = field(default_factory=dict)
    """What the command line says of `gateway`, over the file."""

    def listening(self, host: str | None, port: int | None) -> State:
        """Return this state with the address of the command line, as far as that names one."""
        given = {"host": host, "port": port}
        return State(self.config_path, {name: value for name, value in given.items() if value is not None})

    def config(self) -> Config:
        """Return the configuration. Raises `ConfigError`."""
        from connectors.config import load_config

        config = load_config(self.config_path)
        return config.model_copy(update={"gateway": config.gateway.model_copy(update=self.listen)})

    @property
    def folder(self) -> Path:
        """The folder at which the configuration's relative paths start."""
        return self.config_path.parent

    @contextmanager
    def runtime(self) -> Iterator[Runtime]:
        """Open the runtime for one command."""
        from connectors.logs import configure
        from connectors.runtime import Runtime

        config = self.config()
        configure(config.log)  # to standard error: what a command prints may be JSON
        opened = Runtime.open(config, folder=self.folder)
        try:
            yield opened
        finally:
            opened.close()


pass_state = click.make_pass_decorator(State)


def connection_named(runtime: Runtime, name: str) -> str:
    """Return the name if there is such a connection. Raises `ConfigError` that lists those there are."""
    if name not in runtime.config.connections:
        known = ", ".join(sorted(runtime.config.connections)) or "none"
        raise ConfigError(f"there is no connection {name!r}", hint=f"configured: {known}")
    return name
