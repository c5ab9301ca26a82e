"""Names of people: words that may be part of a name are judged by a model, neighbours joined.

Switched on by name, since it reads every word of a text: see the detector `person_name`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import compress

from connectors.detection.logistic import Model, load, sigmoid
from connectors.detection.name_words import JOINERS, Key, Memo, Words, keys, looks, tokenize, touches_code
from connectors.model import Confidence

_SURE = 0.85
_LIKELY = 0.6
_LEAST = 0.5
_BESIDE = 0.2
"""What is enough for a word beside one that is surely a name: `White` in `James White`."""
_PART = 65_536
"""About so many characters are looked over at a time."""
_MARGIN = 64
"""How much of the text on either side of a word that may be part of a name is read, for the words beside it."""
_REMEMBERED = 100_000
"""Words, and sums of weights, that are kept."""

Found = tuple[int, int, Confidence]


class PersonNames:
    """Finds names of people by a model of the words and what stands around them."""

    id = "person_name"
    family = "person"

    def __init__(self, model: Model | None = None) -> None:
        model = model or load("person")
        self._bias = model.bias
        self._sums = _Sums(model)

    def search(self, text: str) -> Sequence[Found]:
        """Return each name, without title."""
        found: list[Found] = []
        for low, high in _windows(text):
            for start, end, confidence in self._names(tokenize(text[low:high])):
                found.append((low + start, low + end, confidence))  # the quickest
        return found

    def _names(self, words: Words) -> Iterator[Found]:
        scores: dict[int, float] = {}
        for at in candidates(words):
            probability = self.probability(words, at)
            if probability >= _BESIDE:
                scores[at] = probability
        for first, last in _runs(words, sorted(scores)):
            best = max(scores.get(at, 0.0) for at in range(first, last + 1))
            if best >= _LEAST:
                yield words.starts[first], words.end(last), _confidence(best)

    def probability(self, words: Words, at: int) -> float:
        """Return the probability that the word number `at` is part of a name: the model's, of its features."""
        sums = self._sums
        return sigmoid(self._bias + sum([sums[key] for key in keys(words, at)]))


class _Sums(dict[Key, float]):
    """Remembers what the features of a key weigh together."""

    def __init__(self, model: Model) -> None:
        self._weigh = model.weigh

    def __missing__(self, key: Key) -> float:
        if len(self) > _REMEMBERED:
            self.clear()
        total = self[key] = self._weigh(key[0](*key[1:]))
        return total


def _confidence(probability: float) -> Confidence:
    if probability >= _SURE:
        return Confidence.VERY_LIKELY
    return Confidence.LIKELY if probability >= _LIKELY else Confidence.POSSIBLE


_BLANKS = bytes(c if c > 127 or chr(c).isalnum() or chr(c) in "_'-" else 32 for c in range(256))


_POSSIBLE = Memo(lambda word: looks(word).possible)
_HOPEFUL = Memo(lambda run: bool(candidates(tokenize(run))))
"""Which runs of letters, digits, `_`, `-` and quotes hold a word that may be part of a name."""


def _windows(text: str) -> Iterable[tuple[int, int]]:
    """Return the parts of a text to read: around each word that may be part of a name, those near each other as one."""
    # one byte becomes one byte, so offsets stay; the blank on either side makes every run one that stands between two
    blanked = f" {text} ".encode("utf-8", "replace").translate(_BLANKS).decode()
    runs = blanked.split()
    hopeful = list(compress(runs, map(_HOPEFUL.__getitem__, runs)))
    return _around(text, blanked, hopeful) if hopeful else ()


def _around(text: str, blanked: str, hopeful: Sequence[str]) -> Iterator[tuple[int, int]]:
    low = high = -1
    at = 0
    for run in hopeful:
        start = blanked.find(f" {run} ", at)
        if start < 0:  # beside a space that is not ASCII
            start = blanked.find(run, at) - 1
        at = start + len(run)
        if run.isalpha() and touches_code(text[max(start - 2, 0) : start], f"{text[at : at + 2]} "):
            continue
        if high < 0 or start - _MARGIN > high:
            if high >= 0:
                yield low, high
            low = max(blanked.rfind(" ", 0, max(start - _MARGIN, 0) + 1), 0)
        high = blanked.find(" ", at + _MARGIN) - 1
        if high < 0:
            high = len(text)
    if high >= 0:
        yield low, high


def candidates(words: Words) -> list[int]:
    """Return the numbers of the words that a look at the word alone does not rule out."""
    gaps, last = words.gaps, len(words.words) - 1
    likely = [at for at, word in enumerate(words.words) if _POSSIBLE[word]]
    # a full stop at the end of a text is no dot of an identifier
    return [at for at in likely if not touches_code(gaps[at], gaps[at + 1] if at < last else f"{gaps[-1]} ")]


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
        if words.words[at].lower() not in JOINERS:
            return None
    return None
