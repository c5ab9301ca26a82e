"""A marker goes through every path, the failing ones above all; then it must be nowhere in the clear."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from connectors.errors import Transient
from connectors.store.tables import metadata
from connectors.testing.company import aws_key

MARKER = "swordfish-4711"


def test_content_is_in_no_row_log_or_metric(house: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    house.tell(house.event("m1", f"{MARKER} key {aws_key('m1')} {MARKER}", payload={"text": MARKER}))
    house.app.troubles["deliver"] = [ValueError(MARKER)]
    house.work()
    house.app.troubles = {"units": [KeyError(MARKER)]}
    house.tell(house.event("m2", MARKER, payload={"text": MARKER}))
    for _ in range(5):
        house.later(hours=1)
    house.app.troubles = {"units": [Transient("timed out")]}
    house.tell(house.event("m3", MARKER, payload={"text": MARKER}))
    for _ in range(5):
        house.later(hours=1)
    assert len(house.rows("finding")) == 1
    assert len(house.rows("gap")) == 2
    said = "".join(capfd.readouterr()) + house.metrics.render().decode()
    assert "event_buried" in said
    for secret in (MARKER, aws_key("m1")):
        assert secret not in said
        for table in metadata.sorted_tables:
            for row in house.rows(table.name):
                assert secret not in repr(row), table.name
        for path in tmp_path.rglob("*"):
            assert not path.is_file() or secret.encode() not in path.read_bytes(), path
