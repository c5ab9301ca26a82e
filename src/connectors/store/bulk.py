"""Many rows in one statement on a server: one array per column instead of one parameter per value.

The text of the statement is the same for any number of rows, so that the driver parses it once and the server can
keep its plan. With a parameter per value, parsing the text took more than half of what a write cost the client.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
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


def _element(column: sa.Column[Any]) -> sa.types.TypeEngine[Any]:
    # Without its length: a cast to VARCHAR(n) cuts silently what an INSERT refuses. CockroachDB has no arrays of JSON.
    return sa.Text() if isinstance(column.type, sa.String) or _is_json(column) else column.type


def _is_json(column: sa.Column[Any]) -> bool:
    return isinstance(column.type, sa.JSON)
