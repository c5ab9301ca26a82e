"""Old code on a new schema and the reverse: the next version is played by revisions that only these tests know."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import requests
import sqlalchemy as sa

from connectors.cli.run import prepare
from connectors.errors import ConfigError
from connectors.store import findings
from connectors.store.engine import Database
from connectors.store.migrations import (
    SchemaState,
    _revisions,
    downgrade,
    number,
    oldest_code,
    schema_state,
    upgrade,
    upgrade_sql,
)
from connectors.store.tables import metadata
from connectors.testing.fakeapps import FakeApps
from connectors.testing.fakeapps.slack import FakeSlack
from connectors.testing.installation import Installation
from connectors.testing.planted import aws_key

HEAD = _revisions(())[-1].revision
NEXT = f"{number(HEAD) + 1:04d}.{oldest_code(HEAD):04d}"
AFTER = f"{number(HEAD) + 2:04d}"

REVISION = """
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = {revision!r}, {before!r}, None, None
code_runs_without = {optional}

def upgrade():
{up}

def downgrade():
{down}
"""

EXPAND = (
    """
    op.create_table("novelty", sa.Column("residency", sa.String(32), primary_key=True),
                    sa.Column("id", sa.Uuid, primary_key=True), if_not_exists=True)
    for name in {tables!r}:
        op.add_column(name, sa.Column("novel", sa.String(64), nullable=True))
        op.add_column(name, sa.Column("counted", sa.Integer, nullable=False, server_default="0"))
    op.create_index("ix_finding_novel", "finding", ["residency", "novel"], if_not_exists=True)
""",
    """
    op.drop_index("ix_finding_novel", "finding", if_exists=True)
    for name in {tables!r}:
        with op.batch_alter_table(name) as table:
            table.drop_column("novel")
            table.drop_column("counted")
    op.drop_table("novelty", if_exists=True)
