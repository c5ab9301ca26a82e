"""Migrations by Alembic: one revision per change, re-runnable, the same on all databases."""

from __future__ import annotations

import io
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from connectors.store.engine import Database, parse_url


def upgrade(database: Database, revision: str = "head") -> None:
    """Bring a database to a revision. Safe to run again after a crash, and next to running workers."""
    settings = config()
    with database.engine.connect() as connection:
        settings.attributes["connection"] = connection
        command.upgrade(settings, revision)


def downgrade(database: Database, revision: str) -> None:
    """Take a database back to a revision."""
    settings = config()
    with database.engine.connect() as connection:
        settings.attributes["connection"] = connection
        command.downgrade(settings, revision)


def pending_revisions(database: Database) -> list[str]:
    """Return the revisions that a database still needs, oldest first."""
    script = ScriptDirectory.from_config(config())
    current = database.read(lambda c: set(MigrationContext.configure(c).get_current_heads()))
    every = [revision.revision for revision in script.walk_revisions()]
    applied: set[str] = set()
    for head in current:
        applied.update(revision.revision for revision in script.iterate_revisions(head, "base"))
    return [revision for revision in reversed(every) if revision not in applied]


def upgrade_sql(dialect: str) -> str:
    """Return the SQL that an upgrade from nothing runs on a dialect, for golden files and for DBAs."""
    buffer = io.StringIO()
    settings = config()
    settings.output_buffer = buffer
    settings.attributes["url"] = parse_url(f"{dialect}://")
    command.upgrade(settings, "head", sql=True)
    return buffer.getvalue()


def config() -> Config:
    """Return the Alembic configuration of these migrations."""
    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent))
    return settings
