"""The root's help says what every command is for, and imports none of them."""

from __future__ import annotations

import subprocess
import sys

import click
from click.testing import CliRunner

from connectors.cli.root import COMMANDS, cli

PROBE = """
import sys
from click.testing import CliRunner
from connectors.cli.root import cli
assert "findings" in CliRunner().invoke(cli, ["--help"]).output
print(*(name for name in sys.modules if name.startswith("connectors.cli.") or name in ("sqlalchemy", "pydantic")))
"""


def test_the_first_lines_are_those_of_the_commands() -> None:
    context = click.Context(cli)
    said = {name: line for name, (_, line) in COMMANDS.items()}
    commands = {name: cli.get_command(context, name) for name in COMMANDS}
    assert said == {name: command.get_short_help_str(1000) for name, command in commands.items() if command}


def test_help_lists_every_command_with_its_line() -> None:
    output = CliRunner().invoke(cli, ["--help"], terminal_width=200).output
    for name, (_, line) in COMMANDS.items():
        assert f"  {name} " in output
        assert line[:40] in output


def test_help_imports_no_command() -> None:
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) <= {"connectors.cli.root", "connectors.cli.state"}
