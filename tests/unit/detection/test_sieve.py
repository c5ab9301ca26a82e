"""The compiled pass finds what the patterns of its factors say, no more and no less."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.detection import catalog, load_engine
from connectors.detection.cache import user_cache
from connectors.detection.factors import Factor, encode, find_with
from connectors.errors import ConfigError

pytest.importorskip("connectors.detection._sieve", reason="no C compiler built it")

from connectors.detection.anchors import Unsuited, anchors, read
from connectors.detection.sieve import SieveFinder
from connectors.detection.windows import Window

PARTS = ["a", "b", "1", r"\d", "[ab]", r"[^a\n]", r"\w", "-", ".", "é", r"\s", "[ab]{3}"]


def ends(factor: Factor, text: str) -> set[int]:
    """Return every offset at which a match of the factor ends, by trying each start with each end."""
    pattern = "".join(c if ord(c) < 256 else r"\?" for c in factor.pattern).encode("latin-1")
    data = encode(text)
    flags = re.MULTILINE | (re.IGNORECASE if factor.ignore_case else 0)
    found = set()
    for end in range(1, len(data) + 1):
        whole = re.compile(rb"(?:%s)(?<=(?s:\A.{%d}))" % (pattern, end), flags)
        if any(whole.match(data, start) for start in range(end + 1)):
            found.add(end)
    return found


def piece(rng: random.Random, depth: int = 2) -> str:
    """Return a part of a factor, at random."""
    one = rng.choice(PARTS)
    kind = rng.choice(["one", "one", "gap", "maybe", "either", "border", "several"])
    if kind == "gap" and "{" not in one:
        return one + rng.choice(["{0,4}", "{1,3}", "{2}"])
    if kind == "maybe":
        return f"(?:{one})?"
    if kind == "either" and depth:
        return f"(?:{piece(rng, depth - 1)}|{piece(rng, depth - 1)}{piece(rng, depth - 1)})"
    if kind == "several" and depth:
        return f"(?:{piece(rng, depth - 1)}){{0,2}}"
    return rf"\b{one}" if kind == "border" else one


@pytest.mark.parametrize("seed", range(4))
def test_every_end_is_found_and_nothing_else(seed):
    rng = random.Random(seed)
    found = 0
    for _ in range(40):
        pattern = "".join(piece(rng) for _ in range(rng.randrange(1, 5))) + rng.choice(["", "", "", r"\b", "$"])
        factor = Factor(pattern, ignore_case=rng.random() < 0.3)
        text = "".join(rng.choices("aaabAB11- \né", k=18)) + "é"  # so that far factors are looked for
        try:
            hits = SieveFinder([factor]).hits(text)
        except Unsuited:
            continue
        found += bool(hits)
        assert [end for _, end in hits if end] == sorted(ends(factor, text)), (factor, text)
    assert found > 8


def test_the_catalogs_factors_are_all_taken():
    for detector in catalog.load():
        for pattern in detector.factors:
            assert anchors(read(pattern, ignore_case=detector.ignore_case)), pattern


def test_both_passes_lead_to_the_same_matches():
    engines = [load_engine(backend=backend, cache=user_cache()) for backend in ("sieve", "hyperscan")]
    texts = [text for detector in catalog.load()[::4] for text in (*detector.examples, *detector.near_misses)]
    rng = random.Random(3)
    texts += ["\n".join(rng.sample(texts, 5)) for _ in range(40)] + ["é " + text for text in texts[::7]]
    found = [[engine.scan(text) for text in texts] for engine in engines]
    assert sum(map(bool, found[0])) > 150
    assert found[0] == found[1]


@pytest.mark.parametrize("pattern", ["a(?=b)", "(a)\\1", "a*", "(?<!x)ab", "x{0,3}"])
def test_what_it_does_not_take_goes_to_hyperscan_or_is_refused(pattern):
    with pytest.raises(ConfigError, match="does not take"):
        find_with([Factor(pattern)], backend="sieve")


def test_tables_are_kept_and_a_torn_file_is_made_again(tmp_path):
    wanted = [Factor("acme_[0-9]")]
    SieveFinder(wanted, cache=tmp_path)
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    assert SieveFinder(wanted, cache=tmp_path).hits("acme_7") == [(0, 6)]
    file.write_bytes(whole[:-9])
    assert SieveFinder(wanted, cache=tmp_path).hits("acme_7") == [(0, 6)]
    assert file.read_bytes() == whole


def test_a_long_text_and_lone_surrogates_are_read():
    finder = SieveFinder([Factor("acme_[0-9]"), Factor("密7")])
    assert finder.hits("x" * 20_000 + "acme_7") == [(0, 20_006)]
    assert finder.hits("\ud800 acme_7 密7") == [(0, 8), (1, 11)]
    assert finder.hits("") == []


@given(st.text(alphabet="ab. \n", max_size=30), st.integers(0, 30), st.integers(1, 9))
def test_the_part_around_an_offset_is_the_same_without_the_extension(text, end, reach):
    window = Window(reach, frozenset(".\n"))
    end = min(end, len(text))
    # the letter outside ASCII makes it do without the extension
    assert window._around(text, end) == window._around(text + "." + "x" * reach + "é", end) or end + reach > len(text)
    assert window._around(text, end)[0] == window._around(text + "é", end)[0]
