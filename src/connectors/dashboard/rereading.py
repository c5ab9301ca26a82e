"""Reading a finding's value again from its app: at that moment, for one look, kept nowhere."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from typing import Any

from connectors.contract import Connector, Remediates, Syncs
from connectors.errors import Unsupported
from connectors.extraction.extractor import Text
from connectors.host import guarded, wall
from connectors.model import Event, Match, Partition, UnitFailure
from connectors.runtime import Runtime
from connectors.store import resources
from connectors.work.acting import target_of
from connectors.work.context import Connections

AROUND = 60
"""Characters shown on each side of a value."""
MOST_SHOWN = 10
LONGEST = 20.0
"""Seconds that a partition is read for."""

Shown = tuple[str, str, str]
"""What stands before a value, the value, and what stands after it."""


class _Look:
    """What is seen of one finding's value."""

    def __init__(self, runtime: Runtime, row: Mapping[str, Any]) -> None:
        self.target = target_of(runtime, row)
        self.shown: dict[Shown, None] = {}

    def at(self, text: str) -> tuple[Match, ...]:
        """Keep where the value is in a text."""
        found = self.target.matches(text)
        for m in found:
            self.shown[
                text[max(0, m.start - AROUND) : m.start], text[m.start : m.end], text[m.end : m.end + AROUND]
            ] = None
        return found


def reread(runtime: Runtime, row: Mapping[str, Any]) -> list[Shown]:
    """Return where a finding's value is in the app's current content; nothing when it is no longer there.

    The dry run of an action reads what it would change, and asks which of it still matches. Where that shows
    nothing, files for instance, the resource is looked for in its partition, as a sync does. Raises
    `ConnectorsError`.
    """
    connector = Connections(runtime).get(row["connection"])
    if not isinstance(connector, Remediates | Syncs):
        raise Unsupported(f"{row['app']} offers no way to read it again")
    look = _Look(runtime, row)
    if isinstance(connector, Remediates):
        _by_dry_run(runtime, row, connector, look)
    if not look.shown and isinstance(connector, Syncs):
        _by_sync(runtime, row, connector, look)
    return list(look.shown)[:MOST_SHOWN]


def _by_dry_run(runtime: Runtime, row: Mapping[str, Any], connector: Remediates, look: _Look) -> None:
    watching = replace(look.target, matches=look.at)
    for spec in connector.actions:
        if spec.destructive and (not spec.kinds or row["resource_kind"] in spec.kinds):
            with wall(runtime.host.owners[row["app"]], "reveal"):
                connector.act(spec.name, watching, dry_run=True)
            if look.shown:
                return


def _by_sync(runtime: Runtime, row: Mapping[str, Any], connector: Any, look: _Look) -> None:
    end = time.monotonic() + LONGEST
    plugin = runtime.host.owners[row["app"]]
    for partition in _partitions(runtime, row, connector):
        with closing(guarded(plugin, "read", connector.read(partition, None))) as pages:
            for page in pages:
                for event in page.events:
                    if event.resource.id == row["resource_id"]:
                        _show(runtime, plugin, connector, event, look)
                if look.shown:
                    return
                if time.monotonic() > end:
                    raise Unsupported("the app did not show it in time", hint="open it in the app")


def _partitions(runtime: Runtime, row: Mapping[str, Any], connector: Any) -> Iterator[Partition]:
    """Yield the partition that the resource was read in, or those of its container."""
    database = runtime.databases.of(row["residency"])
    known = database.read(lambda c: resources.partition_of(c, row["residency"], row["resource_key"]))
    place = {row["container"], row["container_name"]} - {""}
    every: list[Partition] = list(guarded(runtime.host.owners[row["app"]], "partitions", connector.partitions()))
    exact = [each for each in every if each.id == known]
    yield from exact or [each for each in every if place & {each.id, each.label, each.container}]


def _show(runtime: Runtime, plugin: str, connector: Connector[Any], event: Event, look: _Look) -> None:
    for unit in guarded(plugin, "units", connector.units(event)):
        if isinstance(unit, UnitFailure):
            continue
        if unit.text is not None:
            look.at(unit.text)
        elif unit.blob is not None:
            for item in runtime.extraction.extract(unit.blob):
                if isinstance(item, Text):
                    look.at(item.text)
