"""Convert code point offsets to UTF-8 byte offsets without encoding a text again for each match."""

from __future__ import annotations

from collections.abc import Iterable


def byte_range(text: str, start: int, end: int) -> tuple[int, int]:
    """Return the UTF-8 byte offsets of the code point range [start, end) of `text`.

    For more than one range of the same text `byte_ranges` is faster.
    """
    if text.isascii():
        return start, end
    first = _size(text[:start])
    return first, first + _size(text[start:end])


def byte_ranges(text: str, ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the UTF-8 byte offsets of many code point ranges of `text`, in the order given, in one walk."""
    wanted = list(ranges)
    if text.isascii():
        return wanted
    offsets: dict[int, int] = {}
    done = size = 0
    for point in sorted({point for pair in wanted for point in pair}):
        size += _size(text[done:point])
        done = point
        offsets[point] = size
    return [(offsets[start], offsets[end]) for start, end in wanted]


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
