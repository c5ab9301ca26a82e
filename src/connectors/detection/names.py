"""Names of people: words that may be part of a name are judged by a model, neighbours joined.

Switched on by name, since it reads every word of a text: see the detector `person_name`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from connectors.detection.lexicon import fold, words
from connectors.detection.logistic import Model, load
from connectors.model import Confidence

_WORD = re.compile(r"[^\W\d_]+(?:['’\-][^\W\d_]+)*")
_JOINERS = frozenset("de da do dos das del della di du van von der den ten ter la le el al bin ibn af av zu zur y e".split())
_TITLES = frozenset("mr mrs ms miss dr prof professor sir madam mister lord lady rev".split())
_SURE = 0.85
_LIKELY = 0.6
_LEAST = 0.5
_BESIDE = 0.2
"""What is enough for a word beside one that is surely a name: `White` in `James White`."""

Token = tuple[int, int, str]
"""Start, end and text of a word."""


class PersonNames:
    """Finds names of people by a model of the words and what stands around them."""

    id = "person_name"
    family = "person"

    def __init__(self, model: Model | None = None) -> None:
        self._model = model or load("person")

    def search(self, text: str) -> Iterator[tuple[int, int, Confidence]]:
        """Yield each name, without title."""
        tokens = tokenize(text)
        scores: dict[int, float] = {}
        for at in candidates(text, tokens):
            probability = self._model.probability(features(text, tokens, at))
            if probability >= _BESIDE:
                scores[at] = probability
        for first, last in _runs(text, tokens, sorted(scores)):
            best = max(scores.get(at, 0.0) for at in range(first, last + 1))
            if best >= _LEAST:
                yield tokens[first][0], tokens[last][1], _confidence(best)


def _confidence(probability: float) -> Confidence:
    if probability >= _SURE:
        return Confidence.VERY_LIKELY
    return Confidence.LIKELY if probability >= _LIKELY else Confidence.POSSIBLE


def tokenize(text: str) -> list[Token]:
    """Return the words of a text; a possessive is no part of its word."""
    tokens = []
    for match in _WORD.finditer(text):
        word = match.group()
        start, end = match.span()
        if word[-2:] in ("'s", "’s", "'S"):
            word, end = word[:-2], end - 2
        tokens.append((start, end, word))
    return tokens


@lru_cache(maxsize=65_536)
def kind(word: str) -> tuple[bool, tuple[str, ...]]:
    """Return whether a word may be part of a name by its own looks, and the features of its looks."""
    low = fold(word)
    given, family, common = low in words("given_names"), low in words("family_names"), low in words("common_words")
    place, brand = low in words("places"), low in words("brands")
    shape = _shape(word)
    flags = f"{given:d}{family:d}{common:d}{place:d}{brand:d}"
    if shape == "lower":
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


def candidates(text: str, tokens: Sequence[Token]) -> list[int]:
    """Return the numbers of the words that a look at the word alone does not rule out."""
    found = []
    for at, (start, end, word) in enumerate(tokens):
        if kind(word)[0] and not (_touches_code(text, start, end)):
            found.append(at)
    return found


def _touches_code(text: str, start: int, end: int) -> bool:
    """Tell whether a word is a part of an identifier, a path, an address or a call."""
    before = text[start - 1] if start else " "
    after = text[end] if end < len(text) else " "
    if before in "_$/\\@#%&=-" or before.isdigit() or after in "_$/\\@(=[-" or after.isdigit():
        return True
    if after in ".:" and end + 1 < len(text) and (text[end + 1].isalnum() or text[end + 1] in ":_/"):
        return after == "." or text[end + 1] in ":/"
    return before == "." and start > 1 and text[start - 2].isalnum()


def features(text: str, tokens: Sequence[Token], at: int) -> list[str]:
    """Return the features of the word number `at`: its looks, its neighbours', and what parts them."""
    start, end, word = tokens[at]
    found = [*kind(word)[1]]
    before = _gap(text, tokens, at - 1)
    after = _gap(text, tokens, at)
    left, right = _neighbour(tokens, at - 1, before), _neighbour(tokens, at + 1, after)
    flags = found[0] + found[1]
    found += [
        f"g-={before}",
        f"g+={after}",
        f"sg-={found[1]}{before}",
        f"sg+={found[1]}{after}",
        f"p={left[0]}",
        f"n={right[0]}",
        f"pf={left[1]}{before}",
        f"nf={right[1]}{after}",
        f"pf0={left[1]}{before}{flags}",
        f"nf0={right[1]}{after}{flags}",
        f"pnf={left[1]}{right[1]}{found[1]}",
        f"p0={left[0]}{flags}",
        f"n0={right[0]}{flags}",
    ]
    second = _neighbour(tokens, at - 2, _gap(text, tokens, at - 2))
    third = _neighbour(tokens, at + 2, _gap(text, tokens, at + 1))
    found += [f"pp={second[0]}", f"nn={third[0]}", f"ppp={second[0]} {left[0]}", f"nnn={right[0]} {third[0]}"]
    return found


_GAPS = {" ": "_", "": "0", ", ": ",_", ". ": "._", ": ": ":_", "\n": "/"}


def _gap(text: str, tokens: Sequence[Token], left: int) -> str:
    """Return what parts the word number `left` from the next one, in short."""
    if left < 0:
        gap = text[: tokens[0][0]]
        return "^" + _short(gap[-2:])
    if left >= len(tokens) - 1:
        return _short(text[tokens[-1][1] :][:2]) + "$" if left == len(tokens) - 1 else "$"
    gap = text[tokens[left][1] : tokens[left + 1][0]]
    known = _GAPS.get(gap)
    if known:
        return known
    return _short(gap)


def _short(gap: str) -> str:
    if "\n" in gap:
        return "/"
    if any(c.isdigit() for c in gap):
        return "9"
    return gap.strip()[:2] or "_"


def _neighbour(tokens: Sequence[Token], at: int, gap: str) -> tuple[str, str]:
    """Return the word beside a candidate, if it is a common one, and its looks."""
    if not 0 <= at < len(tokens) or "/" in gap:
        return "|", "|"
    word = tokens[at][2]
    low = fold(word)
    looks = kind(word)[1]
    known = low in words("common_words") or low in _JOINERS or len(low) < 4
    return low if known else "?", looks[0] + looks[1]


def _runs(text: str, tokens: Sequence[Token], chosen: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield first and last word of each name: chosen words side by side, with `van der` and initials between."""
    marked = set(chosen)
    at = 0
    while at < len(chosen):
        first = last = chosen[at]
        while True:
            following = _following(text, tokens, last, marked)
            if following is None:
                break
            last = following
        while at < len(chosen) and chosen[at] <= last:
            at += 1
        if last > first or len(tokens[first][2]) > 1:
            yield first, last


def _following(text: str, tokens: Sequence[Token], last: int, marked: set[int]) -> int | None:
    """Return the next word of the same name, or None at its end."""
    for skip in range(1, 4):
        at = last + skip
        if at >= len(tokens):
            return None
        gap = text[tokens[at - 1][1] : tokens[at][0]]
        if gap not in (" ", ". ", "  ", " . ") or (gap.strip() and len(tokens[at - 1][2]) > 1):
            return None
        if at in marked:
            return at
        if tokens[at][2].lower() not in _JOINERS:
            return None
    return None
