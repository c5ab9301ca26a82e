"""Exact-data match: the customer's own values, found without being kept."""

from __future__ import annotations

import pytest

from connectors.detection import Engine
from connectors.detection.exact import ExactData, build_exact
from connectors.errors import ConfigError

VALUES = ["KX-204-9981", "Quentin Ashgrove", "no", "quentin.ashgrove@customer.example"]


@pytest.fixture
def data() -> ExactData:
    built, refused = build_exact(VALUES, id="customers", salt=b"s" * 16)
    assert refused == 1
    return built


def test_values_are_found_in_any_spelling(data):
    text = "kx204 9981, QUENTIN  ASHGROVE wrote; x Quentin; KX-204-9982; mail quentin.ashgrove@customer.example"
    found = Engine.build([], exact=data).scan(text)
    assert [match.value for match in found] == [
        "kx204 9981",
        "QUENTIN  ASHGROVE",
        "quentin.ashgrove@customer.example",
    ]


def test_no_value_rests_in_the_file_or_the_repr(data, tmp_path):
    data.save(tmp_path / "list")
    seen = (tmp_path / "list").read_text().lower() + repr(data).lower()
    assert not any(part in seen for value in VALUES[:2] for part in value.lower().split("-") if len(part) > 2)
    assert ExactData.load(tmp_path / "list") == data


def test_a_salt_kept_elsewhere_must_be_given(data, tmp_path):
    data.save(tmp_path / "list", with_salt=False)
    with pytest.raises(ConfigError, match="without its salt"):
        ExactData.load(tmp_path / "list")
    assert ExactData.load(tmp_path / "list", salt=b"s" * 16) == data


def test_another_salt_finds_nothing(data):
    other, _ = build_exact(VALUES, id="customers")
    assert other.digests.isdisjoint(data.digests)


def test_what_is_no_list_is_refused(tmp_path):
    (tmp_path / "list").write_text("[]")
    with pytest.raises(ConfigError, match="not a list"):
        ExactData.load(tmp_path / "list")
    with pytest.raises(ConfigError, match="16 to 64"):
        build_exact([], id="x", salt=b"short")
