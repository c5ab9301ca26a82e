"""`connectors vault`: keys."""

from __future__ import annotations

import click

from connectors.cli.state import State, pass_state
from connectors.cli.terminal import console
from connectors.errors import ConfigError
from connectors.store.rotation import rotate_all
from connectors.vault import load_key_file, new_key, write_key_file


@click.group()
def vault() -> None:
    """Look after the keys that encrypt what rests."""


@vault.command("key")
def key() -> None:
    """Print a fresh key for `vault.keys`."""
    print(new_key())


@vault.command("rotate")
@pass_state
def rotate(state: State) -> None:
    """Encrypt everything again with the newest key, while everything runs.

    With a key file, a new key is made first and the old ones are dropped after a full pass. With keys in the
    configuration, put the new one first, reload (SIGHUP) every gateway and worker, then run this.
    """
    with state.runtime() as runtime:
        settings = runtime.config.vault
        path = state.folder / settings.key_file
        if not settings.keys:
            keys, fingerprint_key = load_key_file(path, create=False)
            if len(keys) > 1:
                raise ConfigError(
                    "a rotation is under way",
                    hint="run `connectors vault finish` when all processes run with the new key",
                )
            write_key_file(path, (new_key(), *keys), fingerprint_key)
            console().print(
                "A new key is in the key file. Reload (SIGHUP) or restart the gateways and workers, then run "
                "`connectors vault finish`."
            )
            return
        console().print(f"{rotate_all(runtime.databases, runtime.vault)} values are encrypted with the newest key.")


@vault.command("finish")
@pass_state
def finish(state: State) -> None:
    """Encrypt everything with the newest key of the key file, and drop the old ones."""
    with state.runtime() as runtime:
        path = state.folder / runtime.config.vault.key_file
        keys, fingerprint_key = load_key_file(path, create=False)
        count = rotate_all(runtime.databases, runtime.vault)
        write_key_file(path, keys[:1], fingerprint_key)
    console().print(f"{count} values are encrypted with the newest key; the old ones are dropped.")
