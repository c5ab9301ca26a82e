"""Ask the advisory database about every locked dependency: make audit.

Fails for a known vulnerability, and for a lock that does not hold every dependency with its hashes. A database that
cannot be reached is said loudly and fails nothing: a machine without a network must be able to run the checks.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements.lock"
TOOLS = ROOT / ".venv" / "audit"

ACCEPTED: dict[str, str] = {}
"""Advisories that do not reach us, each with why and until when that holds."""


def main() -> int:
    """Return 1 when something is wrong."""
    problems = list(unlocked(LOCK.read_text(encoding="utf-8"), declared()))
    asked = asked_of("pypi") or asked_of("osv")
    if asked is None:
        print("DEPENDENCIES WERE NOT AUDITED: NO ADVISORY DATABASE COULD BE REACHED", file=sys.stderr)
    else:
        problems += vulnerable(asked)
    print(*problems, sep="\n")
    print(f"audit: {len(problems)} problems")
    return 1 if problems else 0


def declared() -> Iterator[str]:
    """Yield the names of what pyproject.toml asks for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    for text in (each for group in groups for each in group):
        if (name := canonicalize_name(Requirement(text).name)) != project["name"]:
            yield name


def unlocked(lock: str, wanted: Iterator[str]) -> Iterator[str]:
    """Yield what the lock lacks: dependencies, exact versions, hashes."""
    entries = re.split(r"\n(?=[A-Za-z0-9])", re.sub(r"(?m)^\s*#.*\n", "", lock))
    names = set()
    for entry in filter(str.strip, entries):
        line = entry.partition(" \\")[0]
        name = canonicalize_name(re.split(r"[=<>!~\[; @]", line, maxsplit=1)[0])
        names.add(name)
        if "==" not in line:
            yield f"{name} is not locked to a version"
        if "--hash=sha256:" not in entry:
            yield f"{name} has no hash"
    yield from (f"{name} is not in the lock: run make lock" for name in sorted(set(wanted) - names))


def asked_of(service: str) -> list[dict[str, Any]] | None:
    """Return what an advisory database knows of each locked dependency; None when it could not be asked."""
    if not installed():
        return None
    command = [
        str(TOOLS / "bin" / "pip-audit"), "--requirement", str(LOCK), "--require-hashes", "--disable-pip",
        "--vulnerability-service", service, "--format", "json", "--progress-spinner", "off", "--timeout", "10",
    ]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        found: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError, subprocess.TimeoutExpired):
        return None
    return found if any("skip_reason" not in each for each in found) else None


def vulnerable(dependencies: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the vulnerabilities that are known, and what could not be asked about."""
    for each in dependencies:
        if "skip_reason" in each:
            print(f"not audited: {each['name']}: {each['skip_reason']}", file=sys.stderr)
        for vulnerability in each.get("vulns", ()):
            if not {vulnerability["id"], *vulnerability.get("aliases", ())} & ACCEPTED.keys():
                fixed = ", ".join(vulnerability.get("fix_versions", ())) or "no version yet"
                yield f"{each['name']} {each['version']}: {vulnerability['id']}, fixed in {fixed}"


def installed() -> bool:
    """Install the auditor, hash-locked, into a folder of its own; return whether it is there."""
    lock, stamp = ROOT / "scripts" / "audit-tools.lock", TOOLS / ".installed"
    if stamp.exists() and stamp.read_text() == lock.read_text():
        return True
    steps = (
        (sys.executable, "-m", "venv", str(TOOLS)),
        (str(TOOLS / "bin" / "python"), "-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(lock)),
    )
    try:
        if any(subprocess.run(step, capture_output=True, check=False, timeout=300).returncode for step in steps):
            return False
    except subprocess.TimeoutExpired:
        return False
    stamp.write_text(lock.read_text())
    return True


if __name__ == "__main__":
    sys.exit(main())
