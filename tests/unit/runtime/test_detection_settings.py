"""What the `detection` section promises is what the engine does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from connectors.config import parse_config
from connectors.detection.exact import build_exact
from connectors.errors import ConfigError
from connectors.runtime import Runtime

Opened = Callable[[str], Runtime]
POLICY = 'policies: [{name: all, detectors: ["*"], min_confidence: VERY_UNLIKELY}]\n'
FALLBACK = POLICY + "detection:\n  backend: fallback\n"


def found(runtime: Runtime, text: str) -> set[str]:
    return {match.detector for match in runtime.engine.scan(text)}


def refused(runtime: Runtime) -> str:
    with pytest.raises(ConfigError) as caught:
        _ = runtime.engine
    return "\n".join(caught.value.problems)


def test_own_detectors_are_found(opened: Opened) -> None:
    runtime = opened(FALLBACK + "  detectors: [{id: badge, regex: {pattern: 'EMP-[0-9]{6}'}}]\n")
    assert "badge" in found(runtime, "it was EMP-004211")
    assert "badge" in runtime.policies.detectors


def test_a_bad_own_detector_is_named_by_its_key(opened: Opened) -> None:
    runtime = opened(FALLBACK + "  detectors: [{id: badge, regex: {patern: x}}]\n")
    message = refused(runtime)
    assert "detection.detectors[0].regex.patern" in message
    assert "`pattern`" in message


def test_gitleaks_rules_are_found(opened: Opened, tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text("[[rules]]\nid = 'acme'\nregex = '''acme_([a-z0-9]{8})'''\n")
    runtime = opened(FALLBACK + "  imports: [own.toml]\n")
    assert "acme" in found(runtime, "key acme_1a2b3c4d here")


def test_a_missing_gitleaks_file_is_named_by_its_key(opened: Opened) -> None:
    assert "detection.imports[0]: " in refused(opened(FALLBACK + "  imports: [nowhere.toml]\n"))


@pytest.mark.parametrize("named", ["own.toml", "[own.toml]"])
def test_detectors_may_be_an_import_alone(named: str) -> None:
    settings = parse_config(f"detection: {{detectors: {{import: {named}}}}}").detection
    assert (settings.imports, settings.detectors) == (("own.toml",), ())


def test_detectors_are_a_list_or_an_import() -> None:
    with pytest.raises(ConfigError, match=r"detection\.detectors"):
        parse_config("detection: {detectors: {import: own.toml, more: 1}}")


def test_exact_data_with_its_salt_elsewhere(opened: Opened, tmp_path: Path) -> None:
    salt = bytes(range(32))
    data, _ = build_exact(["Night Heron 4471"], id="customers", salt=salt)
    data.save(tmp_path / "list.json", with_salt=False)
    runtime = opened(FALLBACK + f"  exact_data: {{file: list.json, salt: '{salt.hex()}'}}\n")
    assert "customers" in found(runtime, "we met night-heron 4471 there")
    assert "customers" in runtime.policies.detectors


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("nowhere.json", "connectors exact-data build"),
        ("list.json", "without its salt"),
        ("{file: list.json, salt: zz}", "detection.exact_data.salt: write the hexadecimal salt"),
    ],
)
def test_exact_data_that_cannot_be_used(opened: Opened, tmp_path: Path, written: str, said: str) -> None:
    data, _ = build_exact(["Night Heron 4471"], id="customers")
    data.save(tmp_path / "list.json", with_salt=False)
    message = refused(opened(FALLBACK + f"  exact_data: {written}\n"))
    assert message.startswith("detection.exact_data")
    assert said in message


def test_names_are_off_until_they_are_asked_for(opened: Opened) -> None:
    assert "person_name" not in opened(FALLBACK).engine.ids
    assert {"person_name", "street_address"} <= opened(FALLBACK + "  names: true\n").engine.ids


def test_a_policy_that_names_a_detector_asks_for_it(opened: Opened) -> None:
    runtime = opened("policies: [{name: people, detectors: [person_name]}]\ndetection: {backend: fallback}\n")
    assert "person_name" in runtime.engine.ids
    assert "street_address" not in runtime.engine.ids


def test_the_cache_is_the_users_own_folder(opened: Opened, tmp_path: Path) -> None:
    folder = opened(FALLBACK).cache_folder
    assert folder == tmp_path / "cache" / "connectors"
    assert folder.stat().st_mode & 0o077 == 0


def test_the_cache_can_be_off_or_elsewhere(opened: Opened, tmp_path: Path) -> None:
    assert opened(FALLBACK + "  cache: 'off'\n").cache_folder is None
    assert opened(FALLBACK + "  cache: compiled\n").cache_folder == tmp_path / "compiled"


def test_a_cache_that_others_can_write_is_not_used(opened: Opened, tmp_path: Path) -> None:
    shared = tmp_path / "cache" / "connectors"
    shared.mkdir(parents=True)
    shared.chmod(0o777)
    assert opened(FALLBACK).cache_folder is None
    message = refused(opened(FALLBACK + "  cache: cache/connectors\n"))
    assert "detection.cache" in message
    assert "chmod go-w" in message


RULED = """\
policies: [{name: payroll, rules: [both], min_confidence: POSSIBLE}]
detection:
  backend: fallback
  detectors:
    - {id: badge, regex: {pattern: 'EMP-[0-9]{6}'}}
    - {id: pay, words: {values: [salary]}}
  rules:
    - {name: both, operator: ALL, uses: [{detector: badge, min_count: 2}, {detector: pay}]}
    - {name: unused, uses: [{detector: badge}]}
