"""Which database holds which residency. On CockroachDB all may share one; elsewhere each can have its own."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from connectors.config import Config
from connectors.errors import ConfigError
from connectors.store.engine import Database, located


class Databases:
    """The databases of one installation, opened when first asked for.

    With `only`, those of these residencies: a process that serves one region knows no other's database. Raises
    `ConfigError` for a residency that the configuration does not have.
    """

    def __init__(self, config: Config, *, folder: Path | None = None, only: Collection[str] = ()) -> None:
        settings = config.database
        self._urls = {residency: settings.url.get_secret_value() for residency in config.residencies()}
        self._urls.update({name: url.get_secret_value() for name, url in settings.residencies.items()})
        if unknown := sorted(set(only) - self._urls.keys()):
            known = ", ".join(sorted(self._urls))
            raise ConfigError(f"there is no residency {unknown[0]!r}", hint=f"configured: {known}")
        self.only = tuple(only)
        self._urls = {name: url for name, url in self._urls.items() if not only or name in only}
        self._settings = settings
        self._folder = folder or Path()
        self._open: dict[str, Database] = {}

    @property
    def residencies(self) -> tuple[str, ...]:
        """Every residency that has rows here."""
        return tuple(sorted(self._urls))

    def of(self, residency: str) -> Database:
        """Return the database that holds a residency's rows. Raises `ConfigError` for one that is not served here."""
        if residency not in self._urls:
            raise ConfigError(f"residency {residency!r} is not served by this process")
        url = self._urls[residency]
        if url not in self._open:
            self._open[url] = Database(
                located(url, self._folder),
                pool_size=self._settings.pool_size,
                isolation_level=self._settings.isolation_level,
            )
        return self._open[url]

    def all(self) -> Iterator[Database]:
        """Yield each database once."""
        seen: set[int] = set()
        for residency in self.residencies:
            database = self.of(residency)
            if id(database) not in seen:
                seen.add(id(database))
                yield database

    def close(self) -> None:
        """Close all of them."""
        for database in self._open.values():
            database.close()
        self._open.clear()
