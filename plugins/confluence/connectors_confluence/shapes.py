"""Reading JSON whose shape somebody else decides: never raises anything but what it is told to."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from connectors.errors import Transient


def mapping(value: Any) -> Mapping[str, Any]:
    """Return `value` when it is an object, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def text(value: Any) -> str:
    """Return `value` as text when it is a string or an integer (ids come as both), else ''."""
    if isinstance(value, bool):
        return ""
    return value if isinstance(value, str) else str(value) if isinstance(value, int) else ""


def objects(value: Any) -> list[Mapping[str, Any]]:
    """Return the objects in `value` when it is a list, else none."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def listing(answer: Any, key: str) -> list[Mapping[str, Any]]:
    """Return the list under `key` of an API answer.

    Raises `Transient` when there is none: taking that for an empty page would hide what was not read.
    """
    found = mapping(answer).get(key)
    if not isinstance(found, list):
        raise Transient(f"the app's answer has no list {key!r}")
    return objects(found)


def micros(stamp: Any) -> int:
    """Return microseconds since 1970 of an ISO 8601 stamp or of epoch milliseconds; 0 for anything else."""
    if isinstance(stamp, bool):
        return 0
    if isinstance(stamp, int):
        return stamp * 1000 if 0 <= stamp < 10**14 else 0
    when = moment(stamp)
    return int(when.timestamp()) * 1_000_000 + when.microsecond if when else 0


def moment(stamp: Any) -> datetime | None:
    """Return the aware time of an ISO 8601 stamp (`2026-01-05T13:45:00.000+0000`), or None."""
    if not isinstance(stamp, str):
        return None
    try:
        when = datetime.fromisoformat(stamp)
    except ValueError:
        return None
    try:
        return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    except OverflowError:
        return None
