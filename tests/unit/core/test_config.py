"""The configuration: every mistake at once, each with its line, its key and what to write instead."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.config import parse_config
from connectors.errors import ConfigError
from connectors.model import Confidence, Severity

ROOT = Path(__file__).parents[3]


def problems(text: str, **options: object) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        parse_config(text, environ={}, **options)  # type: ignore[arg-type]
    return caught.value.problems


def test_nothing_is_a_configuration() -> None:
    config = parse_config("")
    assert config.database.url.get_secret_value() == "sqlite:///connectors.db"
    assert config.residencies() == ("default",)


@pytest.mark.parametrize(("text", "line", "says"), [
    ("databse: {}", 1, "databse: this key is unknown; did you mean `database`?"),
    ("gateway:\n  prot: 1", 2, "gateway.prot: this key is unknown; did you mean `port`?"),
    ("gateway:\n  port: http", 2, "gateway.port: input should be a valid integer"),
    ("connections:\n  a:\n    config: {}", 2, "connections.a.connector: this is missing; add `connector:`"),
    ("connections:\n  a b: {connector: chat}", 2, "use letters, digits, dot, dash and underscore"),
    ("connections:\n  a: {connector: chat, tenant: x}", 2, "there is no tenant 'x'"),
    ("policies:\n- {name: p, detectors: [a]}\n- {name: p, detectors: [a]}", 3, "two policies are called 'p'"),
    ("policies:\n- name: p\n  detectors: [a]\n  alert: [b]", 4, "policies[0].alert[0]: there is no destination 'b'"),
    ("policies:\n- name: p\n  detectors: []", 3, "write `detectors: [secret]`"),
    ("policies:\n- name: p\n  detectors: [a]\n  min_confidence: sure", 4, "write one of VERY_UNLIKELY"),
    ("policies:\n- name: p\n  detectors: [a]\n  severity: bad", 4, "write one of info, low, medium, high, critical"),
    ("work:\n  lease: soon", 2, "write a number and s, m, h or d"),
    ("operators: [x]", 1, "operators[0]: there is no destination 'x'"),
    ("vault:\n  keys: [k]", 1, "`keys` and `fingerprint_key` go together"),
    ("database:\n  residencies:\n    mars: sqlite:///m.db", 3, "no tenant lives in 'mars'"),
    ("stream: {kind: kafka}", 1, "stream.brokers: "),
    ("a: 1\na: 2", 2, "a is written twice"),
    ("a: [", 1, "this is not YAML"),
    ("? [a]\n: b", 1, "a key must be a plain word"),
    ("x: 2001-99-99", 1, "this is not YAML"),
    ("a: &a [*a]", 1, "this is not YAML"),
    ("log: !!python/object:os.system {}", 1, "this is not YAML"),
    ('database: {url: "${env:NOT_THERE}"}', 1, "the environment variable NOT_THERE is not set"),
    ("database:\n  url: ${file:nowhere.txt}", 2, "the file nowhere.txt cannot be read"),
    ("[1, 2]", 1, "the file: "),
    ("just a word", 1, "the file: "),
])  # fmt: skip
def test_a_mistake_is_named_with_its_line(text: str, line: int, says: str) -> None:
    assert any(problem.startswith(f"config:{line}: ") and says in problem for problem in problems(text)), problems(text)


def test_every_mistake_is_told_at_once() -> None:
    text = "gateway: {port: x}\nwork: {threads: 0}\nconnections:\n  a: {}\nunknown: 1"
    assert len(problems(text)) == 4


def test_values_are_never_quoted() -> None:
    text = "connections: {a: {connector: [swordfish], sync: swordfish}}\nwork: {lease: swordfish}"
    assert "swordfish" not in "".join(problems(text))


def test_references_are_resolved_in_values_only(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cret: [}\n")
    text = "connections: {a: {connector: chat, config: {token: '${file:token}', url: 'http://${env:HOST}/x'}}}"
    config = parse_config(text, folder=tmp_path, environ={"HOST": "h: {"})
    assert config.connections["a"].config == {"token": "s3cret: [}", "url": "http://h: {/x"}
    assert "s3cret" not in repr(config)


def test_durations_levels_and_residencies() -> None:
    text = """
residency: eu
tenants: {default: {}, us-co: {residency: us}}
policies: [{name: p, detectors: ["*"], min_confidence: very likely, severity: HIGH}]
work: {lease: 90s}
retention: {bodies: 0, findings: 12h}
"""
    config = parse_config(text)
    assert (config.policies[0].min_confidence, config.policies[0].severity) == (Confidence.VERY_LIKELY, Severity.HIGH)
    assert config.work.lease == timedelta(seconds=90)
    assert config.retention.findings == timedelta(hours=12)
    assert config.residencies() == ("eu", "us")
    assert config.residency_of("us-co") == "us"


def test_the_example_loads_and_names_only_detectors_that_there_are(tmp_path: Path) -> None:
    from connectors.runtime import Runtime

    text = (ROOT / "config.example.yaml").read_text(encoding="utf-8")
    names = ("SLACK_TOKEN", "SLACK_SIGNING_SECRET", "GITHUB_TOKEN", "GITHUB_WEBHOOK_SECRET")
    config = parse_config(text, environ=dict.fromkeys(names, "x"), folder=tmp_path)
    runtime = Runtime.open(config, folder=tmp_path)
    assert [plugin.problem for plugin in runtime.host.plugins.values()] == ["", ""]
    assert [runtime.policies.unknown(policy.name) for policy in config.policies] == [()] * len(config.policies)
    for name in config.connections:
        assert runtime.owner(name).residency == "eu"
    for name in config.destinations:
        runtime.destination(name)
    runtime.close()


SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20))
TREES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.one_of(st.sampled_from(["connections", "policies", "work", "database", "name", "config"]), SCALARS),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=15,
)


@settings(max_examples=60, deadline=None)
@given(st.one_of(st.text(max_size=80), TREES.map(lambda tree: yaml.safe_dump(tree, allow_unicode=True))))
def test_whatever_is_written_there_is_no_crash(text: str) -> None:
    try:
        parse_config(text, environ={})
    except ConfigError as error:
        assert all(problem.startswith("config:") for problem in error.problems)  # noqa: PT017 (a crash is what fails)
