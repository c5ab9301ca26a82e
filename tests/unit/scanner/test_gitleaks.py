"""A gitleaks configuration, rule by rule: what is understood, and what is refused by name."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from connectors.detection.engine import Engine
from connectors.detection.gitleaks import GitleaksRules, entropy, load_gitleaks
from connectors.errors import ConfigError
from connectors.scanner.model import Source
from connectors.scanner.report import WRITERS
from connectors.scanner.rules import Setup
from connectors.scanner.scan import Scanner

BASE = """
[[rules]]
id = "acme-token"
description = "Acme token"
regex = '''(?i)acme_(?:key|token)\\s*=\\s*"([a-z0-9]{12,})"'''
keywords = ["acme_"]
entropy = 3.0
"""


def load(tmp_path: Path, text: str) -> GitleaksRules:
    file = tmp_path / "gitleaks.toml"
    file.write_text(text)
    return load_gitleaks(file)


def values(rules: GitleaksRules, text: str, path: str = "src/a.py") -> list[str]:
    engine = Engine.build(list(rules.searchers))
    return [match.value for match in rules.for_path(path, text, engine.scan(text))]


def test_the_first_group_is_the_secret_and_keywords_and_entropy_hold(tmp_path: Path) -> None:
    rules = load(tmp_path, BASE)
    assert values(rules, 'ACME_KEY = "a1b2c3d4e5f6g7"') == ["a1b2c3d4e5f6g7"]
    assert values(rules, 'acme_key = "aaaaaaaaaaaa"') == []
    assert values(rules, "nothing") == []


def test_a_named_group_is_the_secret(tmp_path: Path) -> None:
    rules = load(tmp_path, "[[rules]]\nid = 'x'\nregex = '(user)-([0-9]{4})'\nsecretGroup = 2\n")
    assert values(rules, "user-1234") == ["1234"]


@pytest.mark.parametrize(
    ("allowlist", "text", "path", "left"),
    [
        ("regexes = ['^a1b2']", 'acme_key = "a1b2c3d4e5f6g7"', "a.py", 0),
        ("regexTarget = 'line'\nregexes = ['example']", 'acme_key = "a1b2c3d4e5f6g7" # example', "a.py", 0),
        ("regexTarget = 'match'\nregexes = ['acme_key']", 'acme_key = "a1b2c3d4e5f6g7"', "a.py", 0),
        ("stopwords = ['D4E5']", 'acme_key = "a1b2c3d4e5f6g7"', "a.py", 0),
        ("stopwords = ['zzz']", 'acme_key = "a1b2c3d4e5f6g7"', "a.py", 1),
        ("paths = ['^tests/']", 'acme_key = "a1b2c3d4e5f6g7"', "tests/a.py", 0),
        ("paths = ['^tests/']", 'acme_key = "a1b2c3d4e5f6g7"', "src/a.py", 1),
        ("condition = 'AND'\npaths = ['^tests/']\nstopwords = ['a1b2']", 'acme_key = "a1b2c3d4e5f6g7"', "src/a.py", 1),
        (
            "condition = 'AND'\npaths = ['^tests/']\nregexTarget = 'line'\nregexes = ['example']",
            'acme_key = "a1b2c3d4e5f6g7" # example',
            "tests/a.py",
            0,
        ),
        (
            "condition = 'AND'\npaths = ['^tests/']\nregexTarget = 'match'\nregexes = ['^acme_key']",
            'acme_key = "a1b2c3d4e5f6g7"',
            "tests/a.py",
            0,
        ),
        (
            "condition = 'AND'\npaths = ['^tests/']\nstopwords = ['a1b2']",
            'acme_key = "a1b2c3d4e5f6g7"',
            "tests/a.py",
            0,
        ),
    ],
)
@pytest.mark.parametrize("place", ["[[rules.allowlists]]", "[rules.allowlist]", "[allowlist]", "[[allowlists]]"])
def test_allowlists_of_rules_and_of_the_file(
    tmp_path: Path, place: str, allowlist: str, text: str, path: str, left: int
) -> None:
    rules = load(tmp_path, f"{BASE}\n{place}\n{allowlist}\n")
    assert len(values(rules, text, path)) == left


GENERIC = """
[[rules]]
id = "generic-api-key"
regex = '''(?i)[a-z_]*key *= *"([^"]{8,})"'''
"""


@pytest.mark.parametrize(
    ("more", "path", "kept"),
    [
        ("", "src/a.py", ["acme-token"]),
        ("path = '\\.env$'", "src/a.py", ["generic-api-key"]),
        ("path = '\\.env$'", "src/.env", ["acme-token"]),
        ("[[rules.allowlists]]\npaths = ['^tests/']", "tests/a.py", ["generic-api-key"]),
    ],
)
def test_a_generic_rule_gives_way_to_one_that_names_it_where_that_one_counts(
    tmp_path: Path, more: str, path: str, kept: list[str]
) -> None:
    rules = load(tmp_path, f"{BASE}\n{more}\n{GENERIC}")
    text = 'acme_key = "a1b2c3d4e5f6g7"'
    found = Engine.build(list(rules.searchers)).scan(text)
    assert [match.detector for match in rules.for_path(path, text, found)] == kept


def test_a_path_rule_applies_to_its_files_only(tmp_path: Path) -> None:
    rules = load(tmp_path, BASE + "path = '\\.env$'\n")
    text = 'acme_key = "a1b2c3d4e5f6g7"'
    assert values(rules, text, "a.py") == []
    assert values(rules, text, "prod.env") == ["a1b2c3d4e5f6g7"]
    with pytest.raises(ConfigError, match="'acme-token' asks for a path"):
        load_gitleaks(tmp_path / "gitleaks.toml", paths=False)


def test_a_rule_without_a_regex_finds_files_by_their_name(tmp_path: Path) -> None:
    text = "[[rules]]\nid = 'p12'\ndescription = 'Key store'\npath = '[.]p12$'\n[allowlist]\npaths = ['^tests/']\n"
    load(tmp_path, text)
    rules = Setup(detect=("us_ssn",), rule_files=(str(tmp_path / "gitleaks.toml"),)).build()
    paths = ["a/store.p12", "a/store.txt", "tests/store.p12"]
    sources = [Source(path, content=b"\x30\x82\0\0", commit="c0ffee") for path in paths]
    report = Scanner(Setup(), rules=rules).scan(sources)
    [found] = report.found
    assert (found.path, found.detector, found.name, found.region) == ("a/store.p12", "p12", "Key store", None)
    for kind in WRITERS:
        WRITERS[kind](report, io.StringIO())
    with pytest.raises(ConfigError, match="'p12' asks for a path"):
        load_gitleaks(tmp_path / "gitleaks.toml", paths=False)


def test_every_rule_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    text = "".join(f"[[rules]]\nid = '{name}'\nregex = '(?=a)b'\n" for name in ("one", "two"))
    with pytest.raises(ConfigError) as refused:
        load(tmp_path, text)
    assert [name in problem for name, problem in zip(("one", "two"), refused.value.problems, strict=True)] == [True] * 2


def test_files_left_out_altogether(tmp_path: Path) -> None:
    rules = load(tmp_path, BASE + "[allowlist]\npaths = ['''vendor/''']\n")
    assert rules.leaves("vendor/x.py")
    assert not rules.leaves("src/x.py")


def test_an_extended_file_is_read_first_and_its_rules_can_be_disabled(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text(BASE + "[[rules]]\nid = 'other'\nregex = 'other'\n")
    extend = "[extend]\npath = 'base.toml'\nuseDefault = false\ndisabledRules = ['other']\n"
    assert [rule.id for rule in load(tmp_path, extend).searchers] == ["acme-token"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[rules]]\nid = 'r'\nregex = '(?=a)b'\n", "rule 'r'.*linear"),
        ("[[rules]]\nid = 'r'\n", "rule 'r' has neither regex nor path"),
        ("[[rules]]\nid = 'r'\nregex = 'a'\n[[rules.required]]\nid = 'x'\n", "rule 'r': required cannot be done"),
        ("[[rules]]\nid = 'r'\nregex = 'a'\nsecretGroup = 2\n", "rule 'r': secretGroup is 2"),
        ("[[rules]]\nid = 'r'\nregex = 'a'\n[[rules.allowlists]]\ncommits = ['c']\n", "rule 'r'.*commits"),
        ("[extend]\nurl = 'https://x'\n", "extend.url"),
        ("rules = ", "not TOML"),
    ],
)
def test_what_cannot_be_done_is_an_error_that_names_the_rule(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load(tmp_path, text)


def test_entropy_is_bits_per_character() -> None:
    assert (entropy(""), entropy("aaaa"), entropy("abcd")) == (0.0, 0.0, 2.0)
