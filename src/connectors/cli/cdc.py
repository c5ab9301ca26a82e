"""`connectors cdc`: findings and their changes to object storage."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from connectors.cdc import changefeed
from connectors.cdc.outbox import export
from connectors.cdc.store import open_store
from connectors.cli.state import State, pass_state
from connectors.cli.terminal import console, print_json
from connectors.errors import ConfigError
from connectors.runtime import Runtime
from connectors.store import outbox
from connectors.store.locality import load_profile


@click.group()
def cdc() -> None:
    """Write findings and their changes to object storage."""


@cdc.command()
@click.option("--dry-run", is_flag=True, help="Print the statements; URLs, which may hold keys, are left out.")
@click.option(
    "--profile",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="The regions of each residency, as for `db locality`: a changefeed then runs in its residency's home region.",
)
@pass_state
def apply(state: State, profile: Path | None, *, dry_run: bool) -> None:
    """Start the changefeeds that are missing (CockroachDB), or write what waits now (elsewhere)."""
    regions = {name: each.home for name, each in load_profile(profile).residencies.items()} if profile else {}
    with state.runtime() as runtime:
        for residency, url in sorted(_urls(runtime).items()):
            database = runtime.databases.of(residency)
            if profile and residency not in regions:
                raise ConfigError(f"the profile has no residency {residency!r}")
            wanted = changefeed.feeds({residency: url}, regions=regions)
            if dry_run:
                for feed in wanted:
                    console().print(changefeed.feed_sql(feed) + ";", markup=False, soft_wrap=True)
            elif database.dialect == "cockroachdb":
                with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                    started = changefeed.apply(connection, wanted)
                console().print(f"{residency}: {len(started)} of {len(wanted)} changefeeds started", markup=False)
            else:
                store = open_store(url, runtime.config.cdc.options, folder=runtime.folder)
                console().print(f"{residency}: {export(database, residency, store)} changes written", markup=False)


@cdc.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_state
def status(state: State, *, as_json: bool) -> None:
    """Say what is written, and what is behind. Exits with 1 when a changefeed is missing."""
    found: dict[str, object] = {}
    behind = False
    with state.runtime() as runtime:
        for residency, url in sorted(_urls(runtime).items()):
            database = runtime.databases.of(residency)
            if database.dialect == "cockroachdb":
                with database.engine.connect() as connection:
                    running = changefeed.status(connection)
                lacking = [feed.topic for feed in changefeed.missing(changefeed.feeds({residency: url}), running)]
                behind = behind or bool(lacking)
                found[residency] = {"changefeeds": len(running), "missing": lacking}
            else:
                found[residency] = {"waiting": database.read(lambda c, r=residency: outbox.waiting(c, r))}  # type: ignore[misc]
    if as_json:
        print_json(found)
    else:
        for residency, facts in found.items():
            console().print(f"{residency}: {facts}", markup=False)
    sys.exit(1 if behind else 0)


def _urls(runtime: Runtime) -> dict[str, str]:
    urls = {each: runtime.config.cdc.url_of(each) for each in runtime.config.residencies()}
    wanted = {residency: url for residency, url in urls.items() if url}
    if not wanted:
        raise ConfigError("cdc.url is empty", hint="write cdc: {url: s3://bucket/path}")
    return wanted
