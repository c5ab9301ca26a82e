"""Migrations by Alembic: one revision per change, re-runnable, the same on all databases.

A revision's id says what may run on it: `0007.0005` is the seventh schema, on which code of the fifth and later runs;
`0007` alone serves no older code. So old code can judge a schema that was made after it, by its name alone.
"""

from __future__ import annotations

import io
import os
import random
import re
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from sqlalchemy.exc import DBAPIError

from connectors.errors import ConfigError
from connectors.store.engine import Database, parse_url

ATTEMPTS = 6
"""How often an upgrade is tried beside others."""

REVISION = re.compile(r"\d{4}(\.\d{4})?")

Folders = tuple[Path, ...]
"""Folders of revisions that come after our own: tests bring the next version's."""


@dataclass(frozen=True, slots=True)
class SchemaState:
    """How a database's schema and this code stand to each other. `current` is empty for an empty database."""

    current: str
    head: str
    pending: tuple[str, ...]
    """Revisions that the database lacks, oldest first."""
    needed: tuple[str, ...]
    """Those of `pending` without which this code does not run."""

    @property
    def ahead(self) -> bool:
        """Whether the schema was made by code that came after this."""
        return bool(self.current) and number(self.current) > number(self.head or "0")

    @property
    def runs(self) -> bool:
        """Whether this code runs on this schema."""
        if self.ahead:
            return oldest_code(self.current) <= number(self.head)
        return not self.needed

    @property
    def problem(self) -> str:
        """What to do about a schema on which this code does not run; empty when it does."""
        if self.runs:
            return ""
        if self.ahead:
            serves = f"{oldest_code(self.current):04d}"
            return (
                f"is at schema {self.current}, which serves code of schema {serves} and later; this code is of "
                f"{self.head}: start a newer version"
            )
        at = f"is at schema {self.current}" if self.current else "has no schema"
        return f"{at}, this code needs {self.head}: run `connectors db upgrade` first"


def number(revision: str) -> int:
    """Return the place of a revision in the line."""
    return int(revision.partition(".")[0])


def oldest_code(revision: str) -> int:
    """Return the number of the oldest code that runs on a schema."""
    own, _, oldest = revision.partition(".")
    return int(oldest or own)


def upgrade(database: Database, revision: str = "head", *, beyond: Folders = ()) -> None:
    """Bring a database to a revision. Safe to run again after a crash, and next to running workers.

    A schema that is newer than this code and serves it is left alone: so a rollback may run this as well. Raises
    `ConfigError` for one that does not serve it.
    """
    state = schema_state(database, beyond=beyond)
    if state.ahead:
        if state.problem:
            raise ConfigError(f"{database!r} {state.problem}")
        return
    for attempt in range(1, ATTEMPTS + 1):
        try:
            _migrate(database, command.upgrade, revision, beyond)
            break
        except DBAPIError:
            # Another process may be at the same: what it has made is there already, and is made only once.
            if attempt == ATTEMPTS:
                raise
            time.sleep(random.uniform(0.1, 0.5) * attempt)  # noqa: S311 (spread, not secrecy)


def downgrade(database: Database, revision: str, *, beyond: Folders = ()) -> None:
    """Take a database back to a revision, with what later ones added and held. Raises `ConfigError`."""
    state = schema_state(database, beyond=beyond)
    if state.ahead:
        raise ConfigError(
            f"{database!r} is at schema {state.current}, which this code does not know",
            hint="take it back with the version that made it; to roll back the code alone, leave the schema as it is",
        )
    applied = [each.revision for each in _revisions(beyond) if each.revision not in state.pending]
    if revision != "base" and revision not in applied:
        known = ", ".join(["base", *applied])
        raise ConfigError(f"{database!r} was never at schema {revision!r}", hint=f"it can be taken back to: {known}")
    _migrate(database, command.downgrade, revision, beyond)


def schema_state(database: Database, *, beyond: Folders = ()) -> SchemaState:
    """Return how a database's schema and this code stand to each other.

    Raises `StoreUnavailable`, and `ConfigError` for a database that belongs to another program.
    """
    known = _revisions(beyond)
    current = database.read(lambda c: MigrationContext.configure(c).get_current_revision()) or ""
    if current and not REVISION.fullmatch(current):
        raise ConfigError(f"{database!r} holds another program's tables", hint="name a database of its own")
    done = number(current) if current else 0
    pending = [each for each in known if number(each.revision) > done]
    return SchemaState(
        current=current,
        head=known[-1].revision if known else "",
        pending=tuple(each.revision for each in pending),
        needed=tuple(each.revision for each in pending if not getattr(each.module, "code_runs_without", False)),
    )


def upgrade_sql(dialect: str, revisions: str = "head", *, beyond: Folders = ()) -> str:
    """Return the SQL that an upgrade runs on a dialect, for golden files and for DBAs: from nothing, or `from:to`."""
    buffer = io.StringIO()
    settings = config(beyond)
    settings.output_buffer = buffer
    settings.attributes["url"] = parse_url(f"{dialect}://")
    command.upgrade(settings, revisions, sql=True)
    return buffer.getvalue()


def config(beyond: Folders = ()) -> Config:
    """Return the Alembic configuration of these migrations."""
    settings = Config()
    here = Path(__file__).parent
    settings.set_main_option("script_location", str(here))
    if beyond:
        settings.set_main_option("path_separator", "os")
        settings.set_main_option("version_locations", os.pathsep.join(map(str, (here / "versions", *beyond))))
    return settings


@cache
def _revisions(beyond: Folders) -> tuple[Script, ...]:
    """Return every revision that this code knows, oldest first."""
    return tuple(reversed(list(ScriptDirectory.from_config(config(beyond)).walk_revisions())))


def _migrate(database: Database, verb: Any, revision: str, beyond: Folders) -> None:
    settings = config(beyond)
    with database.engine.connect() as connection:
        settings.attributes["connection"] = connection
        verb(settings, revision)
