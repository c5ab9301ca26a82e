"""How the command talks: rich on a terminal, plain when piped, JSON for machines."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import Any
from uuid import UUID

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from connectors.colours import COLOURS
from connectors.errors import ConfigError, ConnectorsError
from connectors.model import Confidence, Severity

WIDTH = 100
"""Tables fit this many columns when the output is no terminal."""


def console(*, error: bool = False) -> Console:
    """Return a console for standard output or standard error."""
    stream = sys.stderr if error else sys.stdout
    return Console(file=stream, width=None if stream.isatty() else WIDTH, highlight=False, soft_wrap=False)


def complain(error: ConnectorsError) -> None:
    """Write an error for people, one line per problem."""
    out = console(error=True)
    problems = error.problems if isinstance(error, ConfigError) else (str(error),)
    for problem in problems:
        out.print(f"[red]error:[/red] {escape(problem)}", soft_wrap=True)


def print_json(value: Any) -> None:
    """Write one JSON document."""
    print(json.dumps(plain(value), indent=2, ensure_ascii=False))


def plain(value: Any) -> Any:
    """Turn a value into what JSON knows."""
    if isinstance(value, Confidence | Severity):
        return value.name
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return value


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[str] = ()) -> Table:
    """Return a table; cells that are strings starting with `[` may carry rich markup, others are escaped."""
    made = Table(
        title=title or None, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="dim"
    )
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        made.add_row(*(cell if isinstance(cell, Styled) else escape(str(cell)) for cell in row))
    return made


class Styled(str):
    """A cell that carries rich markup; whatever it quotes must be escaped already."""

    __slots__ = ()


def severity(value: int) -> Styled:
    """Return a severity as a coloured word."""
    level = Severity(value)
    return Styled(f"[{COLOURS[level]}]{level.name.lower()}[/]")


def ago(then: datetime | None, now: datetime) -> str:
    """Return how long ago something was, as people say it."""
    if then is None:
        return "never"
    seconds = (now - then).total_seconds()
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit} ago"
    return "just now"
