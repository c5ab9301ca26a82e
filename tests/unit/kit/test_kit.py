"""The contract kit passes a connector that keeps the contract, and each of its checks fails the ones that do not."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

import pytest
import requests

from connectors.testing import probes
from connectors.testing.contract import ConnectorContract

sys.path.insert(0, str(Path(__file__).parents[3] / "examples" / "hostile_plugin"))

from connectors_hostile import defects
from connectors_hostile.notes import Notes, NotesBench

CHECKS = sorted(name for name in dir(ConnectorContract) if name.startswith("test_"))
CASES = [(check, broken) for check, classes in defects.DEFECTS.items() for broken in classes]


class TestGood(ConnectorContract):
    """The connector that the defects are made from."""

    connector = Notes
    bench = NotesBench


def outcomes(check: str, connector: type[Notes]) -> list[str]:
    """Run one check, with all its parameters, and return how each run ended."""
    method = getattr(ConnectorContract, check)
    marks: list[Any] = [mark for mark in getattr(method, "pytestmark", ()) if mark.name == "parametrize"]
    runs = [{mark.args[0]: value} for mark in marks for value in mark.args[1]] or [{}]
    return [outcome(method, connector, parameters) for parameters in runs]


def outcome(method: Any, connector: type[Notes], parameters: dict[str, str]) -> str:
    with probes.serve(connector, NotesBench) as kit:
        try:
            method(ConnectorContract(), kit, **parameters)
        except pytest.skip.Exception:
            return "skipped"
        except (Exception, pytest.fail.Exception) as error:  # noqa: BLE001 (a defect may fail in any way)
            return f"failed: {type(error).__name__}"
    return "passed"


@pytest.mark.parametrize(("check", "broken"), CASES, ids=[f"{check}-{broken.__name__}" for check, broken in CASES])
def test_the_check_fails_the_defect(check: str, broken: type[Notes]) -> None:
    assert any(result.startswith("failed") for result in outcomes(check, broken))


def test_a_library_that_was_quietened_before_is_still_heard() -> None:
    quiet = logging.getLogger("urllib3")
    before = quiet.level
    quiet.setLevel(logging.CRITICAL)
    try:
        assert outcomes("test_nothing_leaks", defects.TokenInTheUrl) == ["failed: AssertionError"]
        assert quiet.level == logging.CRITICAL
    finally:
        quiet.setLevel(before)


def test_every_check_has_a_defect_that_it_catches() -> None:
    assert sorted(defects.DEFECTS) == CHECKS


def test_every_defect_is_used() -> None:
    written = {
        value
        for value in vars(defects).values()
        if isinstance(value, type) and issubclass(value, Notes) and value not in (Notes, defects.Worst)
    }
    assert written == {broken for classes in defects.DEFECTS.values() for broken in classes}


def test_the_pytest_plugin_serves_fake_apps(fake_app: Any) -> None:
    url = fake_app(NotesBench().fake)
    assert requests.get(f"{url}/me", timeout=5).status_code == 401


def test_a_connector_without_powers_is_skipped_where_they_matter() -> None:
    found = [outcomes(check, _without_powers()) for check in CHECKS]
    flat = {result for results in found for result in results}
    assert flat == {"passed", "skipped"}


def _without_powers() -> Any:
    """Return a connector with `check` and `units` only."""
    from connectors import Connector

    class Bare(Connector[Any]):
        name = "bare"
        Config = Notes.Config
        check = Notes.check
        call = Notes.call

        def units(self, event: Any) -> Any:
            yield from ()

    return Bare
