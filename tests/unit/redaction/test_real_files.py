"""Documents that a real program wrote lose each planted word, in every place, and keep their parts."""

from __future__ import annotations

import re
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from connectors.extraction import Extraction, Text
from connectors.redaction import Mask, Redactor, redact_office, values

FOLDER = Path(__file__).parents[1] / "extraction" / "office"


@pytest.mark.parametrize("name", ["text.odt", "sheet.ods"])
def test_no_planted_word_is_left_and_every_part_is(name):
    source = (FOLDER / f"{name[:-4]}.fod{name[-1]}").read_text("utf-8")
    words = sorted({*re.findall(r"mark[a-zäü]+", source), "4539578763621486"}, key=len, reverse=True)
    before = (FOLDER / name).read_bytes()
    after = redact_office(before, Redactor(values(*words), Mask())).content
    items = Extraction(sandbox=False).extract_bytes(after)
    left = "\n".join(item.text for item in items if isinstance(item, Text))
    assert [word for word in words if word in left] == []
    assert zipfile.ZipFile(BytesIO(after)).namelist() == zipfile.ZipFile(BytesIO(before)).namelist()