"""


def test_only_rules_that_policies_name_are_evaluated(opened: Opened) -> None:
    assert [rule.name for rule in opened(RULED).rules] == ["both"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("rules: [both]", "rules: [bath]", "policies[0].rules[0]: there is no rule 'bath'; defined: both, unused"),
        ("detector: pay}", "detector: pai}", "detection.rules[0].uses[1].detector: no detector is 'pai'; did you mean"),
        ("name: unused", "name: both", "detection.rules[1].name: two rules are called 'both'"),
        ("operator: ALL", "operator: SOME", "detection.rules[0].operator"),
    ],
)
def test_rules_that_point_nowhere(opened: Opened, old: str, new: str, said: str) -> None:
    assert said in refused(opened(RULED.replace(old, new)))


def test_a_policy_asks_for_something() -> None:
    from connectors.config import parse_config

    with pytest.raises(ConfigError, match=r"policies\[0\]\.detectors: write `detectors"):
        parse_config("policies: [{name: idle}]")


def test_nobody_is_asked_about_tokens_unless_it_is_wanted(opened: Opened) -> None:
    assert opened(FALLBACK).validity is None


@pytest.mark.parametrize("wanted", ["[github_personal_token]", "[github]", "{detectors: ['github_*']}"])
def test_detectors_opt_in_to_the_validity_check(opened: Opened, wanted: str) -> None:
    check = opened(FALLBACK + f"  verify: {wanted}\n").validity
    assert check is not None
    assert check.covers("github_personal_token")
    assert not check.covers("stripe_secret_key")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("[us_ssn]", "detection.verify.detectors[0]: no vendor can be asked about 'us_ssn'"),
        ("[nothing]", "detection.verify.detectors[0]: no detector answers to 'nothing'"),
        ("{addresses: {githb: 'https://x.example.com'}}", "detection.verify.addresses.githb: there is no such vendor"),
        ("{addresses: {github: 'http://ghe.example.com'}}", "detection.verify.addresses.github: write an address with"),
        ("{addresses: {github: 'https://[x'}}", "detection.verify.addresses.github: write an address with"),
    ],
)
def test_a_validity_check_that_cannot_be(opened: Opened, written: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        _ = opened(FALLBACK + f"  verify: {written}\n").validity
    assert said in "\n".join(caught.value.problems)
