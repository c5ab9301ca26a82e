"""Names of people: words that may be part of a name are judged by a model, neighbours joined.

Switched on by name, since it reads every word of a text: see the detector `person_name`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

from connectors.detection.lexicon import fold
from connectors.detection.lexicon import words as lexicon
from connectors.detection.logistic import Model, load
from connectors.model import Confidence

_WORD = re.compile(r"([^\W\d_]+(?:['’\-](?![sS]\b)[^\W\d_]+)*)")
_JOINERS = frozenset(
    "de da do dos das del della di du van von der den ten ter la le el al bin ibn af av zu zur y e".split()  # noqa: SIM905  # as text
)
_TITLES = frozenset(
    (
        *("mr", "mrs", "ms", "miss", "dr", "prof", "professor", "sir", "madam", "mister", "lord", "lady", "rev"),
        *("herr", "frau", "monsieur", "madame", "mme", "mlle", "señor", "señora", "senor", "senora", "signora", "dott"),
    )
)
_SURE = 0.85
_LIKELY = 0.6
_LEAST = 0.5
_BESIDE = 0.2
"""What is enough for a word beside one that is surely a name: `White` in `James White`."""


_PART = 512
"""About so many characters, up to the end of a line, are passed over at a time when no name can be in them."""
_MARGIN = 160
"""How much of the text on either side is read with a part, for the words beside a name."""


class Words(NamedTuple):
    """The words of a text: the word `n` starts at `starts[n]`; `gaps[n]` stands before it, `gaps[n + 1]` after."""

    words: list[str]
    gaps: list[str]
    starts: list[int]

    def end(self, number: int) -> int:
        """Return the offset at which a word ends."""
        return self.starts[number] + len(self.words[number])


class PersonNames:
    """Finds names of people by a model of the words and what stands around them."""

    id = "person_name"
    family = "person"

    def __init__(self, model: Model | None = None) -> None:
        self._model = model or load("person")

    def search(self, text: str) -> Iterator[tuple[int, int, Confidence]]:
        """Yield each name, without title."""
        for low, high in _parts(text):
            first = max(low - _MARGIN, 0)
            for start, end, confidence in self._names(text[first : high + _MARGIN]):
                if low <= first + start < high:
                    yield first + start, first + end, confidence

    def _names(self, text: str) -> Iterator[tuple[int, int, Confidence]]:
        words = tokenize(text)
        scores: dict[int, float] = {}
        for at in candidates(words):
            probability = self._model.probability(features(words, at))
            if probability >= _BESIDE:
                scores[at] = probability
        for first, last in _runs(words, sorted(scores)):
            best = max(scores.get(at, 0.0) for at in range(first, last + 1))
            if best >= _LEAST:
                yield words.starts[first], words.end(last), _confidence(best)


def _confidence(probability: float) -> Confidence:
    if probability >= _SURE:
        return Confidence.VERY_LIKELY
    return Confidence.LIKELY if probability >= _LIKELY else Confidence.POSSIBLE


def tokenize(text: str) -> Words:
    """Return the words of a text; a possessive is no part of its word."""
    parts = _WORD.split(text)
    return Words(parts[1::2], parts[0::2], list(accumulate(map(len, parts)))[0::2])


@lru_cache(maxsize=16_384)
def kind(word: str) -> tuple[bool, tuple[str, ...]]:
    """Return whether a word may be part of a name by its own looks, and the features of its looks."""
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
    base = [f"f={flags}", f"s={shape}", f"fs={flags}{shape}", f"l={min(len(low), 10)}"]
    if not (common or place or brand):
        base += [f"e3={low[-3:]}", f"e2={low[-2:]}", f"b2={low[:2]}", f"e4={low[-4:]}"]
    elif common:
        base.append(f"w={low}")
    if not low.isascii():
        base.append("script")
    elif not word.isascii():
        base.append("accent")
    return possible, tuple(base)


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


class _Possible(dict[str, bool]):
    """Remembers which words may be part of a name; asked for every word of a text, so it must be quick."""

    def __missing__(self, word: str) -> bool:
        if len(self) > 100_000:
            self.clear()
        possible = self[word] = kind(word)[0]
        return possible


_POSSIBLE = _Possible()
_BREAKS = re.compile(r"[^\w'’\-]+")
_BLANKS = bytes(c if chr(c).isalnum() or chr(c) in "_'-" else 32 for c in range(256))


class _Hopeful(dict[str, bool]):
    """Remembers which runs of letters, digits, `_`, `-` and quotes hold a word that may be part of a name."""

    def __missing__(self, run: str) -> bool:
        if len(self) > 100_000:
            self.clear()
        words = tokenize(run)
        hopeful = self[run] = bool(candidates(words))
        return hopeful


_HOPEFUL = _Hopeful()


def _parts(text: str) -> Iterator[tuple[int, int]]:
    """Yield the parts of a text in which a name may start, those near each other as one."""
    low = high = start = 0
    while start < len(text):
        end = text.find("\n", start + _PART) + 1 or len(text)
        part = text[start:end]
        runs = part.encode().translate(_BLANKS).decode().split() if part.isascii() else _BREAKS.split(part)
        hopeful = [run for run in runs if _HOPEFUL[run]]
        if hopeful:
            left = start + min(map(part.find, hopeful))
            if left > high + _MARGIN:
                if high:
                    yield low, high
                low = left
            high = start + max([part.rfind(run) + len(run) for run in hopeful])
        start = end
    if high:
        yield low, high


def candidates(words: Words) -> list[int]:
    """Return the numbers of the words that a look at the word alone does not rule out."""
    gaps = words.gaps
    likely = [at for at, word in enumerate(words.words) if _POSSIBLE[word]]
    return [at for at in likely if not _touches_code(gaps[at], gaps[at + 1])]


def _touches_code(before: str, after: str) -> bool:
    """Tell whether a word is a part of an identifier, a path, an address or a call."""
    if before and (before[-1] in "_$/\\@#%&=-" or before[-1].isdigit()):
        return True
    if after and (after[0] in "_$/\\@(=[-" or after[0].isdigit()):
        return True
    return before == "." or after == "." or after[:2] in ("::", ":/", "._")


def features(words: Words, at: int) -> list[str]:
    """Return the features of the word number `at`: its looks, its neighbours', and what parts them."""
    own = kind(words.words[at])[1]
    flags, shape = own[0], own[1]
    before, after = _gap(words, at), _gap(words, at + 1)
    left, left_looks = _neighbour(words, at - 1, before)
    right, right_looks = _neighbour(words, at + 1, after)
    second, _ = _neighbour(words, at - 2, _gap(words, at - 1))
    third, _ = _neighbour(words, at + 2, _gap(words, at + 2))
    return [
        *own,
        f"g-={before}",
        f"g+={after}",
        f"sg-={shape}{before}",
        f"sg+={shape}{after}",
        f"p={left}",
        f"n={right}",
        f"pf={left_looks}{before}",
        f"nf={right_looks}{after}",
        f"pf0={left_looks}{before}{flags}{shape}",
        f"nf0={right_looks}{after}{flags}{shape}",
        f"pnf={left_looks}{right_looks}{shape}",
        f"p0={left}{flags}{shape}",
        f"n0={right}{flags}{shape}",
        f"pp={second}",
        f"nn={third}",
        f"ppp={second} {left}",
        f"nnn={right} {third}",
    ]


