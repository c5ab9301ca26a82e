"""The root of the command: its options, and the groups."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import click

from connectors import __version__
from connectors.cli.state import State

COMMANDS = {
    "act": "actions:act",
    "alerts": "inspect:alerts",
    "cdc": "cdc:cdc",
    "check": "check:check",
    "connection": "connection:connection",
    "coverage": "inspect:coverage",
    "db": "db:db",
    "doctor": "doctor:doctor",
    "deliveries": "inspect:deliveries",
    "demo": "demo:demo",
    "detectors": "detectors:detectors",
    "exact-data": "exact:exact_data",
    "findings": "findings:findings",
    "jobs": "inspect:jobs",
    "keys": "keys:keys",
    "plugin": "plugin:plugin",
    "plugins": "plugins:plugins",
    "scan": "scan:scan",
    "serve": "run:serve",
    "sync": "sync:sync",
    "up": "run:up",
    "users": "users:users",
    "vault": "vault:vault",
    "worker": "run:worker",
}
"""Where each command is. A command's module is imported when it is called: start-up stays quick."""


class Root(click.Group):
    """A group whose commands are imported when they are asked for; plugins add theirs beside them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted({*COMMANDS, *super().list_commands(ctx)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return one command."""
        own = super().get_command(ctx, cmd_name)
        if own is not None or cmd_name not in COMMANDS:
            return own or self._from_plugins(ctx, cmd_name)
        module, _, name = COMMANDS[cmd_name].partition(":")
        command = getattr(import_module(f"connectors.cli.{module}"), name)
        assert isinstance(command, click.Command)  # noqa: S101 (a mistake in COMMANDS, seen by any test)
        return command

    def _from_plugins(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load the configured plugins for a command that is not built in, and look again."""
        from connectors.config import load_config
        from connectors.errors import ConfigError
        from connectors.host import Host

        try:
            Host.for_config(load_config(ctx.params.get("config") or Path("connectors.yaml")), cli=self)
        except ConfigError:
            return None
        return super().get_command(ctx, cmd_name)


@click.group(cls=Root, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="connectors")
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("connectors.yaml"),
    envvar="CONNECTORS_CONFIG",
    show_default=True,
    show_envvar=True,
    help="The configuration file.",
)
@click.pass_context
def cli(ctx: click.Context, config: Path) -> None:
    """Watch the SaaS apps a company runs on, find sensitive data in them, and tell the people who can fix it."""
    ctx.obj = State(config)
