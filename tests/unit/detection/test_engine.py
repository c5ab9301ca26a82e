"""The engine finds every match, at the right place, whatever the door."""

from __future__ import annotations

import random
import threading

import pytest

from connectors.detection import Detector, Engine
from connectors.errors import ConfigError
from connectors.model import Confidence, Match

CARD = "4111 1111 1111 1111"
TOKEN = "acme_" + "0123456789abcdef"


@pytest.fixture
def engine(detectors, validators) -> Engine:
    return Engine.build(detectors, validators=validators)


def found(matches: list[Match]) -> list[tuple[str, str]]:
    return [(match.detector, match.value) for match in matches]


def test_all_matches_of_a_text_not_only_the_first(engine):
    text = f"{CARD} and 5500-0000-0000-0004, mail a@b.example or c@d.example"
    assert found(engine.scan(text)) == [
        ("card", CARD),
        ("card", "5500-0000-0000-0004"),
        ("email", "a@b.example"),
        ("email", "c@d.example"),
    ]


def test_a_validator_drops_what_does_not_add_up(engine):
    assert engine.scan("4111 1111 1111 1112") == []


def test_normalized_is_the_same_over_spellings(engine):
    spellings = ("4111111111111111", "4111-1111-1111-1111", CARD)
    assert {engine.scan(text)[0].normalized for text in spellings} == {"4111111111111111"}


@pytest.mark.parametrize(
    "hidden",
    [
        "4111\u200b1111\u200b1111\u200b1111",
        "４１１１ １１１１ １１１１ １１１１",
        "4111\u00a01111\u20111111\u20111111",
    ],
)
def test_look_alikes_do_not_hide_a_value(engine, hidden):
    text = f"é {hidden} ok"
    (match,) = engine.scan(text)
    assert (match.value, text[match.start : match.end]) == (hidden, hidden)
    assert match.normalized == "4111111111111111"


def test_of_one_family_the_best_overlapping_match_stays(engine):
    assert found(engine.scan(f"password = {TOKEN}")) == [("acme_token", TOKEN)]
    assert found(engine.scan("password = hunter2hunter2")) == [("password", "hunter2hunter2")]


def test_a_required_word_near_by(engine):
    assert engine.scan("invoice 1234567") == []
    (match,) = engine.scan("staffNumber: 1234567")
    assert match.confidence is Confidence.POSSIBLE


def test_a_table_header_is_context_and_the_cell_is_named(engine):
    rows = ["name\tEmployee", "Ann\t7654321", "Bob\t1234567"]
    text = "\n".join(rows[1:])
    matches = engine.scan(text, columns=("name", "Employee"), rows=(0, len(rows[1]) + 1))
    assert [(m.value, m.row, m.column) for m in matches] == [("7654321", 1, 2), ("1234567", 2, 2)]


def test_rows_are_found_behind_characters_that_were_undone(engine):
    rows = ["Zo\u00e9\u200b\u200b\u200b\t7654321", "B\u200bob\t1234567"]
    text = "\n".join(rows)
    matches = engine.scan(text, columns=("name", "Employee"), rows=(0, len(rows[0]) + 1), delimiter="\t")
    assert [(m.value, m.row, m.column) for m in matches] == [("7654321", 1, 2), ("1234567", 2, 2)]


def test_a_comma_in_quotes_does_not_part_cells(engine):
    text = '"Doe, Ann",7654321'
    (match,) = engine.scan(text, columns=("name", "staff number"), rows=(0,))
    assert match.column == 2


def test_joined_is_the_same_as_one_by_one(engine):
    texts = [
        "",
        CARD,
        "é " + CARD,
        TOKEN[:9],
        TOKEN[9:],
        f"x {TOKEN}",
        "password:",
        "secretive",
        "a@b.example" * 900,
    ]
    assert engine.scan_many(texts) == [engine.scan(text) for text in texts]


def noise(rng: random.Random, pieces: list[str]) -> str:
    return "".join(rng.choice(pieces) for _ in range(rng.randrange(60)))


def test_the_fallback_finds_the_same(detectors, validators, engine):
    fallback = Engine.build(detectors, validators=validators, backend="fallback")
    rng = random.Random(4)
    pieces = [
        CARD,
        TOKEN,
        "4111",
        " ",
        "-",
        "acme_",
        "passwd=",
        "Password: 'hunter22'",
        "a@b.example",
        "\n",
        "é",
        "1234567",
    ]
    pieces += ["employee ", "\u200b", "１２３４", "@", ".", "word", '"']
    texts = [noise(rng, pieces) for _ in range(400)]
    assert (engine.backend, fallback.backend) == ("sieve", "fallback")
    assert any(engine.scan_many(texts))
    assert [fallback.scan(text) for text in texts] == [engine.scan(text) for text in texts]


def test_threads_share_one_engine(engine):
    texts = [f"mail number{n}@b.example now" for n in range(200)]
    results: dict[int, list[list[Match]]] = {}

    def work(name: int) -> None:
        results[name] = [engine.scan(text) for text in texts]

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(results[name] == engine.scan_many(texts) for name in range(4))


def test_the_databases_are_kept_and_a_torn_one_made_again(detectors, validators, tmp_path):
    Engine.build(detectors, validators=validators, cache=tmp_path)
    kept = {path: path.read_bytes() for path in tmp_path.iterdir()}
    for path, whole in kept.items():
        path.write_bytes(whole[:-5])
    for _ in range(2):
        engine = Engine.build(detectors, validators=validators, cache=tmp_path)
        assert found(engine.scan(f"{CARD} {TOKEN}")) == [("card", CARD), ("acme_token", TOKEN)]
        assert {path: len(path.read_bytes()) for path in tmp_path.iterdir()} == {p: len(w) for p, w in kept.items()}


def test_a_folder_that_cannot_be_written_is_no_fault(detectors, validators, tmp_path):
    (tmp_path / "file").write_text("")
    engine = Engine.build(detectors, validators=validators, cache=tmp_path / "file")
    assert engine.scan(CARD)


def test_what_cannot_be_built_is_refused_by_name(detectors, validators):
    with pytest.raises(ConfigError, match="'card' names unknown validators: luhn"):
        Engine.build(detectors, validators={})
    with pytest.raises(ConfigError, match="two detectors are named 'card'"):
        Engine.build([*detectors, detectors[0]], validators=validators)
    bad = Detector(
        id="bad",
        name="",
        family="bad",
        category="custom",
        pattern="x",
        factors=("x(",),
        source="",
        examples=(),
        near_misses=(),
    )
    with pytest.raises(ConfigError, match=r"x\("):
        Engine.build([*detectors, bad], validators=validators)


def test_a_match_says_nothing_of_its_value(engine):
    assert "4111" not in repr(engine.scan(CARD))
