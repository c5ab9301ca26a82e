"""Many rows at once. On a server in one statement: one array per column instead of one parameter per value.

The text of the statement is the same for any number of rows, so that the driver parses it once and the server can
keep its plan. With a parameter per value, parsing the text took more than half of what a write cost the client.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa

_Insert = TypeVar("_Insert", bound=sa.Insert)


def from_arrays(insert: _Insert, table: sa.Table, names: Sequence[str]) -> _Insert:
    """Return `insert` with its rows taken from arrays that are bound by the names of their columns."""
    kinds = {name: _element(table.c[name]) for name in names}
    arrays = [sa.bindparam(name, type_=sa.ARRAY(kinds[name], dimensions=1)) for name in names]
    columns = [sa.column(name, kinds[name]) for name in names]
    given = sa.func.unnest(*arrays).table_valued(*columns).render_derived("given")
    chosen = [
        sa.cast(given.c[name], table.c[name].type) if _is_json(table.c[name]) else given.c[name] for name in names
    ]
    return insert.from_select(list(names), sa.select(*chosen))


def arrays_of(table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Return the arrays of some rows that all have the same columns."""
    return {
        name: [json.dumps(row[name]) for row in rows] if _is_json(table.c[name]) else [row[name] for row in rows]
        for name in rows[0]
    }


class Prepared:
    """An INSERT of one table's columns into SQLite, whose values are bound without asking each what it is."""

    def __init__(self, table: sa.Table, columns: Sequence[str], dialect: sa.Dialect) -> None:
        quoted = dialect.identifier_preparer.quote
        names = ", ".join(quoted(name) for name in columns)
        self.sql = f"INSERT INTO {quoted(table.name)} ({names}) VALUES ({', '.join('?' * len(columns))})"  # noqa: S608 (names of our own tables)
        self._columns = [(name, table.c[name].type.dialect_impl(dialect).bind_processor(dialect)) for name in columns]

    def bound(self, rows: Sequence[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
        """Return the rows as the driver takes them."""
        return list(zip(*(self._column(name, process, rows) for name, process in self._columns), strict=True))

    @staticmethod
    def _column(name: str, process: Callable[[Any], Any] | None, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        values = [row[name] for row in rows]
        shared = len(set(map(id, values))) == 1
        # What all rows of a page share is mostly one object: the time of writing, the connection.
        given = values[:1] if shared else values
        if any(isinstance(value, str | dict | list) for value in given):
            given = [storable(value) for value in given]
        if process is not None:
            given = [process(value) for value in given]
        return given * len(values) if shared else given


def storable_row(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a row whose texts every database takes: the same row when there is nothing to replace."""
    replaced = {}
    for name, value in row.items():
        kind = value.__class__
        if kind is str:
            if not value.isascii() or "\0" in value:
                replaced[name] = storable(value)
        elif kind is dict or kind is list:
            replaced[name] = storable(value)
    return {**row, **replaced} if replaced else row


def storable(value: Any) -> Any:
    """Replace what no database takes in a text: NUL, and halves of characters. What apps send can hold both."""
    if isinstance(value, str):
        if value.isascii() and "\0" not in value:
            return value
        return value.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
    if isinstance(value, dict):
        return {key: storable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [storable(item) for item in value]
    return value


def _element(column: sa.Column[Any]) -> sa.types.TypeEngine[Any]:
    # Without its length: a cast to VARCHAR(n) cuts silently what an INSERT refuses. CockroachDB has no arrays of JSON.
    return sa.Text() if isinstance(column.type, sa.String) or _is_json(column) else column.type


def _is_json(column: sa.Column[Any]) -> bool:
    return isinstance(column.type, sa.JSON)
