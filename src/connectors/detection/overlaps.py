"""Of several matches at one place keep the best of each family."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from operator import attrgetter

from connectors.model import Match

_PLACE = attrgetter("start", "end", "detector")
_NUMBERS = frozenset({"credit_card", "us_ssn", "iban", "phone", "ip", "mac", "date", "email"})
"""Families of which a text means one at a place: a phone number inside an IBAN is none."""


def resolve(matches: Sequence[Match], specific: frozenset[str]) -> list[Match]:
    """Return the matches in order of their place, without those that a better one of their family overlaps.

    Better is the more confident, then the one of a `specific` detector (one that names a vendor), then the
    longer, then the first. Of the families of everyday numbers a match inside a better one is dropped too.
    """
    placed = sorted(matches, key=_PLACE)
    if all(one.end <= other.start for one, other in pairwise(placed)):
        return placed
    families: dict[str, list[Match]] = defaultdict(list)
    for match in matches:
        families["" if match.family in _NUMBERS else match.family].append(match)
    kept = [match for group in families.values() for match in _best(group, specific)]
    return sorted(kept, key=_PLACE)


def _best(matches: list[Match], specific: frozenset[str]) -> list[Match]:
    ranked = sorted(
        matches,
        key=lambda m: (-m.confidence, m.detector not in specific, m.start - m.end, m.start, m.detector),
    )
    starts: list[int] = []
    kept: list[Match] = []
    for match in ranked:
        at = bisect_left(starts, match.end)
        if at and kept[at - 1].end > match.start:
            continue
        starts.insert(at, match.start)
        kept.insert(at, match)
    return kept
