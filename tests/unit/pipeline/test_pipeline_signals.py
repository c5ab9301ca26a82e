"""What the pipeline passes on beside the matches: columns, mismatches, rules, and questions to vendors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from io import BytesIO
from typing import Any, cast

import pytest

from connectors.config.models import PolicySettings
from connectors.contract import Connector
from connectors.detection import Engine
from connectors.detection.user import DetectionRule, UserDetector
from connectors.extraction.extractor import Text
from connectors.model import (
    Blob,
    Confidence,
    Container,
    Event,
    EventKind,
    Resource,
    ScanUnit,
    UnitFailure,
    Validity,
)
from connectors.pipeline import Answer, Pipeline, Question, Scan, Task
from connectors.policy import Choice, Policies
from connectors.vault import Vault, new_key

NOW = datetime(2026, 3, 1, tzinfo=UTC)
BADGE = UserDetector.model_validate({"id": "badge", "regex": {"pattern": "EMP-[0-9]{6}"}})
PAY = UserDetector.model_validate({"id": "pay", "words": {"values": ["salary"]}})


class Units:
    """A connector whose resource has these parts."""

    def __init__(self, *units: ScanUnit) -> None:
        self._units = units

    def units(self, event: Event) -> Iterator[ScanUnit]:
        return iter(self._units)


class Files:
    """An extraction that finds these texts in any file."""

    def __init__(self, *texts: Text) -> None:
        self._texts = texts

    def extract(self, blob: Blob) -> Iterator[Text | UnitFailure]:
        return iter(self._texts)


class Vendor:
    """Answers everything with ACTIVE, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Question] = []

    def covers(self, detector: str) -> bool:
        return detector == "badge"

    def ask(self, questions: Sequence[Question]) -> list[Answer]:
        self.asked += questions
        return [Answer(Validity.ACTIVE, NOW, {"status": 200}) for _ in questions]


def run(*units: ScanUnit, files: Files | None = None, rules: Sequence[DetectionRule] = (), **policy: Any) -> Scan:
    return piped(files=files, rules=rules, **policy).process([task(*units)])[0]


def piped(
    *, files: Files | None = None, rules: Sequence[DetectionRule] = (), asks: Vendor | None = None, **policy: Any
) -> Pipeline:
    chosen = {"rules": [rule.name for rule in rules]} if rules else {"detectors": ["*"]}
    settings = PolicySettings.model_validate({"name": "p", **chosen, **policy})
    return Pipeline(
        scanner=Engine.build([BADGE, PAY], backend="fallback"),
        extraction=files or Files(),
        policies=Policies([settings], [Choice("badge", "badge"), Choice("pay", "pay")]),
        vault=Vault([new_key()], "fingerprint-key"),
        rules=rules,
        asks=asks,
    )


def task(*units: ScanUnit) -> Task:
    resource = Resource("r1", "file", Container("c1"))
    connector = cast("Connector[Any]", Units(*units))
    return Task(Event(EventKind.CHANGED, resource, version=1), "default", "acme", connector, "test", "test")


def sheet(text: str, delimiter: str, mismatch: str = "") -> Text:
    rows = tuple(at for at in range(len(text)) if at == 0 or text[at - 1] == "\n")
    return Text(text, "Sheet1", columns=("name", "id"), rows=rows, delimiter=delimiter, mismatch=mismatch)


FILE = ScanUnit("file:1", blob=Blob("people.csv", open=lambda: BytesIO()))


@pytest.mark.parametrize("delimiter", [";", "|", ",", "\t"])
def test_columns_follow_the_delimiter(delimiter: str) -> None:
    text = delimiter.join(("name", "id")) + "\n" + delimiter.join(('"a, b"', "EMP-004211"))
    place = run(FILE, files=Files(sheet(text, delimiter))).drafts[0].places[0]
    assert (place.row, place.column) == (2, 2)


def test_a_mismatch_is_counted_once_per_file_and_told_with_the_place() -> None:
    said = "named as image/png, is text/csv"
    scan = run(FILE, files=Files(sheet("EMP-004211;x", ";", said), sheet("EMP-000001;x", ";", said)))
    assert scan.mismatches == 1
    assert {draft.places[0].mismatch for draft in scan.drafts} == {said}


ALL = DetectionRule.model_validate(
    {"name": "both", "operator": "ALL", "uses": [{"detector": "badge", "min_count": 2}, {"detector": "pay"}]}
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("EMP-004211 and EMP-004212: salary", {"badge", "pay"}),
        ("EMP-004211: salary", set()),
        ("EMP-004211 and EMP-004212", set()),
    ],
)
def test_a_rule_lets_matches_count_together(text: str, found: set[str]) -> None:
    assert {draft.detector for draft in run(ScanUnit("body", text), rules=[ALL]).drafts} == found


def test_a_rule_raises_the_confidence_that_a_policy_sees() -> None:
    sure = DetectionRule.model_validate(
        {
            "name": "both",
            "uses": [
                {"detector": "badge", "context": [{"regex": {"pattern": "payroll"}, "confidence": "VERY_LIKELY"}]}
            ],
        }
    )
    drafts = run(ScanUnit("body", "payroll EMP-004211"), rules=[sure], min_confidence="VERY_LIKELY").drafts
    assert [draft.confidence for draft in drafts] == [Confidence.VERY_LIKELY]
    assert run(ScanUnit("body", "EMP-004211"), rules=[sure], min_confidence="VERY_LIKELY").drafts == []


def test_vendors_are_asked_about_what_counts_and_is_covered() -> None:
    vendor = Vendor()
    scan = piped(asks=vendor).process([task(ScanUnit("body", "salary of EMP-004211"))])[0]
    assert {draft.detector: draft.validity and draft.validity.state for draft in scan.drafts} == {
        "badge": Validity.ACTIVE,
        "pay": None,
    }
    assert [question.value for question in vendor.asked] == ["EMP-004211"]
    assert "EMP-004211" not in repr(vendor.asked) + repr(scan)


def test_nobody_is_asked_about_what_no_policy_wants() -> None:
    vendor = Vendor()
    piped(asks=vendor, min_confidence="VERY_LIKELY").process([task(ScanUnit("body", "EMP-004211"))])
    assert vendor.asked == []


@pytest.mark.parametrize(("wanted", "told"), [("active", ("p",)), ("expired", ())])
def test_the_vendor_speaks_before_the_policy(wanted: str, told: tuple[str, ...]) -> None:
    vendor = Vendor()
    scan = piped(asks=vendor, when={"validity": wanted}).process([task(ScanUnit("body", "salary of EMP-004211"))])[0]
    assert {draft.detector: draft.policies for draft in scan.drafts} == {"badge": told, "pay": ()}
    assert len(vendor.asked) == 1
