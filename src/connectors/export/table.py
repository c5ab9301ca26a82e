"""Findings as CSV (RFC 4180), safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from typing import Final, TextIO

from connectors.export.record import FindingRecord, as_values
from connectors.model import JSON, Confidence, Severity

COLUMNS: Final = tuple(
    as_values(FindingRecord(id="", detector="", family="", confidence=Confidence.POSSIBLE, severity=Severity.INFO))
)

# What a spreadsheet takes for a formula, full-width forms included:
# https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA: Final = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n", "|", "%")


def write(records: Iterable[FindingRecord], stream: TextIO) -> int:
    """Write a header and one row per record, and return how many records. Open the stream with `newline=""`."""
    rows = csv.writer(stream, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    rows.writerow(COLUMNS)
    count = 0
    for count, record in enumerate(records, start=1):  # noqa: B007 (the last number is the count)
        rows.writerow([cell(value) for value in as_values(record).values()])
    return count


def cell(value: JSON) -> str:
    """Return a value as text that no spreadsheet runs: a formula gets a leading apostrophe.

    NUL ends a file for some readers, so it is left out.
    """
    if value is None:
        return ""
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        text = "; ".join(value)
    else:
        text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    text = text.replace("\x00", "")
    return f"'{text}" if text.lstrip(" \u00a0").startswith(_FORMULA) else text
