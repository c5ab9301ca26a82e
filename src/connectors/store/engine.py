"""The only module that knows which database it talks to: CockroachDB, PostgreSQL or SQLite.

Everything else in the store is one SQL subset that runs on all three. A unit of work is a function of one
connection that contains SQL only: it may run several times.
"""

from __future__ import annotations

import random
import sqlite3
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from connectors.errors import ConfigError, StoreUnavailable
from connectors.store.bulk import Prepared, arrays_of, from_arrays, storable_row

if TYPE_CHECKING:
    import psycopg

T = TypeVar("T")
Row = Mapping[str, Any]

MAX_ATTEMPTS = 12
RETRIED_STATES = frozenset({"40001", "40P01", "55P03"})
"""serialization_failure, deadlock_detected, lock_not_available: the database asks to run the transaction again."""

_MANY = 8
"""Rows from which on an INSERT into SQLite is worth a question before."""

_RESTED = 1.0
"""Seconds after which a pooled connection may have been cut without a word."""

UNDEFINED_TABLE = "42P01"

AWAY_STATES = ("08", "57P", "53")
"""SQLSTATE classes of a server that is away, restarting or out of resources."""

SHARDS = {"sqlite": 1, "postgresql": 4, "cockroachdb": 8}
"""How many shards spread the claims of one queue, so that no index tail is everybody's hot spot."""


