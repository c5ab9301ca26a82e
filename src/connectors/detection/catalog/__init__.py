"""The catalog of detectors: data by area, loaded when first asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib import import_module
from types import MappingProxyType

from connectors.detection.detector import Detector

AREAS = (
    "cloud",
    "code_hosts",
    "ci",
    "chat",
    "payment",
    "mail",
    "ai",
    "observability",
    "saas",
    "identity_providers",
    "maps_crypto",
    "keys",
    "databases",
    "finance",
    "identity_us",
    "identity_americas",
    "identity_europe",
    "identity_asia_pacific",
    "identity_africa_middle_east",
    "health",
    "contact",
    "network",
    "dates",
    "generic",
)
"""Modules of this package; each has a tuple `DETECTORS`."""


@lru_cache(maxsize=1)
def load() -> tuple[Detector, ...]:
    """Return every detector, in the order of `AREAS`. The first call reads the data modules."""
    return tuple(detector for area in AREAS for detector in import_module(f"{__name__}.{area}").DETECTORS)


@lru_cache(maxsize=1)
def by_id() -> Mapping[str, Detector]:
    """Return the catalog by detector id."""
    return MappingProxyType({detector.id: detector for detector in load()})


@lru_cache(maxsize=1)
def _by_name() -> Mapping[str, tuple[Detector, ...]]:
    names: dict[str, list[Detector]] = {}
    for detector in load():
        for name in {detector.id.lower(), *(alias.lower() for alias in detector.aliases)}:
            names.setdefault(name, []).append(detector)
    return MappingProxyType({name: tuple(found) for name, found in names.items()})


def resolve(name: str) -> tuple[Detector, ...]:
    """Return the detectors that answer to an id or alias, upper or lower case.

    A name such as `API_KEY` of the developer API stands for many. Raises KeyError for a name nobody has.
    """
    return _by_name()[name.lower()]


def select(names: Iterable[str]) -> tuple[Detector, ...]:
    """Return the detectors of several names, each once, in the order of the catalog.

    Raises KeyError for a name nobody has.
    """
    wanted = {detector.id for name in names for detector in resolve(name)}
    return tuple(detector for detector in load() if detector.id in wanted)
