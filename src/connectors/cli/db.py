"""`connectors db`: the schema."""

from __future__ import annotations

import sys
from datetime import timedelta

import click

from connectors.cli.locality import locality
from connectors.cli.state import State, pass_state
from connectors.cli.terminal import console, print_json
from connectors.store import recount
from connectors.store.migrations import SchemaState, downgrade, oldest_code, schema_state, upgrade


@click.group()
def db() -> None:
    """Look after the database schema."""


db.add_command(locality)


@db.command("upgrade")
@pass_state
def upgrade_command(state: State) -> None:
    """Bring every configured database to this version's schema. Safe to run again, and after a rollback."""
    with state.runtime() as runtime:
        _ = runtime.vault  # the key file of a new installation is made here, before many processes start
        for database in runtime.databases.all():
            before = schema_state(database)
            upgrade(database)
            count = len(before.pending)
            done = f"{count} {'revision' if count == 1 else 'revisions'} applied" if count else "nothing to do"
            done = f"is newer ({before.current}) and serves this version: left as it is" if before.ahead else done
            console().print(f"{database.url.render_as_string(hide_password=True)}: {done}", markup=False)


@db.command("downgrade")
@click.argument("revision")
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_state
def downgrade_command(state: State, revision: str, *, yes: bool) -> None:
    """Take every configured database back to REVISION, or `base`, and drop what later ones added, with its rows.

    A rollback of the program does not need this: older code runs on the newer schema when `db status` of the older
    code says so. Stop every gateway and worker first.
    """
    with state.runtime() as runtime:
        for database in runtime.databases.all():
            name = database.url.render_as_string(hide_password=True)
            if not yes:
                click.confirm(f"Drop from {name} all that came after {revision}?", abort=True)
            downgrade(database, revision)
            console().print(f"{name}: at {schema_state(database).current or 'base'}", markup=False)


@db.command("status")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_state
def status_command(state: State, *, as_json: bool) -> None:
    """Say which schema each database has. Exits with 1 when this version does not run on it."""
    sys.exit(0 if all(each.runs for each in _told(state, as_json=as_json)) else 1)


@db.command("check")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_state
def check_command(state: State, *, as_json: bool) -> None:
    """Say which schema each database has. Exits with 1 when it is not this version's."""
    sys.exit(1 if any(each.pending or each.ahead for each in _told(state, as_json=as_json)) else 0)


@db.command("rebuild-counts")
@click.option("--days", type=click.IntRange(1, 3650), help="Count the days since then again, too.")
@pass_state
def rebuild_counts_command(state: State, *, days: int | None) -> None:
    """Count again what the dashboard's charts rest on, while everything goes on.

    What is open now comes out exact. With --days, so does what was found and closed on each of those days, as far as
    the findings are still kept: take no more days than `retention.findings`.
    """
    with state.runtime() as runtime:
        since = runtime.now() - timedelta(days=days - 1) if days else None
        for residency in runtime.databases.residencies:
            wrong = recount.recount(runtime.databases.of(residency), residency, since=since)
            console().print(f"{residency}: {f'{wrong} counters put right' if wrong else 'every counter is right'}")


def _told(state: State, *, as_json: bool) -> list[SchemaState]:
    """Print how each database stands; return it."""
    with state.runtime() as runtime:
        found = {
            database.url.render_as_string(hide_password=True): schema_state(database)
            for database in runtime.databases.all()
        }
    if as_json:
        print_json({url: _facts(each) for url, each in found.items()})
    else:
        for url, each in found.items():
            console().print(f"{url}: {_said(each)}", markup=False, soft_wrap=True)
    return list(found.values())


def _facts(state: SchemaState) -> dict[str, object]:
    return {
        "schema": state.current,
        "code": state.head,
        "runs": state.runs,
        "pending": state.pending,
        "oldest_code": oldest_code(state.current) if state.current else None,
        "problem": state.problem,
    }


def _said(state: SchemaState) -> str:
    if state.problem:
        return state.problem
    if state.ahead:
        return f"is at schema {state.current}, newer than this version's {state.head}, and serves it"
    if state.pending:
        return f"needs {', '.join(state.pending)}: run `connectors db upgrade`; this version runs meanwhile"
    return f"current ({state.current})"
