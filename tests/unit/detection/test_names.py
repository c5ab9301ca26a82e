"""Names of people, switched on by name."""

from __future__ import annotations

import pytest

from connectors.detection.names import PersonNames, tokenize


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
