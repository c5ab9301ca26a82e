"""`connectors users`: who may sign in to the dashboard."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import click
import sqlalchemy as sa

from connectors.cli.run import prepare
from connectors.cli.state import State, pass_state
from connectors.cli.terminal import ago, console, table
from connectors.dashboard.signing import one_time_link
from connectors.errors import NotFound
from connectors.runtime import Runtime
from connectors.store.dashboard import users as store
from connectors.store.dashboard.users import User
from connectors.store.engine import Database
from connectors.store.tables.dashboard import ROLES

LASTS = timedelta(hours=48)


@click.group()
def users() -> None:
    """Make and list the users of the dashboard."""


@users.command("add")
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), default="viewer", show_default=True)
@click.option("--reveal", is_flag=True, help="May read original values from the apps; every look is audited.")
@click.option("--connection", "connections", multiple=True, help="See only these connections; wildcards; repeat.")
@click.option("--tenant", "tenants", multiple=True, help="See only these tenants; wildcards; repeat.")
@pass_state
def add(
    state: State, name: str, role: str, connections: tuple[str, ...], tenants: tuple[str, ...], *, reveal: bool
) -> None:
    """Make a user, or change one, and print a one-time link that sets the password."""
    with state.runtime() as runtime:
        prepare(runtime)
        home, database, now = runtime.config.residency, _database(runtime), runtime.now()
        known = database.read(lambda c: store.named(c, home, name))
        base = known or User(store.user_id(home, name), name, role)
        made = replace(base, role=role, may_reveal=reveal, connections=connections or ("*",), tenants=tenants or ("*",))
        database.run(lambda c: store.put(database, c, home, made, now=now))
        _print_link(runtime, made.name)


@users.command("list")
@pass_state
def list_users(state: State) -> None:
    """List the users."""
    with state.runtime() as runtime:
        home, now = runtime.config.residency, runtime.now()
        rows = _database(runtime).read(lambda c: store.listed(c, home))
    cells = [
        (
            user.name,
            user.role + (", off" if user.disabled else ""),
            "yes" if user.may_reveal else "no",
            ", ".join(user.connections),
            ", ".join(user.tenants),
            "on" if user.totp else "off",
            ago(user.last_sign_in, now),
        )
        for user in rows
    ]
    columns = ("name", "role", "reveal", "connections", "tenants", "2nd factor", "last sign-in")
    console().print(table("", columns, cells))


@users.command("link")
@click.argument("name")
@pass_state
def link(state: State, name: str) -> None:
    """Print a one-time link that sets a user's password."""
    with state.runtime() as runtime:
        _known(runtime, name)
        _print_link(runtime, name)


@users.command("reset")
@click.argument("name")
@pass_state
def reset(state: State, name: str) -> None:
    """Take away a user's password and second factor, end their sessions, and print a new link."""
    with state.runtime() as runtime:
        user, home = _known(runtime, name), runtime.config.residency

        def forget(c: sa.Connection) -> None:
            store.change(c, home, user.id, password="", totp=None)
            store.close_sessions(c, home, user=user.id)
            store.forgive(c, home, user.name)

        _database(runtime).run(forget)
        _print_link(runtime, name)


def _known(runtime: Runtime, name: str) -> User:
    home = runtime.config.residency
    user = _database(runtime).read(lambda c: store.named(c, home, name))
    if user is None:
        raise NotFound(f"there is no user {name!r}", hint="`connectors users list` shows them")
    return user


def _database(runtime: Runtime) -> Database:
    return runtime.databases.of(runtime.config.residency)


def _print_link(runtime: Runtime, name: str) -> None:
    made = one_time_link(runtime, "password", name.strip().lower(), lasts=LASTS)
    console().print(f"Works once, within 48 hours:\n{made}", markup=False, soft_wrap=True)
