"""`connectors plugins`: what is installed, what is in use, what it can do."""

from __future__ import annotations

from typing import Any

import click
from rich.markup import escape

from connectors.cli.state import State, pass_state
from connectors.cli.terminal import Styled, console, print_json, table
from connectors.config import Config
from connectors.contract import Connector, powers
from connectors.errors import ConfigError
from connectors.host import Host, Plugin, installed


@click.group()
def plugins() -> None:
    """See what is installed and what is in use."""


@plugins.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_state
def list_command(state: State, *, as_json: bool) -> None:
    """List the installed plugins. Only those that the configuration names are loaded."""
    host = Host.for_config(_config(state))
    names = sorted({*installed(), *host.plugins})
    rows = [_facts(name, host.plugins.get(name)) for name in names]
    if as_json:
        print_json(rows)
        return
    cells = []
    for row in rows:
        problem = Styled(f"[red]{escape(row['problem'])}[/]") if row["problem"] else ""
        cells.append((row["name"], row["distribution"], row["version"], "in use" if row["loaded"] else "", problem))
    console().print(table("", ("plugin", "from", "version", "", "problem"), cells))


@plugins.command("info")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def info(name: str, *, as_json: bool) -> None:
    """Show what one plugin offers: powers, actions, configuration. Loads it."""
    host = Host.build([name])
    plugin = host.plugins[name]
    if plugin.problem:
        raise ConfigError(f"plugin {name!r}: {plugin.problem}")
    described = [_describe(connector) for connector in plugin.connectors.values()]
    if as_json:
        print_json({**_facts(name, plugin), "connectors": described})
        return
    out = console()
    out.print(f"[bold]{escape(name)}[/] from {escape(plugin.distribution)} {escape(plugin.version)}")
    for connector in described:
        out.print(f"\nconnector [bold]{escape(connector['name'])}[/] ({escape(connector['title'])})")
        out.print("  " + ", ".join(connector["powers"]))
        actions = [(a["name"], a["summary"], "destructive" if a["destructive"] else "") for a in connector["actions"]]
        if actions:
            out.print(table("\nActions", ("action", "", ""), actions))
        fields = [(f["key"], "required" if f["required"] else "", f["description"]) for f in connector["config"]]
        out.print(table("\nConfiguration", ("key", "", ""), fields))


def _config(state: State) -> Config:
    return state.config() if state.config_path.exists() else Config()


def _facts(name: str, plugin: Plugin | None) -> dict[str, Any]:
    point = installed().get(name)
    dist = point.dist if point is not None else None
    return {
        "name": name,
        "distribution": dist.name if dist else "",
        "version": dist.version if dist else "",
        "loaded": plugin is not None and plugin.loaded,
        "problem": plugin.problem if plugin else "",
    }


def _describe(connector: type[Connector[Any]]) -> dict[str, Any]:
    return {
        "name": connector.name,
        "title": connector.title,
        "powers": powers(connector),
        "actions": [
            {"name": spec.name, "summary": spec.summary, "destructive": spec.destructive}
            for spec in getattr(connector, "actions", ())
        ],
        "config": [
            {"key": key, "required": field.is_required(), "description": field.description or ""}
            for key, field in connector.Config.model_fields.items()
        ],
    }
