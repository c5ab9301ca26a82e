"""`connectors demo`: the main job on an invented company, with no account and nothing to set up."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import click
from rich.markup import escape
from rich.panel import Panel

from connectors.cli.findings import findings_table
from connectors.cli.inspect import alerts_table, coverage_table, over_residencies
from connectors.cli.progress import Progress
from connectors.cli.sync import covered, settled
from connectors.cli.terminal import Styled, console, table
from connectors.config.models import LogSettings
from connectors.logs import configure
from connectors.store import alerts, findings, ledger
from connectors.store.engine import Row
from connectors.testing.company import Happening, Planted, happenings
from connectors.testing.installation import Installation
from connectors.testing.town import Town

PATIENCE = 30.0
"""Seconds in which the demo must be through."""


@click.command()
@click.option("--once", is_flag=True, help="Stop when done: exit code 0 when everything planted was found.")
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), help="Keep the demo's files here.")
def demo(folder: Path | None, *, once: bool) -> None:
    """Watch an invented company's apps: history first, then live webhooks.

    Fake apps that speak the vendors' HTTP run on loopback; gateway, worker and database are the real ones.
    """
    configure(LogSettings(level="error"))
    place = folder or Path(tempfile.mkdtemp(prefix="connectors-demo-"))
    place.mkdir(parents=True, exist_ok=True)
    try:
        found_all = _run(place, once=once)
    finally:
        if folder is None:
            shutil.rmtree(place, ignore_errors=True)
    sys.exit(0 if found_all else 1)


def _run(place: Path, *, once: bool) -> bool:
    out = console()
    with Town().running() as town:
        config = town.config(place)
        (place / "connectors.yaml").write_text(config, encoding="utf-8")
        installation = Installation(config, place)
        with installation.running():
            names = tuple(installation.runtime.config.connections)
            out.print(_welcome(installation.url, names))
            _wait(installation, names, "history")
            _listen(town)
            told = _live(installation, town, names)
            planted = (*town.planted, *(one for event in told for one in event.planted))
            missing = _report(installation, planted, told)
            out.print(_next_steps(installation.url, place))
            if not once:
                _stay(installation)
    return not missing


def _welcome(url: str, names: Sequence[str]) -> Panel:
    text = (
        f"[bold]{len(names)} apps[/] of an invented company: {', '.join(names)}.\n"
        f"Gateway [bold]{url}[/], embedded SQLite, one worker. Reading history by API …"
    )
    return Panel(text, title="connectors demo", title_align="left", width=100)


def _wait(installation: Installation, names: tuple[str, ...], doing: str) -> None:
    """Show progress until nothing is left to do."""
    deadline = time.monotonic() + PATIENCE
    quiet = 0
    with Progress() as progress:
        while quiet < 2:
            lines = covered(installation.runtime, names)
            progress.show(lines, installation.runtime.now())
            quiet = quiet + 1 if lines and settled(installation.runtime, names) else 0
            if time.monotonic() > deadline:
                console(error=True).print(f"[red]{doing} did not settle within {PATIENCE:.0f} s[/]")
                return
            time.sleep(0.1)


def _listen(town: Town) -> None:
    """Wait until the push channels are open, which nobody would hear otherwise."""
    deadline = time.monotonic() + PATIENCE
    while not town.listening and time.monotonic() < deadline:
        time.sleep(0.05)


def _live(installation: Installation, town: Town, names: tuple[str, ...]) -> list[Happening]:
    """Let people do things; their apps post signed webhooks to the gateway."""
    out = console()
    out.print("\n[bold]Live[/]: people go on working, and their apps post signed webhooks.")
    told = list(happenings(**town.apps_for_company()))
    for event in told:
        answer = installation.post(town.connection(event.app), event.headers, event.body)
        took = answer.elapsed.total_seconds() * 1000
        out.print(f"  {escape(event.told or event.app):44} [green]{answer.status_code}[/] in {took:.0f} ms")
        if event.planted:
            _wait(installation, names, event.told)
    return told


def _report(installation: Installation, planted: Sequence[Planted], told: Sequence[Happening]) -> list[Planted]:
    out, runtime = console(), installation.runtime
    rows: list[Row] = over_residencies(runtime, lambda c, r: findings.listed(c, r, limit=500))
    now = runtime.now()
    out.print("\n[bold]Findings[/], redacted: the values themselves are nowhere in the database")
    out.print(findings_table(rows, now))
    out.print("\n[bold]Alerts[/]")
    out.print(alerts_table(over_residencies(runtime, alerts.listed), now))
    out.print("\n[bold]Ledger[/]: listed = scanned + skipped + failed")
    lines = over_residencies(runtime, ledger.coverage)
    out.print(coverage_table([line for line in lines if line.counts.listed]))
    empty = sum(1 for line in lines if not line.counts.listed)
    if empty:
        out.print(f"and {empty} partitions in which there is nothing", style="dim")
    gaps = over_residencies(runtime, ledger.gap_reasons)
    if gaps:
        cells = [(gap["connection"], gap["outcome"], gap["reason"], gap["count"]) for gap in gaps]
        out.print(table("\nNot scanned", ("connection", "", "reason", "parts"), cells, right=("parts",)))
    known = {(row["app"], row["resource_id"], row["family"]) for row in rows}
    missing = [one for one in planted if (one.app, one.resource, one.family) not in known]
    unbalanced = [line for line in lines if not line.holds]
    for one in missing:
        out.print(Styled(f"[red]missed[/] {escape(one.detector)} in {escape(one.place)} ({escape(one.app)})"))
    total = sum(line.counts.listed for line in lines)
    verdict = "[green]all of it[/]" if not missing else f"[red]all but {len(missing)}[/]"
    adds_up = "[green]adds up[/]" if not unbalanced else "[red]does not add up[/]"
    out.print(
        f"\nPlanted {len(planted)} values, found {verdict}; {total} parts listed, the ledger {adds_up}; "
        f"{len(told)} webhooks accepted."
    )
    return missing


def _next_steps(url: str, place: Path) -> Panel:
    command = f"connectors --config {place}/connectors.yaml"
    text = (
        f"[bold]{escape(command)} findings list[/]   what was found\n"
        f"[bold]{escape(command)} coverage --gaps[/]   what was not scanned, and why\n"
        f"curl {url}/metrics   what Prometheus sees\n"
        "Your own apps: copy config.example.yaml to connectors.yaml, then `connectors check` and `connectors up`."
    )
    return Panel(text, title="What to try next", title_align="left", width=100)


def _stay(installation: Installation) -> None:
    console().print(f"\nRunning at {installation.url}; Ctrl-C stops it.")
    try:
        installation.worker.stopping.wait()
    except KeyboardInterrupt:
        console().print("stopped")
