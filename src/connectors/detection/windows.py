"""Where around the ends of its factors a detector's pattern is tried."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from re import _parser as parser  # type: ignore[attr-defined]  # no public way to a pattern's width

_SLACK = 16


def width(pattern: str, limit: int) -> int:
    """Return how long a match of `pattern` can be, at most `limit`."""
    return min(int(parser.parse(pattern).getwidth()[1]), limit)


def reach(pattern: str, factors: Sequence[str], limit: int) -> int:
    """Return how far from the end of a factor a match can start or end, at most `limit`."""
    beside = max((width(factor, limit) for factor in factors), default=0)
    return min(width(pattern, limit) + beside + _SLACK, limit)


def windows(ends: Iterable[int], reach: int, length: int) -> list[tuple[int, int]]:
    """Return the parts of a text of `length` within `reach` of the ascending `ends`, overlaps joined."""
    merged: list[tuple[int, int]] = []
    low = high = -1
    for end in ends:
        if end - reach <= high:
            high = end + reach
            continue
        if high >= 0:
            merged.append((low, min(high, length)))
        low, high = max(end - reach, 0), end + reach
    if high >= 0:
        merged.append((low, min(high, length)))
    return merged
