"""The whole catalog in one engine: places, doors and backends agree, whatever the text."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.detection import Engine, catalog, load_engine
from connectors.detection.cache import user_cache
from connectors.detection.catalog import load
from connectors.errors import ConfigError
from connectors.model import Match

PIECES = (
    *(
        "password",
        "token",
        " is ",
        "=",
        ": ",
        '"',
        "'",
        "\n",
        " ",
        ", ",
        "\t",
        "(",
        ")",
        "/",
        "@",
        ".",
        "-",
        "_",
        "+",
        "🙂",
        "é",
    ),
    *(
        "\u200b",
        "１２",
        "4111 1111 1111 1111",
        "078-05-1121",
        "+1 415 555 0100",
        "jo.doe@example.com",
        "10.20.30.40",
        "DE89",
    ),
    *(
        "3704 0044 0532 0130 00",
        "AK" + "IA" + "Q3EGRV7HJ2LMNP4X",
        "the root pw ",
        "hunter22!",
        "card ",
        "ssn ",
        "iban ",
        "0f3a9c",
    ),
    *(
        "https://user:",
        "s3cr3tpw@host",
        "secret_key",
        "ABCD",
        "1234567",
        "client_secret",
        "-----BEGIN PRIVATE KEY-----",
    ),
)


@pytest.fixture(scope="module")
def engine() -> Engine:
    return load_engine(include=("person_name", "street_address"), cache=user_cache())


@pytest.fixture(scope="module")
def plain() -> Engine:
    return load_engine(cache=user_cache())


texts = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=6)), max_size=14).map("".join)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(texts, max_size=4))
def test_joined_is_the_same_as_one_by_one(engine, given_texts):
    assert engine.scan_many(given_texts) == [engine.scan(text) for text in given_texts]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(texts)
def test_each_match_stands_where_it_says(engine, text):
    for match in engine.scan(text):
        assert 0 <= match.start < match.end <= len(text)
        assert text[match.start : match.end] == match.value


def test_the_fallback_finds_the_same(plain):
    fallback = load_engine(backend="fallback")
    rng = random.Random(8)
    samples = ["".join(rng.choices(PIECES, k=rng.randrange(1, 14))) for _ in range(120)]
    samples += [text for detector in load()[::9] for text in (*detector.examples, *detector.near_misses)]
    expected: list[list[Match]] = [plain.scan(text) for text in samples]
    assert sum(map(bool, expected)) > 60
    assert [fallback.scan(text) for text in samples] == expected


def test_an_engine_knows_what_it_runs(engine, plain):
    assert {"credit_card", "email_address"} <= plain.ids
    assert engine.ids - plain.ids == {"person_name", "street_address"}


def test_an_unknown_detector_is_refused_by_name():
    with pytest.raises(ConfigError, match="no detector named nonsense"):
        load_engine(include=("nonsense",))
    assert catalog.by_id()["credit_card"].enabled
