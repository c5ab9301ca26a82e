"""A search by beginnings finds what the pattern itself finds."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.detection.heads import heads, search

PATTERNS = (
    r"(?:pass(?:word|code)?|pwd?|k[ae]y)[ :=]{1,2}(?P<value>\w{2,6})",
    r"(?<![a-z])(?:the )?(?:door|gate)? ?code \d+",
    r"(?:\+|00)[1-9]\d{0,2}[ -]?\d+",
    r"l.s\w",
    r"(?m:^)(?i:ab)(?=c)c",
)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (r"(?<!\w)acme_[0-9a-f]{16}", ["acme"]),
        (r"(?:API)?[ ]?KEY", ["api k", "apik", " key", "key"]),
        (r"[kp]w\d", ["kw", "pw"]),
        (r"(?:pass|\w)x", []),
        (r"[\w.]{1,64}@", []),
        (r"a?", []),
        ("\u017fk", []),
        (r"\+\d", ["+"]),
    ],
)
def test_beginnings_of_a_pattern(pattern, expected):
    found = heads(pattern)
    assert all(any(head.startswith(known) for known in found) for head in expected)
    assert bool(found) is bool(expected)


pieces = st.sampled_from(["pass", "Word", "PWD", "key", "kay", " ", ":", "=", "the ", "door", "code ", "12", "+", "00"])
texts = st.lists(st.one_of(pieces, st.sampled_from("abclxsLS\n1\u017f\u212aé")), max_size=16).map("".join)


@pytest.mark.parametrize("written", PATTERNS)
@given(text=texts, low=st.integers(0, 4), cut=st.integers(0, 4))
def test_the_search_finds_what_the_pattern_finds(written, text, low, cut):
    pattern = re.compile(written, re.IGNORECASE)
    high = len(text) - cut
    assert heads(written)
    assert [m.span() for m in search(pattern)(text, low, high)] == [m.span() for m in pattern.finditer(text, low, high)]
