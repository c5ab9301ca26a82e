"""`connectors findings`: look at them, decide about them, take them elsewhere."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import click
from rich.markup import escape

from connectors.cli.inspect import over_residencies
from connectors.cli.state import State, pass_state
from connectors.cli.terminal import ago, console, plain, print_json, severity, table
from connectors.errors import NotFound
from connectors.model import Confidence, FindingState, Severity
from connectors.runtime import Runtime
from connectors.store import findings as store
from connectors.store.engine import Database, Row

STATES = [state.value for state in FindingState]


def locate(runtime: Runtime, start: str) -> Row:
    """Return the finding whose id begins with `start`. Raises `NotFound` when there is none, or more than one."""
    found: list[tuple[Database, str, UUID]] = []
    for residency in runtime.databases.residencies:
        database = runtime.databases.of(residency)
        ids = database.read(lambda c, r=residency: store.matching(c, r, start))  # type: ignore[misc]
        found.extend((database, residency, identity) for identity in ids)
    if len(found) != 1:
        problem = "more than one finding begins" if found else "no finding begins"
        raise NotFound(f"{problem} with {start!r}", hint="`connectors findings list` shows the ids")
    database, residency, identity = found[0]
    row: Row = database.read(lambda c: store.get(c, residency, identity))
    return row


def findings_table(rows: list[Row], now: Any) -> Any:
    """Return findings as a table that fits a terminal."""
    cells = [
        (
            str(row["id"])[:8],
            severity(row["severity"]),
            row["detector"],
            row["preview"],
            f"{row['label']} · {row['part']}",
            row["state"],
            ago(row["last_seen"], now),
        )
        for row in rows
    ]
    return table("", ("id", "severity", "detector", "value", "where", "state", "seen"), cells)


@click.group()
def findings() -> None:
    """Look at findings and decide about them."""


@findings.command("list")
@click.option(
    "--state", "states", multiple=True, type=click.Choice(STATES), help="Only in this state; may be repeated."
)
@click.option("--connection", help="Only of this connection.")
@click.option("--detector", help="Only of this detector or family.")
@click.option(
    "--severity", "minimum", type=click.Choice([s.name.lower() for s in Severity]), help="At least so severe."
)
@click.option("--limit", default=100, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_state
def list_command(
    state: State,
    states: tuple[str, ...],
    connection: str | None,
    detector: str | None,
    minimum: str | None,
    limit: int,
    *,
    as_json: bool,
) -> None:
    """List findings, the latest first."""
    least = int(Severity[minimum.upper()]) if minimum else 0
    with state.runtime() as runtime:
        rows = over_residencies(
            runtime,
            lambda c, r: store.listed(
                c, r, states=states, name=connection, detector=detector, min_severity=least, limit=limit
            ),
        )
        now = runtime.now()
    if as_json:
        print_json([_machine(row) for row in rows])
        return
    console().print(findings_table(rows, now))
    console().print(f"\n{len(rows)} findings" + (", more with --limit" if len(rows) == limit else ""))


@findings.command("show")
@click.argument("finding")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_state
def show(state: State, finding: str, *, as_json: bool) -> None:
    """Show one finding with its history and the other places of its value."""
    with state.runtime() as runtime:
        row = locate(runtime, finding)
        database = runtime.databases.of(row["residency"])
        past = database.read(lambda c: store.history(c, row["residency"], row["id"]))
        others = database.read(lambda c: store.same_value(c, row))
        now = runtime.now()
    if as_json:
        print_json({**_machine(row), "history": past, "same_value": [_machine(other) for other in others]})
        return
    out = console()
    facts = [
        ("value", row["preview"]),
        ("detector", f"{row['detector']} ({Confidence(row['confidence']).name.lower().replace('_', ' ')})"),
        ("severity", severity(row["severity"])),
        ("state", row["state"]),
        ("where", f"{row['label']} · {row['part']}"),
        ("link", row["url"]),
        ("author", row["author"] or row["author_id"]),
        ("seen by", row["visibility"]),
        ("policies", ", ".join(row["policies"])),
        ("token is", _validity(row, now)),
        ("file", ", ".join(sorted({place["mismatch"] for place in row["places"] if place.get("mismatch")}))),
        ("seen", f"{ago(row['first_seen'], now)} first, {ago(row['last_seen'], now)} last"),
        ("note", row["note"]),
    ]
    out.print(table(f"Finding {row['id']}", ("", ""), [fact for fact in facts if fact[1]]))
    changes = [(ago(c["at"], now), c["actor"], f"{c['before'] or 'new'} → {c['after']}", c["comment"]) for c in past]
    out.print(table("\nHistory", ("when", "who", "change", "why"), changes))
    if others:
        out.print(
            table(
                "\nSame value elsewhere",
                ("id", "where", "state"),
                [(str(o["id"])[:8], o["label"], o["state"]) for o in others],
            )
        )


@findings.command("set")
@click.argument("finding")
@click.argument("new_state", type=click.Choice(STATES))
@click.option("--comment", default="", help="Why.")
@click.option(
    "--suppress/--no-suppress",
    default=True,
    help="Let false_positive and ignored hold for the value everywhere, and other states lift that.",
)
@pass_state
def set_command(state: State, finding: str, new_state: str, comment: str, *, suppress: bool) -> None:
    """Change a finding's state."""
    with state.runtime() as runtime:
        row = locate(runtime, finding)
        database, now = runtime.databases.of(row["residency"]), runtime.now()
        database.run(
            lambda c: store.set_state(
                database,
                c,
                row,
                FindingState(new_state),
                actor=f"cli:{getpass.getuser()}",
                comment=comment,
                suppress=suppress,
                now=now,
            )
        )
    console().print(f"{str(row['id'])[:8]}: {row['state']} → [bold]{escape(new_state)}[/]")


