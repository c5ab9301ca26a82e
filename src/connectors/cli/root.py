"""The root of the command: its options, and the groups."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import click

from connectors import __version__
from connectors.cli.state import State

COMMANDS = {
    "act": ("actions:act", "Do ACTION about FINDING; without an action, list those that its app offers."),
    "alerts": ("inspect:alerts", "List the alerts that went out, to whom, and those that did not."),
    "cdc": ("cdc:cdc", "Write findings and their changes to object storage."),
    "check": ("check:check", "Check configuration, database, connections and destinations."),
    "connection": ("connection:connection", "Look at connections, and take one out."),
    "coverage": ("inspect:coverage", "Show the ledger: listed = scanned + skipped + failed, per partition."),
    "db": ("db:db", "Look after the database schema."),
    "doctor": ("doctor:doctor", "Say how this installation is."),
    "deliveries": ("inspect:deliveries", "List the webhooks that arrived, the latest first."),
    "demo": ("demo:demo", "Watch an invented company's apps: history first, then live webhooks."),
    "detectors": ("detectors:detectors", "See and try the detectors."),
    "exact-data": ("exact:exact_data", "Look for your own values, without keeping them."),
    "findings": ("findings:findings", "Look at findings and decide about them."),
    "jobs": ("inspect:jobs", "List jobs and dead letters."),
    "keys": ("keys:keys", "Make, list and end keys of the developer API."),
    "plugin": ("plugin:plugin", "Write a plugin of your own."),
    "plugins": ("plugins:plugins", "See what is installed and what is in use."),
    "scan": ("scan:scan", "Find secrets and personal data in PATHS, standard input or git history."),
    "serve": ("run:serve", "Serve webhooks, the developer API, the dashboard, health and metrics, until SIGTERM."),
    "sync": ("sync:sync", "Read a connection's history and changes, from where the last reading stopped."),
    "up": ("run:up", "Run gateway and worker together: all that a small installation needs."),
    "users": ("users:users", "Make and list the users of the dashboard."),
    "vault": ("vault:vault", "Look after the keys that encrypt what rests."),
    "worker": ("run:worker", "Process events and jobs until SIGTERM; what is held then is finished first."),
}
"""Where each command is, and its first line. A command's module is imported when it is called: start-up stays quick,
and so does the help, which says the first line of them all."""


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
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command = getattr(import_module(f"connectors.cli.{module}"), name)
        assert isinstance(command, click.Command)  # noqa: S101 (a mistake in COMMANDS, seen by any test)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 (as click calls it)
        """Write the first lines of all commands, without importing them."""
        own = {name: click.Command(name, help=line) for name, (_, line) in COMMANDS.items()}
        commands = sorted({**own, **self.commands}.items())
        limit = formatter.width - 6 - max(len(name) for name, _ in commands)
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.get_short_help_str(limit)) for name, command in commands])

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
