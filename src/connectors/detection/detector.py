"""A detector: what to look for, how to be sure, and the proof that it works."""

from __future__ import annotations

from dataclasses import dataclass, field

from connectors.model import Confidence


@dataclass(frozen=True, slots=True)
class Context:
    """Words near a match that raise (or, as `against`, lower) its confidence.

    Words are lower case, matched on word borders, within `window` code points before or after the match, in
    table headers and in key names. `required` drops a match that none of `words` supports.
    """

    words: tuple[str, ...] = ()
    against: tuple[str, ...] = ()
    window: int = 60
    required: bool = False


@dataclass(frozen=True, slots=True)
class Detector:
    """One entry of the catalog, as data.

    `factors` are short hyperscan patterns, one of which stands in or right beside every match; they decide
    where `pattern` is tried, so they must be rare and cheap. `pattern` is a `re` pattern, tried in a window
    of `reach` code points around a factor's end; its group `value` is the match, or the whole match when it
    has no such group. `validators` name checks in `detection.validators`: all must pass; a check may also
    raise or lower the confidence. `normalize` names how the value becomes its identity: `exact`, `digits`,
    `alnum` or `lower`.
    """

    id: str
    name: str
    family: str
    category: str
    """secret, finance, identity, health, contact, network, person or custom."""
    pattern: str
    factors: tuple[str, ...]
    source: str
    """URL of the vendor's or issuer's page that the pattern rests on."""
    examples: tuple[str, ...] = field(repr=False)
    """Texts in which the detector finds at least one match."""
    near_misses: tuple[str, ...] = field(repr=False)
    """Texts in which it must find none."""
    validators: tuple[str, ...] = ()
    normalize: str = "exact"
    base: Confidence = Confidence.LIKELY
    context: Context = Context()
    ignore_case: bool = False
    reach: int = 256
    country: str = ""
    vendor: str = ""
    aliases: tuple[str, ...] = ()
    """Other names that it answers to, such as those of the developer API."""
    model: str = ""
    """Name of the scorer in `detection.model` that judges its candidates; empty for none."""
    shift: int = 0
    """Levels by which what analysts said moves its confidence: see `detection.calibration`."""
    enabled: bool = True
    """Whether it is used when a policy names no detectors."""
