"""The words of a text as the model of names reads them: each word's looks, its neighbours', and what parts them."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import accumulate
from typing import NamedTuple, TypeVar

from connectors.detection.lexicon import fold
from connectors.detection.lexicon import words as lexicon

JOINERS = frozenset(
    "de da do dos das del della di du van von der den ten ter la le el al bin ibn af av zu zur y e".split()  # noqa: SIM905  # as text
)
"""Small words that stand inside names."""
_WORD = re.compile(r"([^\W\d_]+(?:['’\-](?![sS]\b)[^\W\d_]+)*)")
_TITLES = frozenset(
    (
        *("mr", "mrs", "ms", "miss", "dr", "prof", "professor", "sir", "madam", "mister", "lord", "lady", "rev"),
        *("herr", "frau", "monsieur", "madame", "mme", "mlle", "señor", "señora", "senor", "senora", "signora", "dott"),
    )
)

Key = tuple[Callable[..., list[str]], *tuple[str, ...]]
"""What some features of a word depend on: the function that returns them, and its arguments."""


V = TypeVar("V")
_REMEMBERED = 100_000
"""About so many words are remembered."""
_LONGEST = 64
"""What is longer is no word, and remembering it would only take memory."""


class Memo(dict[str, V]):
    """Remembers what a function said of words; asked for every word of a text, so it must be quick."""

    def __init__(self, ask: Callable[[str], V]) -> None:
        super().__init__()
        self._ask = ask

    def __missing__(self, word: str) -> V:
        value = self._ask(word)
        if len(word) <= _LONGEST:
            if len(self) > _REMEMBERED:
                self.clear()
            self[word] = value
        return value


class Words(NamedTuple):
    """The words of a text: the word `n` starts at `starts[n]`; `gaps[n]` stands before it, `gaps[n + 1]` after."""

    words: list[str]
    gaps: list[str]
    starts: list[int]

    def end(self, number: int) -> int:
        """Return the offset at which a word ends."""
        return self.starts[number] + len(self.words[number])


def tokenize(text: str) -> Words:
    """Return the words of a text; a possessive is no part of its word."""
    parts = _WORD.split(text)
    return Words(parts[1::2], parts[0::2], list(accumulate(map(len, parts)))[0::2])


class Looks(NamedTuple):
    """What a word tells by itself."""

    possible: bool
    """Whether it may be part of a name."""
    flags: str
    """Which of the word lists hold it."""
    shape: str
    """How it is capitalized."""


def looks(word: str) -> Looks:
    """Return what a word tells by itself."""
    low = fold(word)
    given, family = low in lexicon("given_names"), low in lexicon("family_names")
    common, place, brand = low in lexicon("common_words"), low in lexicon("places"), low in lexicon("brands")
    shape = _shape(word)
    flags = f"{given:d}{family:d}{common:d}{place:d}{brand:d}"
    if (common or place or brand) and not (given or family):
        possible = False
    elif shape == "lower":
        possible = (given or family) and not (common or place or brand) and len(low) > 3
    elif shape in ("X", "mixed"):
        possible = shape == "X" or given or family
    else:
        possible = len(low) > 1 and low not in _TITLES
    return Looks(possible, flags, shape)


def _shape(word: str) -> str:
    if len(word) == 1:
        return "X" if word.isupper() else "lower"
    if word.islower():
        return "lower"
    if word.isupper():
        return "XX"
    parts = re.split(r"['’\-]", word)
    if all(part[:1].isupper() and (part[1:].islower() or len(part) == 1) for part in parts if part):
        return "Xx-Xx" if len(parts) > 1 else "Xx"
    if re.fullmatch(r"(?:Mc|Mac|De|Di|La|Le|Van|O)[A-Z][a-z]+", word):
        return "Xx"
    return "mixed"


def touches_code(before: str, after: str) -> bool:
    """Tell whether a word between two gaps is a part of an identifier, a path, an address or a call."""
    if before and (before[-1] in "_$/\\@#%&=-" or before[-1].isdigit()):
        return True
    if after and (after[0] in "_$/\\@(=[-" or after[0].isdigit()):
        return True
    return before == "." or after == "." or after[:2] in ("::", ":/", "._")


def features(words: Words, at: int) -> list[str]:
    """Return the features of the word number `at`: its looks, its neighbours', and what parts them."""
    return [feature for of, *values in keys(words, at) for feature in of(*values)]


