"""Five small detectors that stand for the kinds the catalog holds."""

from __future__ import annotations

import pytest

from connectors.detection import Context, Detector
from connectors.model import Confidence


def luhn(value: str, text: str, start: int, end: int) -> bool:
    digits = [int(c) for c in reversed(value) if c.isdigit()]
    return sum(d if i % 2 == 0 else sum(divmod(2 * d, 10)) for i, d in enumerate(digits)) % 10 == 0


def detector(name: str, **fields: object) -> Detector:
    given = {
        "name": name,
        "family": name,
        "category": "custom",
        "source": "",
        "examples": (),
        "near_misses": (),
    }
    return Detector(id=name, **{**given, **fields})  # type: ignore[arg-type]  # a test's shorthand


@pytest.fixture
def validators() -> dict[str, object]:
    return {"luhn": luhn}


@pytest.fixture
def detectors() -> list[Detector]:
    return [
        detector(
            "card",
            family="credit_card",
            pattern=r"(?<![\d-])\d(?:[ -]?\d){12,18}(?![\d-])",
            factors=(r"\d{4}[ -]?\d{4}",),
            validators=("luhn",),
            normalize="digits",
            reach=40,
        ),
        detector(
            "email",
            pattern=r"[\w.+-]{1,64}@[\w-]{1,60}(?:\.[\w-]{1,60}){1,4}",
            factors=(r"[\w.%+-]@\w",),
            normalize="lower",
            reach=320,
        ),
        detector(
            "acme_token",
            family="secret",
            vendor="acme",
            pattern=r"(?<!\w)acme_[0-9a-f]{16}(?!\w)",
            factors=("acme_",),
            base=Confidence.VERY_LIKELY,
        ),
        detector(
            "password",
            family="secret",
            pattern=r"passw(?:or)?d['\"]?\s{0,3}[:=]\s{0,3}['\"]?(?P<value>[^\s'\"]{6,80})",
            factors=("passw",),
            ignore_case=True,
            base=Confidence.POSSIBLE,
        ),
        detector(
            "employee",
            pattern=r"(?<!\d)\d{7}(?!\d)",
            factors=(r"\d{7}",),
            context=Context(words=("employee", "staff number"), required=True, window=40),
            base=Confidence.UNLIKELY,
            reach=16,
        ),
    ]
