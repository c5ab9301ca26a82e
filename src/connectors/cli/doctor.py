"""`connectors doctor`: everything that someone who helps wants to know, and nothing that is secret."""

from __future__ import annotations

import io
import json
import platform
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import click

from connectors import __version__
from connectors.cli.check import everything
from connectors.cli.state import State, pass_state
from connectors.cli.terminal import console
from connectors.errors import ConnectorsError
from connectors.runtime import Runtime
from connectors.store import ledger, letters
from connectors.store.migrations import schema_state
from connectors.work.stream import backlog

HIDDEN = "(hidden)"

OPEN = frozenset({"kind", "connector", "tenant", "enabled"})
"""What may be shown of a connection's or destination's own settings; the rest may hold keys."""


@click.command()
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Write a zip file to send to others.")
@click.option("--offline", is_flag=True, help="Ask no app.")
@pass_state
def doctor(state: State, *, output: Path | None, offline: bool) -> None:
    """Say how this installation is. Values of settings that may be secret, and all content, are left out."""
    with state.runtime() as runtime:
        report = examine(runtime, offline=offline)
    if output is None:
        click.echo(json.dumps(report, indent=2, default=str))
        return
    output.write_bytes(bundle(report))
    console().print(f"written to {output}: look into it before you send it", markup=False)


def examine(runtime: Runtime, *, offline: bool = False) -> dict[str, Any]:
    """Return the report. What cannot be found out is in it with the reason."""
    return {
        "versions": _versions(),
        "configuration": redacted(runtime),
        "plugins": {plugin.name: plugin.problem or "ok" for plugin in runtime.host.plugins.values()},
        "databases": [_database(runtime, residency) for residency in runtime.databases.residencies],
        "checks": [{"subject": subject, **asdict(check)} for subject, check in everything(runtime, offline=offline)],
    }


def redacted(runtime: Runtime) -> dict[str, Any]:
    """Return the configuration: its shape and its plain facts."""
    dumped: dict[str, Any] = runtime.config.model_dump(mode="json")
    for section in ("database", "vault", "outbound", "cdc", "stream", "detection"):
        dumped[section] = _hide(dumped[section])
    for section in ("connections", "destinations"):
        dumped[section] = {
            name: {key: value if key in OPEN else _hide(value) for key, value in each.items()}
            for name, each in dumped[section].items()
        }
    if dumped["dashboard"].get("oidc"):
        dumped["dashboard"]["oidc"] = HIDDEN
    return dumped


def bundle(report: Mapping[str, Any]) -> bytes:
    """Return the report as a zip of one file per part."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in report.items():
            archive.writestr(f"{name}.json", json.dumps(part, indent=2, default=str))
    return buffer.getvalue()


def _hide(value: Any) -> Any:
    """Keep names, numbers and switches; hide every text."""
    if isinstance(value, Mapping):
        return {key: _hide(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_hide(each) for each in value]
    return HIDDEN if isinstance(value, str) and value else value


def _versions() -> dict[str, Any]:
    return {
        "connectors": __version__,
        "python": sys.version,
        "platform": platform.platform(),
        "packages": {each.name: each.version for each in sorted(distributions(), key=lambda each: each.name.lower())},
    }


def _database(runtime: Runtime, residency: str) -> dict[str, Any]:
    database = runtime.databases.of(residency)
    found: dict[str, Any] = {"residency": residency, "dialect": database.dialect}
    try:
        schema = schema_state(database)
        found["schema"], found["pending_revisions"] = schema.current, list(schema.pending)
        if schema.runs:
            waiting = backlog(runtime, residency)
            lines = database.read(lambda c: ledger.coverage(c, residency))
            found["waiting_events"], found["oldest_seconds"] = waiting.events, waiting.age.total_seconds()
            found["dead_letters"] = len(database.read(lambda c: letters.dead_events(c, residency)))
            found["partitions_out_of_balance"] = sum(not line.holds for line in lines)
    except ConnectorsError as error:
        found["problem"] = str(error)
    return found
