"""Where checks are registered, and found by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from importlib import import_module

from connectors.detection.validation import Validator

CHECKS: dict[str, Validator] = {}
"""Filled while the modules of this package are imported, and never after."""


def check(function: Validator) -> Validator:
    """Register a function under its own name."""
    CHECKS[function.__name__] = function  # type: ignore[attr-defined]  # every Validator here is a function
    return function


@lru_cache(maxsize=512)
def validator(name: str) -> Validator:
    """Return the check of that name; `stdnum.<module>` is one of python-stdnum, imported at its first candidate.

    Raises KeyError for a name that no check has.
    """
    return _stdnum(name) if name.startswith("stdnum.") else CHECKS[name]


class Validators(Mapping[str, Validator]):
    """Every check by name; those of python-stdnum are there when asked for, and not listed."""

    def __getitem__(self, name: str) -> Validator:
        return validator(name)

    def __iter__(self) -> Iterator[str]:
        return iter(CHECKS)

    def __len__(self) -> int:
        return len(CHECKS)


def _stdnum(name: str) -> Validator:
    def judge(value: str, _text: str, _start: int, _end: int, /) -> bool:
        return len(set(value)) > 3 and is_valid(name)(value) is True

    return judge


@lru_cache(maxsize=512)
def is_valid(name: str) -> Callable[[str], bool]:
    """Return the check of a module of python-stdnum. Raises ImportError or AttributeError when it has none."""
    found: Callable[[str], bool] = import_module(name).is_valid
    return found
