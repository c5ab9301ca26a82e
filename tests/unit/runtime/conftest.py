"""A runtime from YAML, in a folder of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from connectors.config import parse_config
from connectors.runtime import Runtime

Opened = Callable[[str], Runtime]


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Opened:
    """Return what opens a configuration; its cache is in the test's folder, its backend quick to build."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return lambda text: Runtime.open(parse_config(text, folder=tmp_path), folder=tmp_path)