_GAPS = {" ": "_", "": "0", ", ": ",_", ". ": "._", ": ": ":_", "\n": "/"}


def _gap(words: Words, number: int) -> str:
    """Return a gap in short; one at either end of the text says so."""
    if not 0 <= number < len(words.gaps):
        return "|"
    gap = words.gaps[number]
    known = _GAPS.get(gap)
    if known and 0 < number < len(words.gaps) - 1:
        return known
    if number == 0:
        return "^" + _short(gap[-2:])
    return _short(gap[:2]) + "$" if number == len(words.gaps) - 1 else _short(gap)


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
    return _beside(words.words[at])


@lru_cache(maxsize=16_384)
def _beside(word: str) -> tuple[str, str]:
    low = fold(word)
    looks = kind(word)[1]
    known = low in lexicon("common_words") or low in _JOINERS or len(low) < 4
    return low if known else "?", looks[0] + looks[1]


def _runs(words: Words, chosen: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield first and last word of each name: chosen words side by side, with `van der` and initials between."""
    marked = set(chosen)
    at = 0
    while at < len(chosen):
        first = last = chosen[at]
        while (following := _following(words, last, marked)) is not None:
            last = following
        while at < len(chosen) and chosen[at] <= last:
            at += 1
        if last > first or len(words.words[first]) > 1:
            yield first, last


def _following(words: Words, last: int, marked: set[int]) -> int | None:
    """Return the next word of the same name, or None at its end."""
    for at in range(last + 1, min(last + 4, len(words.words))):
        gap = words.gaps[at]
        if gap not in (" ", ". ", "  ", " . ") or (gap.strip() and len(words.words[at - 1]) > 1):
            return None
        if at in marked:
            return at
        if words.words[at].lower() not in _JOINERS:
            return None
    return None
