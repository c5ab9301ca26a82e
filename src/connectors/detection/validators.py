"""The checks that detectors name: pure, quick, and never raising.

A detector names them in `validators`: a function of `detection.checks`, or `stdnum.<module>` for a check of
python-stdnum (https://arthurdejong.org/python-stdnum/doc/), imported when its first candidate comes.
"""

from __future__ import annotations

from collections.abc import Mapping

from connectors.detection.checks import contact, identity, numbers, passwords, tokens
from connectors.detection.checks.registry import Validators, validator
from connectors.detection.validation import Validator

__all__ = ["VALIDATORS", "validator"]

VALIDATORS: Mapping[str, Validator] = Validators()
"""What `Engine.build` takes the checks of the catalog from."""

_LOADED = (contact, identity, numbers, passwords, tokens)
