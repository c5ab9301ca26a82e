"""A reference matcher: what the engine must find, said in the plainest way."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from connectors.detection.detector import Detector
from connectors.detection.validators import validator


def _flags(detector: Detector) -> int:
    return re.IGNORECASE if detector.ignore_case else 0


def _supported(detector: Detector, text: str, start: int, end: int) -> bool:
    window = detector.context.window
    around = f"{text[max(0, start - window) : start]} {text[end : end + window]}".lower()
    return any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", around) for word in detector.context.words)


def find(detector: Detector, text: str) -> list[str]:
    """Return the values that the detector's pattern, validators and required context accept."""
    out = []
    for match in re.finditer(detector.pattern, text, _flags(detector)):
        group = "value" if "value" in match.re.groupindex else 0
        start, end = match.span(group)
        checks = (validator(name)(match[group], text, start, end) for name in detector.validators)
        wanted = not detector.context.required or _supported(detector, text, start, end)
        if wanted and all(result is not False for result in checks):
            out.append(match[group])
    return out


@pytest.fixture(scope="session", name="find")
def find_fixture() -> Callable[[Detector, str], list[str]]:
    """Return the reference matcher."""
    return find
