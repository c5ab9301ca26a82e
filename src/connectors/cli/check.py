"""`connectors check`: what works, what will not, and what to do about it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict

import click
from rich.markup import escape

from connectors.cli.state import State, pass_state
from connectors.cli.terminal import console, print_json
from connectors.contract import ReceivesWebhooks
from connectors.errors import ConfigError, ConnectorsError, PluginFault
from connectors.host import guarded, wall
from connectors.model import Check, Level
from connectors.runtime import Runtime
from connectors.store.migrations import schema_state, upgrade
from connectors.work.context import Connections

MARKS = {Level.OK: "[green]ok[/]     ", Level.WARNING: "[yellow]warning[/]", Level.FAILED: "[red]failed[/] "}
CODES = {Level.OK: 0, Level.WARNING: 1, Level.FAILED: 2}


@click.command()
@click.option("--offline", is_flag=True, help="Look at configuration and plugins only; touch no network.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_state
def check(state: State, *, offline: bool, as_json: bool) -> None:
    """Check configuration, database, connections and destinations.

    Exits with 0 when all is well, 1 with warnings, 2 when something will not work.
    """
    results: list[tuple[str, Check]] = []
    try:
        with state.runtime() as runtime:
            for subject, result in everything(runtime, offline=offline):
                results.append((subject, result))
                if not as_json:
                    _print(subject, result)
    except ConfigError as error:
        for problem in error.problems:
            results.append(("configuration", Check("file", Level.FAILED, problem)))
            if not as_json:
                _print(*results[-1])
    worst = max((result.level for _, result in results), key=lambda level: CODES[level], default=Level.OK)
    if as_json:
        print_json({"level": worst, "checks": [{"subject": subject, **asdict(result)} for subject, result in results]})
    sys.exit(CODES[worst])


def everything(runtime: Runtime, *, offline: bool) -> Iterator[tuple[str, Check]]:
    """Yield every check, what it is about first."""
    yield "configuration", Check("file", Level.OK, _summary(runtime))
    for plugin in runtime.host.plugins.values():
        if plugin.problem:
            yield plugin.name, Check("plugin", Level.FAILED, plugin.problem, "see `connectors plugins list`")
    yield from _policies(runtime)
    yield from _detection(runtime)
    if not offline:
        yield from _databases(runtime)
    yield from _connections(runtime, offline=offline)
    yield from _destinations(runtime, offline=offline)


def _summary(runtime: Runtime) -> str:
    config = runtime.config
    parts = (
        (len(config.connections), "connections"),
        (len(config.policies), "policies"),
        (len(config.destinations), "destinations"),
    )
    return "valid: " + ", ".join(f"{count} {name}" for count, name in parts)


def _policies(runtime: Runtime) -> Iterator[tuple[str, Check]]:
    for policy in runtime.config.policies:
        unknown = runtime.policies.unknown(policy.name)
        if unknown:
            yield (
                policy.name,
                Check(
                    "detectors",
                    Level.FAILED,
                    f"no detector answers to {', '.join(unknown)}",
                    "`connectors detectors list` shows the names",
                ),
            )
        elif policy.when.validity and runtime.validity is None:
            hint = "name detectors in `detection.verify`"
            yield policy.name, Check("when", Level.FAILED, "it waits for what vendors say, and nobody asks them", hint)
        elif not policy.alert and not policy.actions:
            yield policy.name, Check("routes", Level.WARNING, "nobody is told of what it finds", "add `alert: [...]`")
    if not runtime.config.policies:
        yield (
            "policies",
            Check("policies", Level.WARNING, "without a policy nothing is found", "add one under `policies:`"),
        )


def _detection(runtime: Runtime) -> Iterator[tuple[str, Check]]:
    """Build the engine as a worker would. Raises `ConfigError` for what the section names and is not there."""
    asked = ", tokens are checked with their vendors" if runtime.validity else ""
    engine = runtime.engine
    yield "detection", Check("detectors", Level.OK, f"{len(engine.ids)} run by {engine.backend}{asked}")
    if runtime.cache_folder is None and runtime.config.detection.cache is None:
        hint = "write `detection: {cache: FOLDER}` with a folder of your own, or `cache: off`"
        yield "detection", Check("cache", Level.WARNING, "nothing is kept: each start compiles anew", hint)


def _databases(runtime: Runtime) -> Iterator[tuple[str, Check]]:
    for database in runtime.databases.all():
        name = database.url.render_as_string(hide_password=True)
        try:
            schema = schema_state(database)
        except ConnectorsError as error:
            yield name, Check("database", Level.FAILED, str(error), "is it running, and is the URL right?")
            continue
        if schema.pending and database.embedded:
            upgrade(database)  # the budgets of connections are kept in it, and nobody else would make it
            yield name, Check("schema", Level.OK, "made, and current")
        elif schema.problem:
            yield name, Check("schema", Level.FAILED, schema.problem)
        elif schema.pending:
            hint = "run `connectors db upgrade`"
            yield name, Check("schema", Level.WARNING, f"{', '.join(schema.pending)} is still to be applied", hint)
        elif schema.ahead:
            yield name, Check("schema", Level.OK, f"reachable; {schema.current} is newer and serves this version")
        else:
            yield name, Check("schema", Level.OK, "reachable and current")


def _connections(runtime: Runtime, *, offline: bool) -> Iterator[tuple[str, Check]]:
    connections = Connections(runtime)
    for name, settings in runtime.config.connections.items():
        try:
            connector = connections.get(name)
        except ConfigError as error:
            for problem in error.problems:
                yield name, Check("config", Level.FAILED, problem)
            continue
        except PluginFault as fault:
            yield name, Check("plugin", Level.FAILED, str(fault), "report it to the plugin's author")
            continue
        yield name, Check("config", Level.OK, f"valid for {settings.connector}")
        if isinstance(connector, ReceivesWebhooks):
            yield name, _webhooks(connector.config.webhook_secret is not None, runtime.config.gateway.public_url, name)
        if offline or not settings.enabled:
            continue
        if not _runs(runtime, name):
            hint = "the rate budget that its calls spend from is kept there"
            yield name, Check("check", Level.WARNING, "not asked: its database is not ready", hint)
            continue
        try:
            for result in guarded(runtime.host.owners[settings.connector], "check", connector.check()):
                yield name, result
        except ConnectorsError as error:
            yield name, Check("check", Level.FAILED, str(error))


def _runs(runtime: Runtime, connection: str) -> bool:
    try:
        return schema_state(runtime.databases.of(runtime.owner(connection).residency)).runs
    except ConnectorsError:
        return False


def _webhooks(has_secret: bool, public_url: str, name: str) -> Check:
    if not has_secret:
        hint = "set `webhook_secret` to receive changes in real time"
        return Check("webhooks", Level.WARNING, "not accepted: there is no secret to verify them with", hint)
    where = f"{public_url.rstrip('/')}/webhooks/{name}" if public_url else f"<your public URL>/webhooks/{name}"
    return Check("webhooks", Level.OK, f"accepted at {where}")


def _destinations(runtime: Runtime, *, offline: bool) -> Iterator[tuple[str, Check]]:
    for name in runtime.config.destinations:
        try:
            destination = runtime.destination(name)
            if offline:
                yield name, Check("config", Level.OK, f"valid for {destination.kind}")
                continue
            with wall(f"destination {name}", "probe"):
                yield name, Check("reach", Level.OK, destination.probe())
        except ConfigError as error:
            for problem in error.problems:
                yield name, Check("config", Level.FAILED, problem)
        except ConnectorsError as error:
            yield name, Check("reach", Level.FAILED, str(error))


def _print(subject: str, result: Check) -> None:
    hint = f" [dim]→ {escape(result.hint)}[/]" if result.hint else ""
    line = f"{MARKS[result.level]} [bold]{escape(subject)}[/] {escape(result.name)}: {escape(result.message)}{hint}"
    console().print(line, soft_wrap=True)
