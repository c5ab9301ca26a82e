"""`connectors db locality`: where CockroachDB keeps the rows of each residency."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from connectors.cli.state import State, pass_state
from connectors.cli.terminal import console
from connectors.store import locality as places

PROFILE = click.option(
    "--profile",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    required=True,
    help="YAML with the regions of each residency.",
)


@click.group()
def locality() -> None:
    """Keep each residency's rows in its regions (CockroachDB)."""


@locality.command()
@PROFILE
@click.option("--dry-run", is_flag=True, help="Print every statement for an empty database, and change nothing.")
@pass_state
def apply(state: State, profile: Path, *, dry_run: bool) -> None:
    """Bring the database to the profile. Safe to run again; does nothing on PostgreSQL and SQLite."""
    wanted = places.load_profile(profile)
    if dry_run:
        for statement in places.statements(wanted, places.State("connectors")):
            click.echo(statement + ";")
        return
    with state.runtime() as runtime:
        residencies = runtime.config.residencies()
        for database in runtime.databases.all():
            name = database.url.render_as_string(hide_password=True)
            if database.dialect != "cockroachdb":
                console().print(f"{name}: nothing to do, each residency has its own database here", markup=False)
                continue
            with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                done = places.apply(connection, wanted, residencies)
            console().print(f"{name}: {len(done)} statements applied", markup=False)


@locality.command()
@PROFILE
@pass_state
def check(state: State, profile: Path) -> None:
    """Say what the database lacks of the profile. Exits with 1 when it lacks something."""
    wanted = places.load_profile(profile)
    lacking = False
    with state.runtime() as runtime:
        for database in runtime.databases.all():
            name = database.url.render_as_string(hide_password=True)
            if database.dialect != "cockroachdb":
                console().print(f"{name}: residencies are kept apart by database", markup=False)
                continue
            with database.engine.connect() as connection:
                found = places.read_state(connection)
            todo = [*places.problems(wanted, found, runtime.config.residencies()), *places.statements(wanted, found)]
            lacking = lacking or bool(todo)
            console().print(f"{name}: {'as the profile says' if not todo else 'lacks'}", markup=False)
            for line in todo:
                console().print(f"  {line}", markup=False, soft_wrap=True)
    sys.exit(1 if lacking else 0)
