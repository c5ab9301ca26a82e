"""A scanner with a few detectors, and values that only look like secrets."""

from __future__ import annotations

import pytest

from connectors.model import Confidence
from connectors.scanner.rules import Rules, Setup

CARD = "4012888888881881"


@pytest.fixture(scope="session")
def setup() -> Setup:
    return Setup(detect=("credit_card", "us_ssn"), least=Confidence.POSSIBLE)


@pytest.fixture(scope="session")
def rules(setup: Setup) -> Rules:
    return setup.build()
