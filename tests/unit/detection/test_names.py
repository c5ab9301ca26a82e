"""Names of people, switched on by name."""

from __future__ import annotations

import pytest

from connectors.detection.logistic import load
from connectors.detection.name_words import features, tokenize
from connectors.detection.names import PersonNames


@pytest.fixture(scope="module")
def searcher() -> PersonNames:
    return PersonNames()


def found(searcher: PersonNames, text: str) -> list[str]:
    return [text[start:end] for start, end, _ in searcher.search(text)]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("My name is Rosalind Achterberg and I need help", ["Rosalind Achterberg"]),
        ("Dear Dr. Vandenberghe, thank you", ["Vandenberghe"]),
        ("Contact: Willem van der Meulen, 2nd floor", ["Willem van der Meulen"]),
        ("Author: Katarzyna B. Wolska <kw@mail.test>", ["Katarzyna B. Wolska"]),
        ("Priya's account was closed by Tomás", ["Priya", "Tomás"]),
        ("Regards,\nÅsa Lindqvist\nHead of Sales", ["Åsa Lindqvist"]),
    ],
)
def test_names_are_found_without_title(searcher, text, names):
    assert found(searcher, text) == names


@pytest.mark.parametrize(
    "text",
    [
        "What are my options?",
        "The Finance Department in Berlin uses Microsoft Excel",
        "class UserAccount(BaseModel): pass",
        "import { Button } from './components/Button'",
        "Merry Christmas and a Happy New Year",
        "",
    ],
)
def test_what_is_no_name(searcher, text):
    assert found(searcher, text) == []


def test_words_and_gaps_make_up_the_text():
    text = "  Ann's o'clock, Jean-Luc\tØ 5x"
    words = tokenize(text)
    assert "".join(gap + word for gap, word in zip(words.gaps, [*words.words, ""], strict=True)) == text
    assert all(text[words.starts[n] : words.end(n)] == word for n, word in enumerate(words.words))
    assert words.words[:3] == ["Ann", "s", "o'clock"]


@pytest.mark.parametrize(
    "text", ["I met Sarah.", "Sarah", "ask Sarah (tomorrow).", "x" * 300 + " ask Sarah. " + "y" * 300]
)
def test_a_name_at_the_end_of_a_text_or_far_into_it_is_found(searcher, text):
    assert found(searcher, text) == ["Sarah"]


def test_a_sum_of_remembered_parts_is_what_the_model_says_of_the_features(searcher):
    model = load("person")
    words = tokenize("Dear Dr. Rosalind van der Achterberg,\nthe build of 9 May broke: call O'Neil at X. Bye, Åsa")
    for at in range(len(words.words)):
        for _ in range(2):
            assert searcher.probability(words, at) == pytest.approx(model.probability(features(words, at)))


def test_odd_blanks_beside_a_name_move_no_offset(searcher):
    assert found(searcher, "é\u2003Rosalind\u2003Achterberg\u2003and Tom Miller called") == [
        "Rosalind",
        "Achterberg",
        "Tom Miller",
    ]
