"""Findings as JSON Lines: one object per line, keys in one order."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TextIO

from connectors.export.record import FindingRecord, as_values


def write(records: Iterable[FindingRecord], stream: TextIO) -> int:
    """Write records as they come, and return how many."""
    count = 0
    for count, record in enumerate(records, start=1):  # noqa: B007 (the last number is the count)
        stream.write(json.dumps(as_values(record), ensure_ascii=False, separators=(",", ":")) + "\n")
    return count
