"""Rows by arrays: what a row written alone would be, and refused where it would be refused."""

from __future__ import annotations

import json

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from connectors.store.bulk import arrays_of, from_arrays
from connectors.store.columns import Json

TABLE = sa.Table(
    "thing",
    sa.MetaData(),
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("name", sa.String(10)),
    sa.Column("more", Json),
)


def compiled() -> str:
    statement = from_arrays(postgresql.insert(TABLE), TABLE, ("id", "name", "more"))
    return str(statement.compile(dialect=postgresql.dialect()))  # type: ignore[no-untyped-call]  # SQLAlchemy's


def test_the_statement_does_not_grow_with_the_rows() -> None:
    text = compiled()
    assert text.count("unnest(") == 1
    assert "VALUES" not in text


def test_a_text_is_not_cut_to_the_length_of_its_column() -> None:
    assert "VARCHAR(10)" not in compiled()


def test_json_travels_as_text_and_is_cast_back() -> None:
    assert "CAST(given.more AS JSONB)" in compiled()
    rows = [{"id": 1, "name": "a", "more": {"b": [1]}}, {"id": 2, "name": "c", "more": None}]
    found = arrays_of(TABLE, rows)
    assert found["name"] == ["a", "c"]
    assert [json.loads(each) for each in found["more"]] == [{"b": [1]}, None]
