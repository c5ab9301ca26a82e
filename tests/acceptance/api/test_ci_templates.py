"""The templates for CI systems: their scripts, run as the system would, where the last commit adds a secret."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

CI = Path(__file__).parents[3] / "deploy" / "ci"
BIN = Path(sys.executable).parent
NOWHERE = "0" * 40
"""What CI systems call the commit before the first one."""

Run = Callable[..., tuple[int, str]]


def git(folder: Path, *arguments: str) -> str:
    given = ("-c", "user.name=a", "-c", "user.email=a@example.com", *arguments)
    return subprocess.run(["git", *given], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch", "main")
    (folder / "a.py").write_text("nothing = 1\n")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "one")
    git(folder, "branch", "before")
    (folder / "b.py").write_text(f"aws_access_key_id = '{'AKIA' + 'Z7QWEXAN' + 'PLK5R2DU'}'\n")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "two")
    return folder


def github(folder: Path, *, base: str, paths: str, tmp_path: Path) -> tuple[str, dict[str, str], Path]:
    steps: list[Any] = yaml.safe_load((CI / "github" / "action.yml").read_text())["runs"]["steps"]
    (script,) = (step["run"] for step in steps if step.get("id") == "scan")
    said = {"GITHUB_OUTPUT": str(tmp_path / "output"), "RUNNER_TEMP": str(tmp_path)}
    asked = {"PATHS": paths, "ARGUMENTS": "--detect secret", "BASE": base, "HEAD": git(folder, "rev-parse", "HEAD")}
    return script, said | asked, tmp_path / "connectors.sarif"


def gitlab(folder: Path, *, base: str, paths: str, tmp_path: Path) -> tuple[str, dict[str, str], Path]:
    del tmp_path
    _, document = yaml.safe_load_all((CI / "gitlab" / "connectors-scan.yml").read_text())
    (script,) = document["connectors-scan"]["script"]
    asked = {"PATHS": paths, "ARGUMENTS": "--detect secret", "CI_COMMIT_BEFORE_SHA": base}
    return script, asked | {"CI_COMMIT_SHA": git(folder, "rev-parse", "HEAD")}, folder / "connectors.xml"


def circleci(folder: Path, *, base: str, paths: str, tmp_path: Path) -> tuple[str, dict[str, str], Path]:
    del tmp_path
    steps = yaml.safe_load((CI / "circleci" / "orb.yml").read_text())["commands"]["scan"]["steps"]
    (script,) = (step["run"]["command"] for step in steps if "run" in step and step["run"]["name"] == "Scan")
    for name, value in {"base": base, "paths": paths, "arguments": "--detect secret"}.items():
        script = script.replace(f"<< parameters.{name} >>", value)
    return script, {}, folder / "test-results" / "connectors" / "results.xml"


@pytest.mark.parametrize("system", [github, gitlab, circleci])
@pytest.mark.parametrize(
    ("base", "paths", "code"), [("before", "", 1), ("main", "", 0), (NOWHERE, "", 1), ("before", "a.py", 0)]
)
def test_it_scans_what_is_new_or_everything_or_what_it_is_told(
    system: Callable[..., tuple[str, dict[str, str], Path]],
    repository: Path,
    tmp_path: Path,
    base: str,
    paths: str,
    code: int,
) -> None:
    script, more, report = system(repository, base=base, paths=paths, tmp_path=tmp_path)
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", **more}
    shell = ["bash", "-e", "-o", "pipefail", "-c", script]
    done = subprocess.run(shell, cwd=repository, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (code, "")
    assert ("b.py" in report.read_text()) is bool(code)
