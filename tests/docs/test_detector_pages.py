"""The pages about your own detectors and live tokens say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from connectors.config import parse_config
from connectors.detection.exact import build_exact
from connectors.runtime import Runtime
from connectors.validity import VERIFIERS
from connectors.validity.check import HOLDS, LIMITS

DOCS = Path(__file__).parents[2] / "docs"
VALIDITY = (DOCS / "validity.md").read_text(encoding="utf-8")
HOW_TO = (DOCS / "how-to-detectors.md").read_text(encoding="utf-8")


def test_every_verifier_stands_in_the_table() -> None:
    shown = re.findall(r"^\| \[(\w+)\]\((\S+)\) \| `(\w+) (\S+)` \| (.*?) \| (.*?) ?\|$", VALIDITY, re.MULTILINE)
    assert [(row[:4], tuple(re.findall(r"`(\w+)`", row[4]))) for row in shown] == [
        (
            (each.vendor, each.source, each.method, (each.address + each.path).split("://")[1].partition("?")[0]),
            each.detectors,
        )
        for each in VERIFIERS
    ]
    assert ["addresses" in row[5] for row in shown] == [each.many_homes for each in VERIFIERS]


def test_the_bounds_are_those_of_the_code() -> None:
    assert f"may take {LIMITS.total:.0f} seconds" in VALIDITY
    hours = [value.total_seconds() / 3600 for value in HOLDS.values()]
    assert hours[:2] == [6, 24]
    assert hours[2] * 60 == 10
    assert "*active* for 6 hours, *expired*\nfor 24, *unverified* for 10 minutes" in VALIDITY


def _examples(page: str) -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)


@pytest.mark.parametrize("page", ["validity.md", "how-to-detectors.md"])
def test_every_example_is_a_configuration(page: str, tmp_path: Path) -> None:
    (tmp_path / "salt").write_text("00" * 32)
    for example in _examples((DOCS / page).read_text(encoding="utf-8")):
        runtime = Runtime.open(parse_config(example, folder=tmp_path), folder=tmp_path)
        if "rules:" in example or "imports:" in example:
            continue  # the detectors of the example before, and a file, are not there
        if runtime.config.detection.exact_data:
            build_exact(["Night Heron 4471"], id="x", salt=bytes(32))[0].save(tmp_path / "accounts.json")
        assert runtime.choices
        _ = runtime.validity


def test_the_rule_of_the_page_works_with_the_detector_of_the_page(tmp_path: Path) -> None:
    own, ruled, *_ = _examples(HOW_TO)
    joined = own.partition("policies:")[0] + "  " + ruled.partition("detection:\n  ")[2]
    runtime = Runtime.open(parse_config(joined, folder=tmp_path), folder=tmp_path)
    assert [rule.name for rule in runtime.rules] == ["payroll_sheet"]