@findings.command("confirm")
@click.argument("finding")
@click.option("--comment", default="", help="Why.")
@pass_state
def confirm_command(state: State, finding: str, comment: str) -> None:
    """Say that a value is what the detector took it for. Kept as feedback; lifts a suppression."""
    with state.runtime() as runtime:
        row = locate(runtime, finding)
        database, now = runtime.databases.of(row["residency"]), runtime.now()
        actor = f"cli:{getpass.getuser()}"
        moved = database.run(lambda c: store.say(database, c, row, "confirmed", actor=actor, comment=comment, now=now))
    opened = f", {len(moved)} opened again" if moved else ""
    console().print(f"{str(row['id'])[:8]}: [bold]confirmed[/]{opened}")


@findings.command("feedback")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_state
def feedback_command(state: State, *, as_json: bool) -> None:
    """Show what analysts said of values, for the training of models. Holds no values, previews or comments."""
    with state.runtime() as runtime:
        rows = over_residencies(runtime, store.feedback)
        now = runtime.now()
    for row in rows:
        row["confidence"] = Confidence(row["confidence"]).name if row["confidence"] else None
    if as_json:
        print_json(rows)
        return
    columns = ("fingerprint", "detector", "family", "confidence", "verdict", "findings", "said")
    cells = [
        (
            row["fingerprint"][:12], row["detector"] or "", row["family"],
            (row["confidence"] or "").lower().replace("_", " "),
            row["verdict"].replace("_", " "), row["count"], ago(row["at"], now),
        )
        for row in rows
    ]  # fmt: skip
    console().print(table("", columns, cells, right=("findings",)) if cells else "nobody has said anything yet")


@findings.command("export")
@click.option(
    "--format",
    "kind",
    type=click.Choice(["ndjson", "csv", "ocsf", "sarif", "junit"]),
    default="ndjson",
    show_default=True,
)
@click.option(
    "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write here instead of standard output."
)
@pass_state
def export(state: State, kind: str, output: Path | None) -> None:
    """Export all findings. Values are not in them: previews and fingerprints are."""
    from connectors.export.formats import write_findings

    with state.runtime() as runtime:
        rows = (
            row
            for residency in runtime.databases.residencies
            for row in store.every(runtime.databases.of(residency), residency)
        )
        if output is None:
            write_findings(kind, rows, sys.stdout)
            return
        with output.open("w", encoding="utf-8", newline="") as file:
            count = write_findings(kind, rows, file)
    console(error=True).print(f"{count} findings written to {output}", markup=False)


def _validity(row: Row, now: Any) -> str:
    """Say what the vendor said of a token, and what that rests on; empty when nobody was asked."""
    if not row["validity"]:
        return ""
    evidence = row["validity_evidence"] or {}
    status = f" {evidence['status']}" if "status" in evidence else ""
    reason = str(evidence.get("reason", "")).replace("_", " ")
    asked = f"{evidence.get('endpoint', '')} at {evidence.get('host', '')}"
    return f"{row['validity']}, {ago(row['validity_checked_at'], now)}: {asked} said{status} ({reason})"


def _machine(row: Row) -> dict[str, Any]:
    made: dict[str, Any] = plain(dict(row))
    made["confidence"] = Confidence(row["confidence"]).name
    made["severity"] = Severity(row["severity"]).name
    return made
