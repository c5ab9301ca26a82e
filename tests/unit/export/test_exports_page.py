"""docs/exports.md names every format and every field."""

from __future__ import annotations

import re
from pathlib import Path

from connectors.export.formats import FORMATS
from connectors.export.table import COLUMNS

PAGE = (Path(__file__).parents[3] / "docs" / "exports.md").read_text(encoding="utf-8")


def test_every_format_stands_in_the_table() -> None:
    assert sorted(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)) == sorted(FORMATS)


def test_every_field_stands_in_its_order() -> None:
    fields = PAGE.partition("## Fields")[2].partition("\n- ")[0]
    assert tuple(re.findall(r"`(\w+)`", fields)) == COLUMNS
