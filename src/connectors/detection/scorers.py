"""Models that judge the candidates of detectors which name one in `Detector.model`.

A scorer sees the value and what stands around it. It only lowers or raises the confidence that validators and
context gave: what a pattern and a check hold for a secret is never dropped by a model alone.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping
from types import MappingProxyType

from connectors.detection.lexicon import words
from connectors.detection.logistic import load
from connectors.detection.surroundings import near
from connectors.model import Confidence

Scorer = Callable[[str, str, int, int], float]
"""Takes value, text, start and end, and returns the probability that the candidate is what it looks like."""

_DOUBTFUL, _SURE = 0.08, 0.97
_RUNS = re.compile(r"[A-Za-z]{3,}")
_WINDOW = 40


def scored(confidence: Confidence, probability: float) -> Confidence:
    """Return the confidence after a model's judgement: one level down or up where the model is sure."""
    if probability < _DOUBTFUL:
        return Confidence(max(confidence - 1, 1))
    if probability > _SURE:
        return Confidence(min(confidence + 1, 5))
    return confidence


def secret(value: str, text: str, start: int, end: int) -> float:
    """Return the probability that a value with no shape of its own is a secret."""
    return load("secret").probability(secret_features(value, text, start, end))


SCORERS: Mapping[str, Scorer] = MappingProxyType({"secret": secret})
"""Every scorer by the name that detectors use."""


def secret_features(value: str, text: str, start: int, end: int) -> list[str]:
    """Return what the model of secrets looks at: how the value is made up, what names it, what encloses it."""
    before = near(text, start, start, window=_WINDOW).split()
    after = text[end : end + 2]
    left = text[max(start - 3, 0) : start]
    classes = _classes(value)
    found = [f"c={classes}", f"l={_bucket(len(value))}", f"e={int(2 * _entropy(value))}"]
    found += [f"w={int(4 * _wordy(value))}", f"cw={classes}{int(4 * _wordy(value))}", f"d={_share(value, str.isdigit)}"]
    found += [f"u={_share(value, str.isupper)}", f"b={left.strip()[-1:]}"]
    found += [f"q={left[-1:] in _QUOTES}{after[:1] in _QUOTES}"]
    found += [f"a={after[:1] if not after[:1].isalnum() else 'x'}", f"x={_special(value)}"]
    names = before[: before.index(value.lower())] if value.lower() in before else before
    found += [f"k={name}" for name in names[-4:]]
    found += [f"k1={name}" for name in names[-1:]]
    return found


_QUOTES = ("'", '"', "`")


def _classes(value: str) -> str:
    """Return which kinds of characters a value has: lower, upper, digits, others."""
    kinds = (str.islower, str.isupper, str.isdigit, lambda c: not c.isalnum())
    return "".join(mark for mark, is_kind in zip("aA0.", kinds, strict=True) if any(map(is_kind, value)))


def _bucket(length: int) -> int:
    return next((n for n, most in enumerate((5, 7, 9, 12, 15, 19, 23, 31, 33, 39, 41, 63, 65)) if length <= most), 13)


def _entropy(value: str) -> float:
    total = len(value)
    return -sum(n / total * math.log2(n / total) for n in Counter(value).values()) if total else 0.0


def _share(value: str, of: Callable[[str], bool]) -> int:
    return int(5 * sum(map(of, value)) / max(len(value), 1))


def _wordy(value: str) -> float:
    """Return how much of a value is made of common words."""
    known = words("common_words")
    parts = [part.lower() for part in _RUNS.findall(re.sub(r"([a-z])([A-Z])", r"\1 \2", value))]
    return sum(len(part) for part in parts if part in known) / max(len(value), 1)


def _special(value: str) -> str:
    """Name the shapes that references, paths and calls have."""
    if re.search(r"[(){}\[\]<>]", value):
        return "brackets"
    if "/" in value and value.count("/") > 1:
        return "path"
    if re.fullmatch(r"[a-z_]+(?:\.[a-z_]+)+", value, re.IGNORECASE):
        return "dotted"
    if re.fullmatch(r"[0-9a-fA-F]+", value):
        return "hex"
    return "words" if re.fullmatch(r"[A-Za-z]+(?:[_\-. ][A-Za-z]+)+", value) else "none"
