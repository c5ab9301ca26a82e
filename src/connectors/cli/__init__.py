"""The `connectors` command: one file per group of commands."""

from __future__ import annotations

import sys

from connectors.errors import ConnectorsError


def main() -> None:
    """Run the command; a mistake of the user's is a sentence and exit code 2, never a traceback."""
    from connectors.cli.root import cli

    try:
        cli.main(prog_name="connectors", standalone_mode=True)
    except ConnectorsError as error:
        # Imported only now: without rich a command that does not use it starts sooner.
        from connectors.cli.terminal import complain

        complain(error)
        sys.exit(2)
