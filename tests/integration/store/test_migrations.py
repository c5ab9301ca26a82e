"""The schema: the same from migrations as from the tables, on each database; what only CockroachDB gets is kept."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from connectors.store.engine import Database
from connectors.store.migrations import downgrade, schema_state, upgrade, upgrade_sql
from connectors.store.tables import metadata

GOLDEN = Path(__file__).parents[2] / "golden"


def test_migrations_make_what_the_tables_say(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_nothing_is_pending_after_an_upgrade_and_another_one_does_nothing(database: Database) -> None:
    assert schema_state(database).pending == ()
    upgrade(database)
    assert schema_state(database).pending == ()


def test_an_empty_database_needs_every_revision_and_goes_there_and_back(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/empty.db")
    every = schema_state(database).pending
    assert list(every) == sorted(every)
    for revision in every:
        assert schema_state(database).pending[0] == revision
        upgrade(database, revision)
    assert schema_state(database).pending == ()
    downgrade(database, "base")
    assert schema_state(database).pending == every
    assert sa.inspect(database.engine).get_table_names() == ["alembic_version"]
    database.close()


@pytest.mark.parametrize("dialect", ["cockroachdb", "postgresql"])
def test_the_sql_of_a_server_is_the_one_that_was_reviewed(dialect: str) -> None:
    """Set CONNECTORS_REGENERATE_GOLDEN=1 to write the files anew, then look at the difference."""
    path, sql = GOLDEN / f"upgrade_{dialect}.sql", upgrade_sql(dialect)
    if os.environ.get("CONNECTORS_REGENERATE_GOLDEN"):
        path.write_text(sql, encoding="utf-8")
    assert sql == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("table", metadata.sorted_tables, ids=lambda table: table.name)
def test_residency_leads_every_key_and_index(table: Any) -> None:
    assert next(iter(table.primary_key.columns)).name == "residency"
    for index in table.indexes:
        assert next(iter(index.columns)).name == "residency", index.name
    for constraint in table.constraints:
        assert not isinstance(constraint, sa.ForeignKeyConstraint)
        if isinstance(constraint, sa.UniqueConstraint):
            assert next(iter(constraint.columns)).name == "residency"


@pytest.mark.parametrize("table", metadata.sorted_tables, ids=lambda table: table.name)
def test_every_binary_column_says_whether_it_is_encrypted(table: Any) -> None:
    """`vault rotate` finds what to rotate by that word."""
    for column in table.c:
        if isinstance(column.type, sa.LargeBinary):
            assert "encrypted" in (column.comment or "") or "hash" in (column.comment or ""), column


@pytest.mark.parametrize("table", metadata.sorted_tables, ids=lambda table: table.name)
def test_no_name_is_longer_than_postgresql_takes(table: Any) -> None:
    names = [table.name, *table.c.keys(), *(index.name for index in table.indexes)]
    assert all(len(name) <= 63 for name in names)
