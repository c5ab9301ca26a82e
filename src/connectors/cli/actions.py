"""`connectors act`: do something about a finding, in its app."""

from __future__ import annotations

import getpass
import sys

import click
from rich.markup import escape

from connectors.cli.findings import locate
from connectors.cli.state import State, pass_state
from connectors.cli.terminal import console, print_json
from connectors.work.direct import act_now, offered


@click.command()
@click.argument("finding")
@click.argument("action", required=False)
@click.option("--dry-run", is_flag=True, help="Say what would be done, and change nothing.")
@click.option("--why", default="", help="The reason, for the audit.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_state
def act(state: State, finding: str, action: str | None, why: str, *, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Do ACTION about FINDING; without an action, list those that its app offers.

    The value is looked for again right before; when it is gone, nothing is changed.
    """
    out = console()
    with state.runtime() as runtime:
        row = locate(runtime, finding)
        specs = offered(runtime, row)
        if action is None:
            for spec in specs:
                out.print(
                    f"[bold]{escape(spec.name)}[/] {escape(spec.summary)}"
                    + (" [red](destructive)[/]" if spec.destructive else "")
                )
            if not specs:
                out.print("this app offers no action for it")
            return
        chosen = next((spec for spec in specs if spec.name == action), None)
        if chosen is not None and chosen.destructive and not dry_run and not yes:
            click.confirm(f"{chosen.summary} — {row['label']}. Go on?", abort=True, err=True)
        outcome = act_now(runtime, row, action, actor=f"cli:{getpass.getuser()}", why=why, dry_run=dry_run)
    if as_json:
        print_json(outcome)
    else:
        remaining = f"\n[yellow]{escape(outcome['remaining'])}[/]" if outcome["remaining"] else ""
        out.print(f"[bold]{escape(outcome['state'])}[/]: {escape(outcome['message'])}{remaining}")
    sys.exit(0 if outcome["state"] in ("done", "nothing_to_do", "dry_run") else 1)
