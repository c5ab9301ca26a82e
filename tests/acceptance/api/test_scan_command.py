"""`connectors scan` and `connectors keys` as people call them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from connectors.cli.root import cli
from connectors.errors import ConfigError

CARD = "4012888888881881"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str, stdin: str | None = None) -> tuple[int, str]:
    result = CliRunner().invoke(cli, list(arguments), input=stdin)
    return result.exit_code, result.output


def test_exit_codes_say_clean_found_and_wrong(here: Path) -> None:
    (here / "clean.txt").write_text("nothing")
    assert run("scan", "clean.txt")[0] == 0
    (here / "card.txt").write_text(f"card {CARD}")
    code, output = run("scan", ".")
    assert code == 1
    assert "card.txt:1:6" in output
    assert CARD not in output
    assert run("scan")[0] == 2
    assert run("scan", "clean.txt", "--stdin")[0] == 2


def test_standard_input_and_a_report_in_a_file(here: Path) -> None:
    code, _ = run("scan", "--stdin", "--format", "json", "--output", "out.json", stdin=f"card {CARD}")
    assert code == 1
    assert json.loads((here / "out.json").read_text())["findings"][0]["path"] == "stdin"


def test_a_baseline_makes_known_findings_pass(here: Path) -> None:
    (here / "card.txt").write_text(f"card {CARD}\n")
    assert run("scan", "card.txt", "--write-baseline", "base.json")[0] == 0
    (here / "card.txt").write_text(f"moved down\n\ncard {CARD}\n")
    code, output = run("scan", "card.txt", "--baseline", "base.json")
    assert (code, "1 known" in output) == (0, True)


def test_a_file_allows_detectors_in_paths_and_leaves_whole_paths_out(here: Path) -> None:
    for name in ("kept", "cards", "left"):
        (here / name).mkdir()
        (here / name / "a.txt").write_text(f"card {CARD}\nssn 536-90-4399\n")
    (here / ".connectors-allow").write_text("# invented\n\ncards/  finance\nleft/\n")
    code, output = run("scan", ".", "--json")
    assert code == 1
    report = json.loads(output)
    found = {(each["path"], each["detector"]) for each in report["findings"]}
    assert found == {("kept/a.txt", "credit_card"), ("kept/a.txt", "us_ssn"), ("cards/a.txt", "us_ssn")}
    assert report["totals"]["allowed"] == 1
    (here / "other").write_text("kept/\ncards/\nleft/\n")
    assert run("scan", ".", "--allow", "other")[0] == 0
    (here / "other").write_text("kept/ no_such_detector\n")
    with pytest.raises(ConfigError, match="no_such_detector"):
        CliRunner().invoke(cli, ["scan", ".", "--allow", "other"], catch_exceptions=False)


def test_own_rules_and_gitleaks_rules_are_read(here: Path) -> None:
    (here / "own.yaml").write_text("detectors: [{id: staff, regex: {pattern: 'EMP-[0-9]{6}'}}]")
    (here / "gitleaks.toml").write_text("[[rules]]\nid = 'acme'\nregex = 'acme-[0-9]{4}'\n")
    (here / "a.txt").write_text("EMP-123456 acme-1234")
    code, output = run(
        "scan", "a.txt", "--detect", "jwt_signing_secret", "--rules", "own.yaml", "--rules", "gitleaks.toml"
    )
    assert code == 1
    assert {"staff", "acme"} <= set(output.split())


def test_a_key_is_shown_once_and_can_be_ended(here: Path) -> None:
    (here / "connectors.yaml").write_text("tenants: {default: {}}\n")
    assert run("db", "upgrade")[0] == 0
    code, output = run("keys", "create", "ci", "--scope", "scan", "--expires", "90d", "--json")
    assert code == 0
    made = json.loads(output)
    [listed] = json.loads(run("keys", "list", "--json")[1])
    assert (listed["name"], listed["scopes"], listed["works"]) == ("ci", ["scan"], True)
    assert made["key"] not in run("keys", "list")[1]
    assert run("keys", "revoke", made["id"])[0] == 0
    [listed] = json.loads(run("keys", "list", "--json")[1])
    assert listed["works"] is False
