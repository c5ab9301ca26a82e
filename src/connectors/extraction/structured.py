"""Notebooks, SQLite databases and property lists: structured files with texts and files inside."""

from __future__ import annotations

import base64
import binascii
import json
import plistlib
import sqlite3
from collections.abc import Iterator
from typing import Any

from connectors.extraction import charset, tables
from connectors.extraction.extractor import Text
from connectors.extraction.items import Inner, Item, Meter, gap
from connectors.model import Gap

_NOTEBOOK = "application/x-ipynb+json"
_SQLITE = "application/vnd.sqlite3"
_ROWS = 5_000
_STEPS = 100_000


def read_notebook(data: bytes, meter: Meter) -> Iterator[Item]:
    """Yield each cell's source and outputs, outputs that are files as files, and the metadata."""
    notebook = json.loads(charset.decode(data))
    if not isinstance(notebook, dict):
        raise TypeError
    for number, cell in enumerate(_list(notebook.get("cells")), 1):
        meter.member()
        path = f"cell {number}"
        yield Text(_joined(cell.get("source")), path, _NOTEBOOK)
        for output in _list(cell.get("outputs")):
            yield from _output(output, f"{path} output")
        for name, bundle in (cell.get("attachments") or {}).items():
            yield from _bundle(bundle, f"{path}/{name}")
    yield Text(json.dumps(notebook.get("metadata") or {}, ensure_ascii=False), "#metadata", _NOTEBOOK)


def _output(output: dict[str, Any], path: str) -> Iterator[Item]:
    shown = [_joined(output.get("text")), _joined(output.get("traceback")), str(output.get("evalue") or "")]
    yield Text("\n".join(filter(None, shown)), path, _NOTEBOOK)
    yield from _bundle(output.get("data") or {}, path)


def _bundle(bundle: dict[str, Any], path: str) -> Iterator[Item]:
    """Yield one output in its several media types; pictures are Base64, except SVG."""
    for media_type, value in bundle.items():
        name = f"{path}/{media_type.rpartition('/')[2]}"
        if isinstance(value, dict):
            yield Text(json.dumps(value, ensure_ascii=False), name, _NOTEBOOK)
        elif media_type.startswith("image/") and "svg" not in media_type:
            try:
                yield Inner(name, base64.b64decode(_joined(value)), media_type=media_type)
            except binascii.Error:
                yield gap(name, Gap.CORRUPT, "the output is no Base64")
        else:
            yield Inner(name, _joined(value).encode("utf-8", "replace"))


def _list(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _joined(value: object) -> str:
    """Return a multi-line string, which notebooks may store as a list of lines."""
    return "".join(map(str, value)) if isinstance(value, list) else str(value or "")


def read_sqlite(data: bytes, meter: Meter) -> Iterator[Item]:
    """Yield the schema and the rows of every table. The database is never written, its triggers never run."""
    with sqlite3.connect(":memory:") as database:
        database.deserialize(data)
        database.set_progress_handler(lambda: int(meter.left <= 0), _STEPS)
        database.execute("PRAGMA trusted_schema = OFF")
        database.execute("PRAGMA cell_size_check = ON")
        database.text_factory = lambda value: value.decode("utf-8", "replace")
        schema = database.execute("SELECT type, name, sql FROM sqlite_master").fetchall()
        yield Text("\n".join(str(sql) for _, _, sql in schema if sql), "#schema", _SQLITE)
        for kind, name, sql in schema:
            if kind == "table" and not str(sql or "").upper().startswith("CREATE VIRTUAL"):
                yield from _table(database, str(name), meter)
    database.close()


def _table(database: sqlite3.Connection, name: str, meter: Meter) -> Iterator[Item]:
    """Yield a table in slices, each with its column names as header."""
    quoted = '"' + name.replace('"', '""') + '"'
    try:
        cursor = database.execute(f"SELECT * FROM {quoted}")  # noqa: S608 - quoted; the database is in memory
        header = [column[0] for column in cursor.description]
        while rows := cursor.fetchmany(_ROWS):
            meter.member()
            cells = [[_cell(value) for value in row] for row in rows]
            yield tables.grid([header, *cells], path=name, media_type=_SQLITE)
    except sqlite3.DatabaseError as error:
        yield gap(name, Gap.CORRUPT, f"the table cannot be read: {type(error).__name__}")


def _cell(value: object) -> str:
    if isinstance(value, bytes):
        return charset.decode(value) if charset.is_text(value[:65_536]) else ""
    return "" if value is None else str(value)


def read_plist(data: bytes, meter: Meter) -> Iterator[Item]:
    """Yield the keys and values of a binary property list, one a line."""
    lines: list[str] = []
    stack: list[tuple[str, object]] = [("", plistlib.loads(data))]
    while stack:
        meter.tick()
        key, value = stack.pop()
        if isinstance(value, dict):
            stack.extend((str(name), inner) for name, inner in reversed(value.items()))
        elif isinstance(value, list):
            stack.extend((key, inner) for inner in reversed(value))
        else:
            lines.append(f"{key}: {_cell(value)}")
    yield Text("\n".join(lines), media_type="application/x-bplist")
