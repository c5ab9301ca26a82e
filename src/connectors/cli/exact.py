"""`connectors exact-data`: a customer's own values as a list of salted hashes."""

from __future__ import annotations

import csv
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import click

from connectors.cli.terminal import console
from connectors.detection.exact import SHORTEST, build_exact
from connectors.errors import ConfigError


@click.group("exact-data")
def exact_data() -> None:
    """Look for your own values, without keeping them."""


@exact_data.command("build")
@click.argument("file", type=click.File("r", encoding="utf-8-sig"))
@click.option("--output", required=True, type=click.Path(path_type=Path, dir_okay=False), help="Where the list goes.")
@click.option("--id", "identity", default="exact_data", show_default=True, help="The id of the detector.")
@click.option("--column", help="FILE is a table with this column; without it, each line is a value.")
@click.option(
    "--salt-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Keep the salt here instead of in the list; made when it is missing.",
)
def build(file: TextIO, output: Path, identity: str, column: str | None, salt_file: Path | None) -> None:
    """Hash the values in FILE (- for standard input). Then write `detection: {exact_data: LIST}`."""
    salt = _salt(salt_file) if salt_file else None
    found, refused = build_exact(_values(file, column), id=identity, salt=salt)
    if not found.digests:
        raise ConfigError("there is no value in the file", hint=f"a value has at least {SHORTEST} letters or digits")
    found.save(output, with_salt=salt is None)
    out = console(error=True)
    out.print(f"{len(found.digests)} values hashed to {output}", markup=False)
    if refused:
        out.print(f"{refused} left out: shorter than {SHORTEST} letters and digits, or longer than 16 words")


def _values(file: TextIO, column: str | None) -> Iterator[str]:
    """Yield the values of a file, line by line or from a column. Raises `ConfigError`."""
    try:
        if column is None:
            yield from (line.strip() for line in file if line.strip())
            return
        rows = csv.DictReader(file)
        if column not in (rows.fieldnames or ()):
            raise ConfigError(f"there is no column {column!r}", hint="columns: " + ", ".join(rows.fieldnames or ()))
        yield from (row[column] for row in rows if row[column])
    except UnicodeDecodeError:
        raise ConfigError("the file is not UTF-8 text") from None
    except csv.Error:
        raise ConfigError("the file is not a CSV table") from None


def _salt(path: Path) -> bytes:
    """Read a salt, or make one that only its owner can read. Raises `ConfigError`."""
    try:
        return bytes.fromhex(path.read_text(encoding="ascii").strip())
    except FileNotFoundError:
        pass
    except (OSError, ValueError):
        raise ConfigError(f"{path} is not a salt", hint="name a new file to make one") from None
    salt = secrets.token_bytes(32)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from None
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(salt.hex() + "\n")
    return salt