class Database:
    """One database that holds the rows of one or several residencies.

    Make one per process and URL; it is thread-safe. `run` is for writing, `read` for reading.
    """

    def __init__(self, url: str, *, pool_size: int = 8, isolation_level: str | None = None) -> None:
        self.url = parse_url(url)
        self.dialect = self.url.get_dialect().name
        if self.dialect not in SHARDS:
            raise ConfigError(
                f"database {self.dialect!r} is not supported", hint="use cockroachdb, postgresql or sqlite"
            )
        self.shards = SHARDS[self.dialect]
        self.retries = 0
        self._compiled: dict[Hashable, Any] = {}
        if self.dialect == "sqlite":
            _check_folder(self.url)
            # One writer at a time is SQLite's nature: a lock queues threads better than busy waiting does.
            self._writing: threading.Lock | None = threading.Lock()
            self._writer = _sqlite_engine(self.url, begin="BEGIN IMMEDIATE", pool_size=1)
            self._reader = _sqlite_engine(self.url, begin="BEGIN", pool_size=pool_size)
        else:
            self._writing = None
            self._writer = self._reader = _server_engine(self.url, pool_size=pool_size, isolation_level=isolation_level)

    def __repr__(self) -> str:
        return f"<Database {self.url.render_as_string(hide_password=True)}>"

    @property
    def embedded(self) -> bool:
        """Tell whether it is a file that this process makes when it first writes: nobody set it up."""
        return self.dialect == "sqlite"

    @property
    def absent(self) -> bool:
        """Tell whether it is such a file, and not made yet."""
        return self.embedded and not Path(self.url.database or "").exists()

    @property
    def feeds_changes(self) -> bool:
        """Tell whether it writes what changes to files by itself, once it is told to."""
        return self.dialect == "cockroachdb"

    @property
    def engine(self) -> sa.Engine:
        """The writing engine, for migrations."""
        return self._writer

    def run(self, work: Callable[[sa.Connection], T], *, attempts: int = MAX_ATTEMPTS) -> T:
        """Run `work` in a transaction, COMMIT included, again when the database asks for it.

        `work` contains SQL only. Raises `StoreUnavailable` when the database is away or every attempt failed.
        """
        for attempt in range(1, attempts + 1):
            try:
                with self._write_lock(), self._writer.begin() as connection:
                    return work(connection)
            except (DBAPIError, PoolTimeoutError) as error:
                if not _retriable(error):
                    raise _translated(error, self.url) from error
                if attempt == attempts:
                    raise StoreUnavailable(f"the database refused the transaction {attempts} times") from error
            self.retries += 1
            # Full jitter below a doubling ceiling: competing transactions must not meet again.
            time.sleep(random.uniform(0, min(0.002 * 2**attempt, 1.0)))  # noqa: S311 (spread, not secrecy)
        raise AssertionError("unreachable")

    def read(self, work: Callable[[sa.Connection], T], *, stale_ok: bool = False) -> T:
        """Run `work` in a read-only transaction, again when the database asks for it.

        With `stale_ok` CockroachDB answers from the nearest replica, a few seconds behind.
        """
        for attempt in range(1, MAX_ATTEMPTS + 1):
            try:
                with self._reader.connect() as connection, connection.begin():
                    if stale_ok and self.dialect == "cockroachdb":
                        connection.exec_driver_sql("SET TRANSACTION AS OF SYSTEM TIME follower_read_timestamp()")
                    return work(connection)
            except (DBAPIError, PoolTimeoutError) as error:
                if not _retriable(error) or attempt == MAX_ATTEMPTS:
                    raise _translated(error, self.url) from error
            time.sleep(random.uniform(0, min(0.002 * 2**attempt, 1.0)))  # noqa: S311 (spread, not secrecy)
        raise AssertionError("unreachable")

    def insert(self, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
        """Return the dialect's INSERT, which knows ON CONFLICT and RETURNING."""
        return sqlite.insert(table) if self.dialect == "sqlite" else postgresql.insert(table)

    def day(self, moment: sa.ColumnElement[Any]) -> sa.ColumnElement[str]:
        """Return the day of a moment, in UTC, as 2026-01-31."""
        if self.embedded:
            return sa.func.substr(sa.type_coerce(moment, sa.String), 1, 10)
        return sa.func.to_char(sa.func.timezone("UTC", moment), "YYYY-MM-DD")

    def seconds(self, moment: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        """Return a moment as whole seconds since 1970."""
        if self.embedded:
            return sa.cast(sa.func.strftime("%s", moment), sa.BigInteger)
        return sa.func.floor(sa.extract("epoch", moment))

    def insert_new(self, connection: sa.Connection, table: sa.Table, rows: Sequence[Row]) -> set[Any]:
        """Insert the rows whose primary key is not there yet; return the ids of those that were new."""
        if not rows:
            return set()
        if self.dialect == "sqlite" and len(rows) >= _MANY:
            return self._insert_absent(connection, table, rows)
        stored = [storable_row(row) for row in rows]

        def build() -> sa.Insert:
            # RETURNING makes SQLAlchemy send many rows in one statement.
            nothing = self._insert_of(table, stored[0]).on_conflict_do_nothing(index_elements=list(table.primary_key))
            return nothing.returning(table.c.id)

        return self._insert(connection, table, (table.name, tuple(stored[0])), build, stored)

    def _insert_absent(self, connection: sa.Connection, table: sa.Table, rows: Sequence[Row]) -> set[Any]:
        """Insert many rows into SQLite, mostly new ones: what is there is asked for only when something is.

        One prepared statement that is stepped through costs a third of one large statement with RETURNING.
        """
        unique = {row["id"]: row for row in rows}
        try:
            with connection.begin_nested():
                self._insert_prepared(connection, table, list(unique.values()))
        except IntegrityError:
            residencies = {row["residency"] for row in rows}
            there = sa.select(table.c.id).where(table.c.residency.in_(residencies), table.c.id.in_(unique))
            for known in connection.execute(there).scalars():
                del unique[known]
            self._insert_prepared(connection, table, list(unique.values()))
        return set(unique)

    def _insert_prepared(self, connection: sa.Connection, table: sa.Table, rows: Sequence[Row]) -> None:
        if not rows:
            return
        key = (table.name, "absent", tuple(rows[0]))
        prepared = self._compiled.get(key)
        if prepared is None:
            prepared = self._compiled[key] = Prepared(table, tuple(rows[0]), self._writer.dialect)
        connection.exec_driver_sql(prepared.sql, prepared.bound(rows))

    def upsert(
        self,
        connection: sa.Connection,
        table: sa.Table,
        rows: Sequence[Row],
        *,
        update: Sequence[str] | Callable[[Any], Mapping[str, Any]],
        where: Callable[[Any], sa.ColumnElement[bool]] | None = None,
    ) -> set[Any]:
        """Insert rows, or update the columns named by `update` of those whose primary key is there.

        `update` may also be a function of the row that was to be inserted, for `n = t.n + excluded.n`. With
        `where`, a function of the same, only rows for which it holds are updated. Returns the ids written. The
        rows are written in the order of their ids, so that two writers cannot deadlock.
        """
        if not rows:
            return set()
        stored = [storable_row(row) for row in sorted(rows, key=lambda row: row["id"])]

        def build() -> sa.Insert:
            statement = self._insert_of(table, stored[0])
            new = statement.excluded
            values = update(new) if callable(update) else {name: new[name] for name in update}
            condition = where(new) if where else None
            updated = statement.on_conflict_do_update(
                index_elements=list(table.primary_key), set_=values, where=condition
            )
            return updated.returning(table.c.id)

        asked = (_identity(update), _identity(where))
        key = None if None in asked else (table.name, tuple(stored[0]), *asked)
        return self._insert(connection, table, key, build, stored)

    def _insert_of(self, table: sa.Table, row: Row) -> postgresql.Insert | sqlite.Insert:
        statement = self.insert(table)
        return statement if isinstance(statement, sqlite.Insert) else from_arrays(statement, table, list(row))

    def _insert(
        self,
        connection: sa.Connection,
        table: sa.Table,
        key: Hashable | None,
        build: Callable[[], sa.Insert],
        rows: Sequence[Row],
    ) -> set[Any]:
        """Run an INSERT ... ON CONFLICT for many rows; return the ids written.

        SQLAlchemy does not cache such statements, and compiling one takes longer than a small transaction.
        """
        compiled = self._compiled.get(key) if key is not None else None
        if compiled is None:
            many = self.dialect == "sqlite"
            compiled = build().compile(self._writer, column_keys=list(rows[0]), for_executemany=many)
            if key is not None:
                self._compiled[key] = compiled
        # A compiled statement runs like any other; the signature only names those that are not compiled yet.
        given = list(rows) if self.dialect == "sqlite" else arrays_of(table, rows)
        return set(connection.execute(cast("sa.Insert", compiled), given).scalars())

    def skip_locked(self, query: sa.Select[Any]) -> sa.Select[Any]:
        """Lock the rows of a candidate query and pass over those that another worker holds; a no-op on SQLite."""
        return query if self.dialect == "sqlite" else query.with_for_update(skip_locked=True)

    def ping(self) -> None:
        """Raise `StoreUnavailable` when the database does not answer."""
        self.read(lambda connection: connection.execute(sa.text("SELECT 1")).scalar())

    def close(self) -> None:
        """Close every pooled connection."""
        self._writer.dispose()
        self._reader.dispose()

    @contextmanager
    def _write_lock(self) -> Iterator[None]:
        if self._writing is None:
            yield
        else:
            with self._writing:
                yield


def _identity(part: object) -> Hashable | None:
    """Return what tells one part of an upsert from another; None when it closes over values and must be built anew."""
    if part is None:
        return ""
    if isinstance(part, Sequence):
        return tuple(part)
    code = getattr(part, "__code__", None)
    return code if code is not None and not code.co_freevars else None


def parse_url(url: str) -> sa.URL:
    """Parse a database URL, with the drivers that this product is tested with as defaults."""
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError as error:
        raise ConfigError(
            "the database URL cannot be read",
            hint="write sqlite:///connectors.db or postgresql://user@host/name",
        ) from error
    defaults = {
        "postgresql": "postgresql+psycopg",
        "postgres": "postgresql+psycopg",
        "cockroachdb": "cockroachdb+psycopg",
    }
    return parsed.set(drivername=defaults.get(parsed.drivername, parsed.drivername))


def located(url: str, folder: Path) -> str:
    """Return a database URL whose file, if it is one with a relative path, starts at `folder`."""
    parsed = parse_url(url)
    path = parsed.database
    if parsed.get_dialect().name != "sqlite" or not path or path == ":memory:" or Path(path).is_absolute():
        return url
    return parsed.set(database=str((folder / path).absolute())).render_as_string(hide_password=False)


def _server_engine(url: sa.URL, *, pool_size: int, isolation_level: str | None) -> sa.Engine:
    options: dict[str, Any] = {"isolation_level": isolation_level} if isolation_level else {}
    engine = sa.create_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        # Processes that start together should not reconnect together.
        pool_recycle=random.randint(240, 360),  # noqa: S311 (spread, not secrecy)
        pool_timeout=5,
        connect_args={"connect_timeout": 5},
        **options,
    )
    _ping_after_rest(engine)
    if url.drivername == "postgresql+psycopg":
        sa.event.listen(engine, "connect", _binary_arrays)
    return engine


def _ping_after_rest(engine: sa.Engine) -> None:
    """Ask connections that rested whether they still live, before they are used again.

    SQLAlchemy's own `pool_pre_ping` asks each time: three of the eight round trips of a small transaction.
    """

    @sa.event.listens_for(engine, "checkin")
    def rest(_connection: Any, record: Any) -> None:
        record.info["since"] = time.monotonic()

    @sa.event.listens_for(engine, "checkout")
    def ping(connection: Any, record: Any, _proxy: Any) -> None:
        if time.monotonic() - record.info.get("since", time.monotonic()) < _RESTED:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise sa.exc.DisconnectionError from error


def _binary_arrays(connection: psycopg.Connection[Any], _record: object) -> None:
    """Send arrays in their binary form: as text, writing one takes several times as long as all else of a statement."""
    from psycopg.types.array import ListBinaryDumper

    connection.adapters.register_dumper(list, ListBinaryDumper)


def _sqlite_engine(url: sa.URL, *, begin: str, pool_size: int) -> sa.Engine:
    memory = url.database in (None, "", ":memory:")
    if memory:
        raise ConfigError("an in-memory SQLite database is not durable", hint="write sqlite:///connectors.db")
    engine = sa.create_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=30,
        connect_args={"timeout": 30, "check_same_thread": False},
    )

    @sa.event.listens_for(engine, "connect")
    def connect(connection: sqlite3.Connection, _record: object) -> None:
        # sqlite3 would open transactions lazily, and a read that turns into a write cannot wait for its turn.
        connection.isolation_level = None
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "busy_timeout=30000",
            "cache_size=-16000",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def start(connection: sa.Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _sqlstate(error: BaseException) -> str:
    original = getattr(error, "orig", error)
    return str(getattr(original, "sqlstate", None) or getattr(original, "pgcode", None) or "")


def _retriable(error: BaseException) -> bool:
    original = getattr(error, "orig", None)
    if isinstance(original, sqlite3.OperationalError):
        return "locked" in str(original) or "busy" in str(original)
    return _sqlstate(error) in RETRIED_STATES


def _check_folder(url: sa.URL) -> None:
    folder = Path(url.database or ".").parent
    if not folder.is_dir():
        raise ConfigError(f"database.url: there is no folder {folder}", hint="make it, or write another path")


def _translated(error: DBAPIError | PoolTimeoutError, url: sa.URL) -> Exception:
    """Name what the host does about a database error, without the statement's parameters."""
    state = _sqlstate(error)
    if state == UNDEFINED_TABLE or "no such table" in str(getattr(error, "orig", "")):
        return StoreUnavailable(f"the database {url.database} lacks tables", hint="run `connectors db upgrade`")
    away = (
        isinstance(error, PoolTimeoutError | InterfaceError)
        or (isinstance(error, OperationalError) and (not state or state.startswith(AWAY_STATES)))
        or (isinstance(error, DBAPIError) and error.connection_invalidated)
        or state.startswith(AWAY_STATES)
    )
    if away:
        where = f"{url.host}:{url.port}" if url.host and url.port else url.host or url.database
        return StoreUnavailable(f"the database at {where} does not answer ({state or type(error).__name__})")
    if isinstance(error, DBAPIError):
        error.hide_parameters = True
    return error
