"""What a detector's validator is: a named check that a candidate must pass."""

from __future__ import annotations

from typing import Protocol

from connectors.model import Confidence


class Validator(Protocol):
    """Judge one candidate of a detector, after its pattern matched.

    Called positionally with the matched value, the whole (normalized) text and the value's place in it, end
    exclusive, so that `text[start:end] == value`; only a check that needs the surroundings reads `text`.
    Returns False to drop the candidate, True to keep the detector's base confidence, or a `Confidence` that
    replaces it. Of several validators all must pass, and the last `Confidence` counts.

    Must be pure, must not raise for any text, and should take microseconds: it runs once for each candidate.
    """

    def __call__(self, value: str, text: str, start: int, end: int, /) -> Confidence | bool:
        """Return whether, or how surely, the value is what the detector looks for."""
        ...