def keys(words: Words, at: int) -> tuple[Key, ...]:
    """Return what the features of the word number `at` depend on, so that their weights can be summed once."""
    own = words.words[at]
    _, flags, shape = LOOKS[own]
    inside = 1 < at < len(words.words) - 2
    second, before, after, third = _inner(words, at) if inside else [_gap(words, at + by) for by in (-1, 0, 1, 2)]
    left, left_looks = _neighbour(words, at - 1, before)
    right, right_looks = _neighbour(words, at + 1, after)
    return (
        (_of_word, own),
        (_of_left, before, left, left_looks, flags, shape),
        (_of_right, after, right, right_looks, flags, shape),
        (_of_both, left_looks, right_looks, shape),
        (_of_far_left, _neighbour(words, at - 2, second)[0], left),
        (_of_far_right, right, _neighbour(words, at + 2, third)[0]),
    )


def _of_word(word: str) -> list[str]:
    _, flags, shape = looks(word)
    low = fold(word)
    own = [f"f={flags}", f"s={shape}", f"fs={flags}{shape}", f"l={min(len(low), 10)}"]
    if flags.endswith("000"):
        own += [f"e3={low[-3:]}", f"e2={low[-2:]}", f"b2={low[:2]}", f"e4={low[-4:]}"]
    elif flags[2] == "1":
        own.append(f"w={low}")
    if not low.isascii():
        own.append("script")
    elif not word.isascii():
        own.append("accent")
    return own


def _of_left(gap: str, word: str, seen: str, flags: str, shape: str) -> list[str]:
    own = f"{flags}{shape}"
    return [
        f"g-={gap}",
        f"sg-={shape}{gap}",
        f"p={word}",
        f"pf={seen}{gap}",
        f"pf0={seen}{gap}{own}",
        f"p0={word}{own}",
    ]


def _of_right(gap: str, word: str, seen: str, flags: str, shape: str) -> list[str]:
    own = f"{flags}{shape}"
    return [
        f"g+={gap}",
        f"sg+={shape}{gap}",
        f"n={word}",
        f"nf={seen}{gap}",
        f"nf0={seen}{gap}{own}",
        f"n0={word}{own}",
    ]


def _of_both(left: str, right: str, shape: str) -> list[str]:
    return [f"pnf={left}{right}{shape}"]


def _of_far_left(second: str, first: str) -> list[str]:
    return [f"pp={second}", f"ppp={second} {first}"]


def _of_far_right(first: str, second: str) -> list[str]:
    return [f"nn={second}", f"nnn={first} {second}"]


def _inner(words: Words, at: int) -> list[str]:
    """Return, in short, the four gaps around a word that is not near an end of the text."""
    return [_SHORT[gap] for gap in words.gaps[at - 1 : at + 3]]


def _gap(words: Words, number: int) -> str:
    """Return a gap in short; one at either end of the text says so."""
    gaps = words.gaps
    if 0 < number < len(gaps) - 1:
        return _SHORT[gaps[number]]
    if not 0 <= number < len(gaps):
        return "|"
    gap = gaps[number]
    return "^" + _short(gap[-2:]) if number == 0 else _short(gap[:2]) + "$"


_GAPS = {" ": "_", "": "0", ", ": ",_", ". ": "._", ": ": ":_"}


def _short(gap: str) -> str:
    if "\n" in gap:
        return "/"
    if any(c.isdigit() for c in gap):
        return "9"
    return gap.strip()[:2] or "_"


def _neighbour(words: Words, at: int, gap: str) -> tuple[str, str]:
    """Return the word beside a candidate, if it is a common one, and its looks."""
    if "/" in gap or not 0 <= at < len(words.words):
        return "|", "|"
    return _BESIDE[words.words[at]]


def _beside(word: str) -> tuple[str, str]:
    low = fold(word)
    _, flags, shape = looks(word)
    known = low in lexicon("common_words") or low in JOINERS or len(low) < 4
    return low if known else "?", f"{flags}{shape}"


_SHORT = Memo(lambda gap: _GAPS.get(gap) or _short(gap))
_BESIDE = Memo(_beside)
LOOKS = Memo(looks)
