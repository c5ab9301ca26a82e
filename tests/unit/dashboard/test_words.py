"""How pages call things."""

from __future__ import annotations

import pytest

from connectors.dashboard import words
from connectors.detection.catalog import by_id
from connectors.detection.detector import Detector


def test_detectors_are_called_by_their_names() -> None:
    detector: Detector = by_id()["aws_access_key_id"]
    assert words.called("aws_access_key_id") == detector.name != "aws_access_key_id"


@pytest.mark.parametrize("own", ["employee_badge", ""])
def test_detectors_of_an_admin_are_called_by_their_ids(own: str) -> None:
    assert words.called(own) == own.replace("_", " ")
