"""`connectors db`: the schema."""

from __future__ import annotations

import sys

import click

from connectors.cli.locality import locality
from connectors.cli.state import State, pass_state
from connectors.cli.terminal import console, print_json
from connectors.store.migrations import pending_revisions, upgrade


@click.group()
def db() -> None:
    """Look after the database schema."""


db.add_command(locality)


@db.command("upgrade")
@pass_state
def upgrade_command(state: State) -> None:
    """Bring every configured database to the current schema. Safe to run again."""
    with state.runtime() as runtime:
        for database in runtime.databases.all():
            pending = pending_revisions(database)
            upgrade(database)
            done = f"{len(pending)} revisions applied" if pending else "nothing to do"
            console().print(f"{database.url.render_as_string(hide_password=True)}: {done}", markup=False)


@db.command("check")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_state
def check_command(state: State, *, as_json: bool) -> None:
    """Say whether the schema is current. Exits with 1 when it is not."""
    with state.runtime() as runtime:
        found = {
            database.url.render_as_string(hide_password=True): pending_revisions(database)
            for database in runtime.databases.all()
        }
    if as_json:
        print_json(found)
    else:
        for url, pending in found.items():
            line = f"needs {', '.join(pending)}: run `connectors db upgrade`" if pending else "current"
            console().print(f"{url}: {line}", markup=False)
    sys.exit(1 if any(found.values()) else 0)
