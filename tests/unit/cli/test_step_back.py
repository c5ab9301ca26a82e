"""A worker beside a gateway can be told to let it go first."""

from __future__ import annotations

import os

import pytest

from connectors.cli.run import step_back
from connectors.config import parse_config


@pytest.mark.parametrize(("config", "wanted"), [("{}", []), ("work: {nice: 10}", [10])])
def test_a_worker_steps_back_as_far_as_it_is_told(
    monkeypatch: pytest.MonkeyPatch, config: str, wanted: list[int]
) -> None:
    lowered: list[int] = []
    monkeypatch.setattr(os, "nice", lowered.append)
    step_back(parse_config(config))
    assert lowered == wanted
