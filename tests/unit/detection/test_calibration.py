"""What analysts said moves the confidence of a detector, when they said it often and of one mind."""

from __future__ import annotations

import json

import pytest

from connectors.detection import calibration, load_engine
from connectors.detection.cache import user_cache
from connectors.errors import ConfigError
from connectors.model import Confidence


def rows(detector: str, *, right: int, wrong: int) -> list[dict[str, object]]:
    verdicts = ["confirmed"] * right + ["false_positive"] * wrong
    return [{"detector": detector, "verdict": verdict, "count": 3} for verdict in verdicts]


@pytest.mark.parametrize(
    ("right", "wrong", "shift"),
    [(0, 19, None), (0, 20, -1), (6, 34, -1), (15, 15, None), (40, 4, None), (60, 0, 1), (30, 0, None)],
)
def test_a_shift_needs_many_values_and_one_mind(right, wrong, shift):
    assert calibration.learn(rows("told", right=right, wrong=wrong)).get("told") == shift


def test_an_accepted_value_is_real_and_a_value_without_findings_says_nothing():
    assert calibration.learn([{"detector": "a", "verdict": "accepted"}] * 60) == {"a": 1}
    assert calibration.learn([{"detector": None, "verdict": "false_positive"}] * 60) == {}


def test_a_shift_moves_the_confidence_of_its_detector_only():
    text = "reach jo@acme.test, IBAN DE89 3704 0044 0532 0130 00"
    plain = {m.detector: m.confidence for m in load_engine(cache=user_cache()).scan(text)}
    moved = {m.detector: m.confidence for m in load_engine(cache=user_cache(), shifts={"email_address": -1}).scan(text)}
    assert plain["email_address"] == Confidence.VERY_LIKELY
    assert moved == {**plain, "email_address": Confidence.LIKELY}


@pytest.mark.parametrize("content", ["", "[]", '{"a": 2}', "no json"])
def test_a_file_of_another_kind_is_refused(tmp_path, content):
    path = tmp_path / "calibration.json"
    path.write_text(content)
    with pytest.raises(ConfigError):
        calibration.read(path)


def test_what_is_written_is_read_again(tmp_path):
    path = tmp_path / "calibration.json"
    path.write_text(json.dumps({"a": -1}))
    assert calibration.read(path) == {"a": -1}
    with pytest.raises(ConfigError):
        calibration.learn([{"verdict": "confirmed"}])
