"""The commands about detectors, as a user types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from connectors.cli.root import cli
from connectors.detection.exact import ExactData
from connectors.errors import ConfigError


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*arguments: str, text: str = "") -> Result:
    result = CliRunner().invoke(cli, arguments, input=text)
    if isinstance(result.exception, ConfigError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result


def test_a_list_holds_no_value_and_finds_them(tmp_path: Path) -> None:
    run("exact-data", "build", "-", "--output", "list.json", "--id", "customers", text="Night Heron 4471\n\nshort\n")
    assert "Heron" not in (tmp_path / "list.json").read_text()
    found = ExactData.load(tmp_path / "list.json")
    assert [text[start:end] for text in ["a night-heron 4471!"] for start, end, _ in found.search(text)] == [
        "night-heron 4471"
    ]


def test_a_salt_elsewhere_is_made_once_and_for_its_owner(tmp_path: Path) -> None:
    for name in ("one.json", "two.json"):
        run("exact-data", "build", "-", "--output", name, "--salt-file", "salt", text="Night Heron 4471\n")
    assert (tmp_path / "salt").stat().st_mode & 0o077 == 0
    assert (tmp_path / "one.json").read_text() == (tmp_path / "two.json").read_text()
    salt = bytes.fromhex((tmp_path / "salt").read_text())
    assert ExactData.load(tmp_path / "one.json", salt=salt).digests


def test_a_column_of_a_table() -> None:
    run("exact-data", "build", "-", "--output", "l.json", "--column", "name", text="id,name\n1,Night Heron 4471\n")
    assert len(ExactData.load(Path("l.json")).digests) == 1


@pytest.mark.parametrize(("column", "said"), [("nam", "columns: id, name"), ("id", "there is no value")])
def test_a_table_without_values(column: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        run("exact-data", "build", "-", "--output", "l.json", "--column", column, text="id,name\n1,Night Heron\n")


def test_detectors_that_can_be_checked() -> None:
    listed = json.loads(run("detectors", "list", "--verifiable", "--vendor", "slack", "--json").output)
    assert {each["id"] for each in listed} == {"slack_bot_token", "slack_user_token"}
    assert {each["verified_by"] for each in listed} == {"POST https://slack.com/api/auth.test"}


@pytest.mark.parametrize("arguments", [("list", "--category", "finance"), ("show", "slack_bot_token")])
def test_tables_fit_a_hundred_columns(arguments: tuple[str, ...]) -> None:
    assert max(map(len, run("detectors", *arguments).output.splitlines())) <= 100


def test_own_detectors_take_part_in_a_test(tmp_path: Path) -> None:
    (tmp_path / "connectors.yaml").write_text(
        "detection: {backend: fallback, detectors: [{id: badge, regex: {pattern: 'EMP-[0-9]{6}'}}]}\n"
    )
    (found,) = json.loads(run("detectors", "test", "EMP-004211", "--json").output)
    assert found["detector"] == "badge"
    assert "004211" not in json.dumps(found)
