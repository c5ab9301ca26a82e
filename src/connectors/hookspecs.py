"""The doors through which a plugin hands its classes to the host. A hook collects; it never does the work.

Mark an implementation with `connectors.hookimpl` in the module that the `connectors` entry point names:

    from connectors import hookimpl

    @hookimpl
    def register_connectors(register):
        register(AcmeConnector)

Every hook is called once, when a host is built, inside the plugin's own isolation wall.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    import click

    from connectors.alerts.destination import Destination
    from connectors.contract import Connector
    from connectors.detection.detector import Detector
    from connectors.extraction.extractor import Extractor

hookspec = pluggy.HookspecMarker("connectors")
hookimpl = pluggy.HookimplMarker("connectors")


@hookspec
def register_connectors(register: Callable[[type[Connector[Any]]], None]) -> None:
    """Register connector classes: the plugin's main door."""


@hookspec
def register_detectors(register: Callable[[Detector], None]) -> None:
    """Register detectors. Their ids become usable in policies; an id that exists already is refused."""


@hookspec
def register_extractors(register: Callable[[Extractor], None]) -> None:
    """Register extractors, which turn bytes of the media types they name into text."""


@hookspec
def register_destinations(register: Callable[[type[Destination[Any]]], None]) -> None:
    """Register destination classes, to which alerts go."""


@hookspec
def register_commands(cli: click.Group) -> None:
    """Add commands or groups to the `connectors` command."""
