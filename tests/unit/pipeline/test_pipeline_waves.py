"""A batch is scanned in waves, so that neither memory nor the small messages depend on the large files beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

import pytest

from connectors import pipeline as module
from connectors.config.models import PolicySettings
from connectors.contract import Connector
from connectors.detection import Engine
from connectors.detection.user import UserDetector
from connectors.errors import NotFound, Transient
from connectors.extraction import Extraction
from connectors.model import Container, Event, EventKind, Match, Resource, ScanUnit
from connectors.pipeline import Pipeline, Task
from connectors.policy import Choice, Policies
from connectors.vault import Vault, new_key

BADGE = UserDetector.model_validate({"id": "badge", "regex": {"pattern": "EMP-[0-9]{6}"}})
LARGE = "EMP-123456 " + "x" * 100


class Counting:
    """A scanner, and how many characters it was given at once."""

    def __init__(self) -> None:
        self._engine = Engine.build([BADGE], backend="fallback")
        self.calls: list[int] = []

    def scan(self, text: str, **table: Any) -> list[Match]:
        return self._engine.scan(text, **table)

    def scan_many(self, texts: Sequence[str]) -> list[list[Match]]:
        self.calls.append(sum(map(len, texts)))
        return self._engine.scan_many(texts)


class Resources:
    """A connector whose events carry what their units are, and the error that ends them."""

    def __init__(self, *texts: str, error: Exception | None = None) -> None:
        self._texts, self._error = texts, error

    def units(self, event: Event) -> Iterator[ScanUnit]:
        for number, text in enumerate(self._texts):
            yield ScanUnit(f"part:{number}", text)
        if self._error is not None:
            raise self._error


@pytest.fixture
def engine() -> Counting:
    return Counting()


@pytest.fixture
def waves(engine: Counting, monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    monkeypatch.setattr(module, "TOGETHER", 150)
    settings = PolicySettings.model_validate({"name": "p", "detectors": ["*"]})
    return Pipeline(
        scanner=engine,
        extraction=Extraction(sandbox=False),
        policies=Policies([settings], [Choice("badge", "badge")]),
        vault=Vault([new_key()], "fingerprint-key"),
    )


def task(*texts: str, error: Exception | None = None) -> Task:
    connector = cast("Connector[Any]", Resources(*texts, error=error))
    event = Event(EventKind.CHANGED, Resource("r1", "file", Container("c1")), version=1)
    return Task(event, "default", "acme", connector, "test", "test")


def test_small_events_go_through_detection_together(waves: Pipeline, engine: Counting) -> None:
    scans = waves.process([task("EMP-123456"), task("nothing"), task("EMP-654321")])
    assert [len(scan.drafts) for scan in scans] == [1, 0, 1]
    assert len(engine.calls) == 1


def test_large_events_end_a_wave_and_the_rest_comes_next(waves: Pipeline, engine: Counting) -> None:
    tasks = [task(LARGE), task(LARGE), task(LARGE), task("EMP-654321")]
    scans = waves.process(tasks)
    assert len(scans) == 2
    assert [len(scan.drafts) for scan in scans + waves.process(tasks[2:])] == [1, 1, 1, 1]
    assert max(engine.calls) < 2 * len(LARGE) + 1


def test_the_parts_of_one_event_are_not_held_together(waves: Pipeline, engine: Counting) -> None:
    [scan] = waves.process([task(*[LARGE] * 6)])
    assert {draft.part for draft in scan.drafts} == {f"part:{n}" for n in range(6)}
    assert scan.parts == {f"part:{n}" for n in range(6)}
    assert max(engine.calls) <= 2 * len(LARGE)


@pytest.mark.parametrize("error", [NotFound("gone"), Transient("the app is away")])
def test_what_was_found_before_an_event_failed_is_forgotten(waves: Pipeline, error: Exception) -> None:
    before, broken = waves.process([task("EMP-654321"), task(LARGE, LARGE, "EMP-111111", error=error)])
    assert len(before.drafts) == 1
    assert broken.drafts == []
    assert broken.gone is isinstance(error, NotFound)
    assert (broken.failure is None) is broken.gone


def test_a_slow_event_does_not_hold_back_those_before_it(waves: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", -1.0)
    assert len(waves.process([task("EMP-654321"), task("EMP-654321")])) == 1
