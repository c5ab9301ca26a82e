"""The rules by which this repository scans itself: what they let pass, and what they do not."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from connectors.cli.root import cli

ROOT = Path(__file__).parents[3]
TOKEN = "AKIA" + "Q3EGUZ7KXYLMPR2D"
CARD = "4012888888881881"


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with the rules of this one, and nothing else in it."""
    for name in (".connectors-allow", ".connectors-baseline.json"):
        shutil.copyfile(ROOT / name, tmp_path / name)
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def self_scan(repository: Path) -> tuple[int, str]:
    """Run the command of `make scan` in a repository."""
    subprocess.run(["git", "add", "--all"], cwd=repository, check=True)
    makefile = (ROOT / "Makefile").read_text()
    options = re.findall(r"^SCAN = \$\(BIN\)/connectors (.*)$|^\t\$\(SCAN\) (--baseline .*)$", makefile, re.MULTILINE)
    result = CliRunner().invoke(cli, " ".join("".join(each) for each in options).split())
    return result.exit_code, result.output


def put(repository: Path, path: str, text: str) -> None:
    target = repository / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)


@pytest.mark.parametrize(
    "path", ["src/connectors/new.py", "tests/unit/test_new.py", "docs/new.md", "fixtures/new.json"]
)
def test_a_planted_credential_fails_it(repository: Path, path: str) -> None:
    put(repository, path, f'key = "{TOKEN}"\n')
    code, output = self_scan(repository)
    assert (code, f"{path}:1:" in output, TOKEN in output) == (1, True, False)


def test_an_invented_card_may_stand_in_a_test_and_not_in_the_code(repository: Path) -> None:
    put(repository, "tests/unit/test_new.py", f'CARD = "{CARD}"\n')
    assert self_scan(repository)[0] == 0
    put(repository, "src/connectors/new.py", f'CARD = "{CARD}"\n')
    code, output = self_scan(repository)
    assert (code, "tests/unit" in output) == (1, False)


def test_it_is_part_of_what_every_change_goes_through() -> None:
    assert "\nmake scan\n" in (ROOT / ".ci" / "run").read_text()
