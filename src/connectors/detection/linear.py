"""Regexes and word lists that come from users: linear in time whatever they are, refused by name if not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

LONGEST = 4_096
"""Code points that a user's regex may have."""


@lru_cache(maxsize=512)
def regex(pattern: str, case_sensitive: bool = True) -> Any:
    """Return `pattern` compiled by RE2. Raises `ValueError`, saying why, for what RE2 does not take.

    Look-arounds and back references are such: https://github.com/google/re2/wiki/Syntax
    """
    import re2

    if len(pattern) > LONGEST:
        raise ValueError(f"a regex of more than {LONGEST} characters is not taken")
    options = re2.Options()
    options.case_sensitive = case_sensitive
    options.log_errors = False
    options.never_nl = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0]
        said = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise ValueError(f"not a regex that runs in linear time (RE2): {said}") from None


def spans(pattern: Any, text: str, start: int = 0, end: int | None = None) -> Iterator[tuple[int, int]]:
    """Yield where a compiled regex matches in `text[start:end]`; empty matches are none."""
    part = text[start : len(text) if end is None else end]
    for match in pattern.finditer(part):
        first, last = match.span()
        if first < last:
            yield first + start, last + start


class Words:
    """A list of words and phrases, all found in one pass, on word borders."""

    def __init__(self, values: Sequence[str], *, case_sensitive: bool = False) -> None:
        import ahocorasick_rs

        self._fold = not case_sensitive
        self._values = frozenset(self._folded(value) for value in values if value)
        self._automaton = ahocorasick_rs.AhoCorasick(sorted(self._values), matchkind=ahocorasick_rs.MatchKind.Standard)

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield where the words stand in `text`, of overlapping ones the longest, in order."""
        folded = self._folded(text)
        found = self._automaton.find_matches_as_indexes(folded, overlapping=True)
        last = 0
        for _, start, end in sorted(found, key=lambda hit: (hit[1], -hit[2])):
            if start >= last and _on_borders(folded, start, end):
                last = end
                yield start, end

    def within(self, text: str) -> bool:
        """Tell whether one of them is any part of `text`, on borders or not."""
        return bool(self._automaton.find_matches_as_indexes(self._folded(text)))

    def __contains__(self, text: str) -> bool:
        return self._folded(text) in self._values

    def _folded(self, text: str) -> str:
        """Return `text` in lower case, character by character where lower case would change its length."""
        if not self._fold:
            return text
        lower = text.lower()
        if len(lower) == len(text):
            return lower
        return "".join(low if len(low := character.lower()) == 1 else character for character in text)


def _on_borders(text: str, start: int, end: int) -> bool:
    left = start == 0 or not (text[start].isalnum() and text[start - 1].isalnum())
    right = end == len(text) or not (text[end - 1].isalnum() and text[end].isalnum())
    return left and right
