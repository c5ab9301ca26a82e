"""What analysts said of findings, learned as a shift of confidence per detector. No content is needed for it.

`connectors findings feedback --json` has a row per value, detector and verdict; `learn` reads them. A detector that
analysts nearly always refuse becomes one level less certain, one that they nearly always confirm one level more.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from connectors.errors import ConfigError

LEAST = 20
"""Fewer values than that say nothing about a detector."""
_DOUBTED, _TRUSTED = 0.5, 0.9
_Z = 1.96
"""The 95 % interval of a share (Wilson, https://doi.org/10.1080/01621459.1927.10502953)."""


def learn(rows: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Return detectors and the levels, -1 or 1, by which their confidence should move; most are not named.

    `rows` are those of the feedback: `detector` and `verdict` (`false_positive`, `accepted`, `confirmed`). Each value
    counts once, however many findings it has; an accepted one is real. Raises `ConfigError` for rows of another kind.
    """
    right: Counter[str] = Counter()
    told: Counter[str] = Counter()
    for row in rows:
        try:
            detector, verdict = row["detector"], row["verdict"]
        except (KeyError, TypeError):
            raise ConfigError("a row of the feedback has no detector or no verdict") from None
        if detector:
            told[detector] += 1
            right[detector] += verdict in ("confirmed", "accepted")
    shifts = {}
    for detector, total in sorted(told.items()):
        low, high = _interval(right[detector], total)
        if total >= LEAST and (high < _DOUBTED or low > _TRUSTED):
            shifts[detector] = -1 if high < _DOUBTED else 1
    return shifts


def _interval(hits: int, total: int) -> tuple[float, float]:
    share, extra = hits / total, _Z**2 / total
    middle = share + extra / 2
    spread = _Z * math.sqrt(share * (1 - share) / total + extra / (4 * total))
    return (middle - spread) / (1 + extra), (middle + spread) / (1 + extra)


def read(path: Path) -> dict[str, int]:
    """Return the shifts in a file that `connectors detectors calibrate` wrote. Raises `ConfigError` when it is none."""
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"the calibration {path.name} cannot be read: {type(error).__name__}") from None
    if not isinstance(content, dict) or not all(shift in (-1, 1) for shift in content.values()):
        raise ConfigError(f"{path.name} is no calibration", hint="write one with `connectors detectors calibrate`")
    return content
