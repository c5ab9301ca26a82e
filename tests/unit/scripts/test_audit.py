"""The audit of dependencies: what it makes of a lock and of an advisory database's answers."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def audit() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "scripts" / "audit.py"))


def test_the_projects_lock_holds_every_dependency_with_hashes(audit: dict[str, Any]) -> None:
    assert list(audit["unlocked"]((ROOT / "requirements.lock").read_text(), audit["declared"]())) == []


def test_a_lock_with_holes_is_told(audit: dict[str, Any]) -> None:
    lock = "# made\nclick==8.2 \\\n    --hash=sha256:aa\nrequests==2\nrich>=14 \\\n    --hash=sha256:bb\n    # via x\n"
    assert list(audit["unlocked"](lock, iter(["click", "alembic"]))) == [
        "requests has no hash",
        "rich is not locked to a version",
        "alembic is not in the lock: run make lock",
    ]


def test_known_vulnerabilities_fail_and_accepted_ones_do_not(audit: dict[str, Any]) -> None:
    known = {"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["2.1"]}
    answer = [
        {"name": "a", "version": "2.0", "vulns": [known]},
        {"name": "b", "version": "1", "vulns": []},
        {"name": "c", "skip_reason": "not there"},
    ]
    assert list(audit["vulnerable"](answer)) == ["a 2.0: PYSEC-1, fixed in 2.1"]
    audit["ACCEPTED"]["CVE-1"] = "not reached"
    assert list(audit["vulnerable"](answer)) == []
