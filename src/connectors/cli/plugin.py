"""`connectors plugin`: what authors of plugins need."""

from __future__ import annotations

from pathlib import Path

import click


@click.group()
def plugin() -> None:
    """Write a plugin of your own."""


@plugin.command("new")
@click.argument("name")
@click.option(
    "--into",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help="Folder in which the package's folder is made. Default: the current one.",
)
def new(name: str, into: Path) -> None:
    """Write the package of a new connector NAME, with tests that pass."""
    from connectors.scaffold import generate

    folder = generate(name, into)
    click.echo(f"Written: {folder}\n\nNext:\n  cd {folder}\n  pip install -e '.[dev]'\n  pytest")
