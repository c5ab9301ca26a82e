"""The export formats by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TextIO

from connectors.errors import ConfigError
from connectors.export import jsonl, junit, ocsf, sarif, table
from connectors.export.record import FindingRecord, record_of

Writer = Callable[[Iterable[FindingRecord], TextIO], int]

FORMATS: Final[Mapping[str, Writer]] = {
    "csv": table.write,
    "junit": junit.write,
    "ndjson": jsonl.write,
    "ocsf": ocsf.write,
    "sarif": sarif.write,
}


def write_findings(kind: str, rows: Iterable[Mapping[str, Any]], stream: TextIO) -> int:
    """Write rows of the store's finding table as they come, in the format `kind`; return how many were written.

    Raises `ConfigError` for a format that does not exist.
    """
    writer = FORMATS.get(kind)
    if writer is None:
        raise ConfigError(f"there is no export format {kind!r}", hint=f"use one of {', '.join(FORMATS)}")
    return writer((record_of(row) for row in rows), stream)
