"""`connectors keys`: keys of the developer API, and what their tenants may use."""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import click
from rich.markup import escape

from connectors.cli.state import State, pass_state
from connectors.cli.terminal import ago, console, print_json, table
from connectors.config.models import parse_duration
from connectors.store.keys import SCOPES
from connectors.store.tenants import TIERS


class Duration(click.ParamType[timedelta]):
    """A number and s, m, h or d."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Return the duration, or fail with what to write."""
        try:
            parsed = parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if not isinstance(parsed, timedelta):
            self.fail("write a number and s, m, h or d: 30s, 15m, 12h, 90d", param, ctx)
        return parsed


@click.group()
def keys() -> None:
    """Make, list and end keys of the developer API."""


@keys.command("create")
@click.argument("name")
@click.option("--tenant", default="default", show_default=True, help="Whose key it is.")
@click.option("--scope", "scopes", multiple=True, type=click.Choice(SCOPES), help="What it may do; all if not given.")
@click.option("--expires", type=Duration(), help="How long it works: 90d, 12h. For ever if not given.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_state
def create(
    state: State, name: str, *, tenant: str, scopes: Sequence[str], expires: timedelta | None, as_json: bool
) -> None:
    """Make a key. It is shown once and stored nowhere: keep it now."""
    from connectors.api import issuing
    from connectors.cli.run import prepare

    with state.runtime() as runtime:
        prepare(runtime)
        issued = issuing.create(
            runtime, tenant=tenant, name=name, scopes=scopes or SCOPES, actor=_actor(), lifetime=expires
        )
    _show(issued.id, issued.text, as_json=as_json)


@keys.command("list")
@click.option("--tenant", help="Only of this tenant.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_state
def list_command(state: State, *, tenant: str | None, as_json: bool) -> None:
    """List keys: what they may do, and whether they still work."""
    from connectors.api import issuing

    with state.runtime() as runtime:
        found, now = issuing.listed(runtime, tenant=tenant), runtime.now()
    if as_json:
        names = (
            "id",
            "tenant",
            "residency",
            "name",
            "hint",
            "scopes",
            "created_at",
            "valid_until",
            "revoked_at",
            "used_on",
        )
        print_json([{name: getattr(key, name) for name in names} | {"works": key.works(now)} for key in found])
        return
    rows = [
        (
            key.id,
            key.tenant,
            key.name,
            f"…{key.hint}",
            "all" if key.scopes == set(SCOPES) else ", ".join(sorted(key.scopes)),
            ago(key.created_at, now),
            key.used_on or "never",
            "yes" if key.works(now) else "revoked" if key.revoked_at else "expired" if key.active else "suspended",
        )
        for key in found
    ]
    headers = ("id", "tenant", "name", "key", "scopes", "made", "last used", "works")
    console().print(table("", headers, rows) if rows else "no keys; make one with `connectors keys create NAME`")


@keys.command("revoke")
@click.argument("key_id", type=click.UUID)
@pass_state
def revoke(state: State, key_id: UUID) -> None:
    """End a key. Every node stops taking it within five seconds."""
    from connectors.api import issuing

    with state.runtime() as runtime:
        issuing.revoke(runtime, key_id, actor=_actor())
    click.echo(f"key {key_id} is revoked")


@keys.command("rotate")
@click.argument("key_id", type=click.UUID)
@click.option("--overlap", type=Duration(), default="24h", show_default=True, help="How long the old one works on.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_state
def rotate(state: State, key_id: UUID, *, overlap: timedelta, as_json: bool) -> None:
    """Make a key with the same name and scopes, and end the old one after a while."""
    from connectors.api import issuing

    with state.runtime() as runtime:
        issued = issuing.rotate(runtime, key_id, overlap=overlap, actor=_actor())
    _show(issued.id, issued.text, as_json=as_json)


@keys.command("secret")
@click.option("--tenant", default="default", show_default=True)
@pass_state
def secret(state: State, *, tenant: str) -> None:
    """Print the secret that signs the result webhooks of a tenant."""
    from connectors.api import issuing

    with state.runtime() as runtime:
        click.echo(issuing.signing_secret(runtime, tenant))


@keys.command("tier")
@click.argument("tier", type=click.Choice(list(TIERS)))
@click.option("--tenant", default="default", show_default=True)
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="Requests a second, per key and endpoint.")
@click.option("--burst", type=click.IntRange(1, 10**6), help="Requests at once.")
@click.option("--monthly-mb", type=click.IntRange(0, 10**9), help="Megabytes of scanned text a month.")
@pass_state
def tier(
    state: State, tier: str, *, tenant: str, rate: float | None, burst: int | None, monthly_mb: int | None
) -> None:
    """Set the usage tier of a tenant, and what of it is different there."""
    from connectors.api import issuing

    with state.runtime() as runtime:
        issuing.set_tier(
            runtime,
            tenant,
            tier=tier,
            rate=rate,
            burst=burst,
            monthly_bytes=None if monthly_mb is None else monthly_mb * 10**6,
        )
    click.echo(f"tenant {tenant} is in tier {tier}")


def _actor() -> str:
    return f"cli:{getpass.getuser()}"


def _show(key_id: UUID, text: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"id": key_id, "key": text})
        return
    out = console()
    out.print(f"[bold]{escape(text)}[/bold]", soft_wrap=True)
    out.print(f"id {key_id}. This is the only time that the key is shown.")
