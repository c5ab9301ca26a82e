"""The redaction configs of the wire format as rules of `connectors.redaction`."""

from __future__ import annotations

from connectors.api.wire import RedactionConfig
from connectors.redaction import Encrypt, Mask, Rule, Substitute


def rule_of(config: RedactionConfig, name: str) -> Rule:
    """Return how a config replaces the matches of the detector `name`. Raises `ConfigError` for an unfit key.

    Only `maskLeftToRight` leaves the right end readable; `maskRightToLeft`, which other clients send, and no
    direction at all leave the left one.
    """
    if config.maskConfig is not None:
        mask = config.maskConfig
        return Mask(
            char=mask.maskingChar,
            leave=mask.numCharsToLeaveUnmasked,
            from_left=not mask.maskLeftToRight,
            ignore=frozenset(mask.charsToIgnore),
        )
    if config.substitutionConfig is not None:
        return Substitute(config.substitutionConfig.substitutionPhrase)
    if config.cryptoConfig is not None:
        return Encrypt(config.cryptoConfig.publicKey)
    return Substitute(f"[{name}]")
