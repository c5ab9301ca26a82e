"""Rules that the configuration imports from a gitleaks file run beside the catalog."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.config import parse_config
from connectors.errors import ConfigError
from connectors.runtime import Runtime


def opened(folder: Path, rules: str) -> Runtime:
    (folder / "gitleaks.toml").write_text(rules)
    return Runtime.open(parse_config("detection: {imports: [gitleaks.toml]}"), folder=folder)


def test_an_imported_rule_finds_and_may_be_named_by_a_policy(tmp_path: Path) -> None:
    runtime = opened(tmp_path, "[[rules]]\nid = 'acme'\nregex = 'acme-[0-9]{4}'\nkeywords = ['acme']\n")
    assert [match.detector for match in runtime.engine.scan("ACME is acme-1234")] == ["acme"]
    assert "acme" in {choice.id for choice in runtime.choices}


def test_a_rule_that_asks_for_a_path_is_refused_by_name(tmp_path: Path) -> None:
    runtime = opened(tmp_path, "[[rules]]\nid = 'acme'\nregex = 'acme'\npath = '[.]env$'\n")
    with pytest.raises(ConfigError, match="rule 'acme' asks for a path"):
        _ = runtime.engine
