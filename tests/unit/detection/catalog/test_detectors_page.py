"""The page about detectors says what the catalog says."""

from __future__ import annotations

import runpy
from pathlib import Path

ROOT = Path(__file__).parents[4]


def test_the_page_is_what_the_script_writes():
    made = runpy.run_path(str(ROOT / "scripts" / "detectors_page.py"))
    assert made["PAGE"].read_text(encoding="utf-8") == made["page"](), "run scripts/detectors_page.py"


def test_the_page_leaves_no_detector_out():
    made = runpy.run_path(str(ROOT / "scripts" / "detectors_page.py"))
    text = made["page"]()
    from connectors.detection import catalog

    assert not [detector.id for detector in catalog.load() if f"`{detector.id}`" not in text]