""",
)
TABLES = ["finding", "inbox", "job", "ledger"]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres),
                        pytest.param("cockroachdb", marks=pytest.mark.postgres)])  # fmt: skip
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Database]]:
    """Open a database of this test's own, without a schema, as often as asked."""
    opened: list[Database] = []
    if request.param == "sqlite":
        url, engine = f"sqlite:///{tmp_path}/own.db", None
    else:
        named = sa.make_url(request.getfixturevalue("postgresql_server"))
        engine = sa.create_engine(named.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql("DROP DATABASE IF EXISTS connectors_upgrade WITH (FORCE)")
            connection.exec_driver_sql("CREATE DATABASE connectors_upgrade")
        driver = {"postgresql": "postgresql+psycopg", "cockroachdb": "cockroachdb+pgshim"}[request.param]
        url = named.set(drivername=driver, database="connectors_upgrade").render_as_string(hide_password=False)

    def make() -> Database:
        opened.append(Database(url))
        return opened[-1]

    yield make
    for database in opened:
        database.close()
    if engine is not None:
        with engine.connect() as connection:
            connection.exec_driver_sql("DROP DATABASE connectors_upgrade WITH (FORCE)")
        engine.dispose()


def folder(path: Path, revision: str, *, before: str = HEAD, change: tuple[str, str], optional: bool = False) -> Path:
    """Write a revision that comes after ours into a folder of its own."""
    path.mkdir(exist_ok=True)
    up, down = (part.format(tables=TABLES) for part in change)
    text = REVISION.format(revision=revision, before=before, up=up, down=down, optional=optional)
    (path / f"{revision}.py").write_text(text)
    return path


@pytest.fixture
def following(tmp_path: Path) -> tuple[Path, ...]:
    return (folder(tmp_path / "following", NEXT, change=EXPAND),)


def fill(database: Database) -> dict[str, int]:
    """Put one row into every table, as this code would write it; return how many there are."""

    def put(c: sa.Connection) -> None:
        for table in metadata.sorted_tables:
            c.execute(table.insert(), {column.name: value(column) for column in table.c if not column.computed})

    database.run(put)
    return counts(database)


def value(column: sa.Column[Any]) -> Any:
    for check in (each for each in column.table.constraints if isinstance(each, sa.CheckConstraint)):
        if found := re.search(rf"\b{column.name} IN \('([^']*)'", str(check.sqltext)):
            return found.group(1)
    kind = column.type
    if isinstance(kind, sa.Uuid):
        return UUID(int=7)
    if isinstance(kind, sa.LargeBinary):
        return b"\0\1"
    if isinstance(kind, sa.Boolean):
        return True
    if isinstance(kind, sa.JSON):
        return {"a": [1]}
    if isinstance(kind, sa.Integer | sa.Float | sa.Numeric):
        return 1
    if isinstance(kind, sa.types.TypeDecorator | sa.DateTime):
        return datetime(2026, 3, 1, tzinfo=UTC)
    return "x"


def counts(database: Database) -> dict[str, int]:
    return database.read(
        lambda c: {
            table.name: c.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for table in metadata.sorted_tables
        }
    )


def test_rows_of_old_code_survive_the_upgrade_and_the_way_back(
    empty: Callable[[], Database], following: tuple[Path, ...]
) -> None:
    database = empty()
    upgrade(database)
    before = fill(database)
    assert set(before.values()) == {1}
    assert schema_state(database, beyond=following).pending == (NEXT,)
    upgrade(database, beyond=following)
    assert counts(database) == before
    downgrade(database, HEAD, beyond=following)
    assert (counts(database), schema_state(database).current) == (before, HEAD)


def test_old_code_writes_and_reads_every_table_of_the_new_schema(
    empty: Callable[[], Database], following: tuple[Path, ...]
) -> None:
    database = empty()
    upgrade(database, beyond=following)
    state = schema_state(database)
    assert (state.ahead, state.runs, state.problem, state.pending) == (True, True, "", ())
    assert set(fill(database).values()) == {1}
    upgrade(database)  # what a rolled back release runs before it starts
    assert schema_state(database).current == NEXT


def test_new_code_refuses_the_old_schema_and_says_what_to_do(
    empty: Callable[[], Database], following: tuple[Path, ...]
) -> None:
    database = empty()
    assert "has no schema" in schema_state(database).problem
    upgrade(database)
    state = schema_state(database, beyond=following)
    assert not state.runs
    assert state.problem == f"is at schema {HEAD}, this code needs {NEXT}: run `connectors db upgrade` first"


def test_new_code_runs_before_a_revision_that_it_can_do_without(empty: Callable[[], Database], tmp_path: Path) -> None:
    index = ('    op.create_index("ix_novel", "finding", ["residency", "state"])', '    op.drop_index("ix_novel")')
    database = empty()
    upgrade(database)
    state = schema_state(database, beyond=(folder(tmp_path / "index", NEXT, change=index, optional=True),))
    assert (state.pending, state.needed, state.runs) == ((NEXT,), (), True)


def test_old_code_refuses_a_schema_that_lost_what_it_needs(
    empty: Callable[[], Database], following: tuple[Path, ...], tmp_path: Path
) -> None:
    gone = ('    op.drop_table("gap")', "    pass")
    beyond = (*following, folder(tmp_path / "contract", AFTER, before=NEXT, change=gone))
    database = empty()
    upgrade(database, beyond=beyond)
    state = schema_state(database)
    assert not state.runs
    assert "start a newer version" in state.problem
    with pytest.raises(ConfigError, match="start a newer version"):
        upgrade(database)
    with pytest.raises(ConfigError, match="does not know"):
        downgrade(database, "base")


def test_a_schema_goes_back_only_to_where_it_was(empty: Callable[[], Database], following: tuple[Path, ...]) -> None:
    database = empty()
    upgrade(database)
    with pytest.raises(ConfigError, match="never at schema '0099'") as caught:
        downgrade(database, "0099", beyond=following)
    assert HEAD in (caught.value.hint or "")


def test_another_programs_database_is_left_alone(empty: Callable[[], Database]) -> None:
    database = empty()
    upgrade(database)
    database.run(lambda c: c.exec_driver_sql("UPDATE alembic_version SET version_num = 'ae1027a6acf'"))
    with pytest.raises(ConfigError, match="another program"):
        upgrade(database)


def test_an_upgrade_that_was_cut_off_between_statements_runs_again(empty: Callable[[], Database]) -> None:
    """CockroachDB commits each statement of a migration by itself."""
    database = empty()
    upgrade(database)
    half = [table.name for table in metadata.sorted_tables][::2]

    def cut(c: sa.Connection) -> None:
        for name in half:
            c.exec_driver_sql(f'DROP TABLE "{name}"')
        c.exec_driver_sql("DELETE FROM alembic_version")

    database.run(cut)
    upgrade(database)
    assert schema_state(database).pending == ()
    assert set(counts(database)) == set(metadata.tables)


UPGRADE = """
import sys
from connectors.store.engine import Database
from connectors.store.migrations import upgrade
database = Database(sys.argv[1])
sys.stdin.read()
upgrade(database)
"""


def test_two_upgrades_at_once_end_as_one(empty: Callable[[], Database]) -> None:
    database = empty()
    if database.dialect == "cockroachdb":
        pytest.skip("the stand-in's dialect is known to this process only")
    url = database.url.render_as_string(hide_password=False)
    running = [
        subprocess.Popen([sys.executable, "-c", UPGRADE, url], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    for each in running:
        assert each.stdin is not None
        each.stdin.close()
    ended = [(each.wait(60), each.stderr.read().decode()[-300:] if each.stderr else "") for each in running]
    for each in running:
        if each.stderr is not None:
            each.stderr.close()
    assert [code for code, _ in ended] == [0, 0, 0], ended
    assert schema_state(database).pending == ()


@pytest.mark.parametrize(
    ("current", "head", "runs"),
    [
        ("0003", "0003", True),
        ("0004.0003", "0003", True),
        ("0004.0002", "0003", True),
        ("0004", "0003", False),
        ("0009.0004", "0003", False),
        ("0009.0004", "0006.0004", True),
    ],
)
def test_what_runs_is_told_by_the_revisions_name(current: str, head: str, runs: bool) -> None:
    assert SchemaState(current, head, (), ()).runs is runs


TAKING = re.compile(r"\b(DROP (TABLE|COLUMN)|RENAME|SET NOT NULL|ALTER COLUMN \w+ (SET DATA )?TYPE)\b", re.IGNORECASE)
ADDING = re.compile(r"ADD COLUMN (?!.*DEFAULT)[^,;]*NOT NULL", re.IGNORECASE)


def taking(beyond: tuple[Path, ...] = ()) -> list[str]:
    """Return the statements of revisions that claim to serve the code before them, and do not."""
    found = []
    every = _revisions(beyond)
    for last, each in pairwise(every):
        if oldest_code(each.revision) < number(each.revision):
            sql = upgrade_sql("postgresql", f"{last.revision}:{each.revision}", beyond=beyond)
            found += [line for line in sql.split(";") if TAKING.search(line) or ADDING.search(line)]
    return found


def test_a_revision_that_serves_older_code_only_adds(following: tuple[Path, ...]) -> None:
    assert taking() == []
    assert taking(following) == []


@pytest.mark.parametrize(
    "up",
    ['op.drop_table("gap")', 'op.drop_column("gap", "reason")', 'op.alter_column("gap", "reason", nullable=False)',
     'op.add_column("gap", sa.Column("n", sa.Integer, nullable=False))', 'op.rename_table("gap", "hole")'],
)  # fmt: skip
def test_a_revision_that_takes_and_claims_to_serve_older_code_is_seen(tmp_path: Path, up: str) -> None:
    assert taking((folder(tmp_path / "taking", NEXT, change=(f"    {up}", "    pass")),))


def test_a_rolled_back_installation_works_on_the_new_schema(following: tuple[Path, ...], tmp_path: Path) -> None:
    slack = FakeSlack()
    with FakeApps(slack).running() as apps:
        config = f"""
database: {{url: "sqlite:///house.db"}}
connections:
  acme-slack:
    connector: slack
    config: {{token: {slack.token}, webhook_secret: {slack.signing_secret}, base_url: "{apps.url("slack")}/api/"}}
policies: [{{name: credentials, detectors: [secret], min_confidence: POSSIBLE, alert: [screen]}}]
destinations: {{screen: {{kind: console}}}}
outbound: {{allow: [127.0.0.0/8]}}
"""
        house = Installation(config, tmp_path)
        database = house.runtime.databases.of("default")
        upgrade(database, beyond=following)
        with house.running(worker=False):
            prepare(house.runtime)
            assert requests.get(f"{house.url}/readyz", timeout=10).json() == {"ready": True, "problems": []}
            headers, body = slack.post_message(slack.add_channel("general"), slack.add_user("Ann"), aws_key("rollback"))
            assert house.post("acme-slack", headers, body).status_code == 200
            house.worker.drain()
            assert schema_state(database).current == NEXT
            [found] = database.read(lambda c: findings.listed(c, "default", limit=10))
            assert found["detector"] == "aws_access_key_id"
