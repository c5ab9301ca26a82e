"""Matches and a rule to a redacted text, with the place of every replacement before and after."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from connectors.model import Confidence, Match
from connectors.redaction.rules import Rule

Choose = Callable[[Match], Rule | None]
"""Picks the rule for a match; None leaves its value as it is."""
Find = Callable[[str], Iterable[Match]]
"""Finds what is to be redacted in a text."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of text, end exclusive, in code points and in bytes of UTF-8."""

    start: int
    end: int
    byte_start: int
    byte_end: int


@dataclass(frozen=True, slots=True)
class Replacement:
    """One value that was replaced: by which detector, where it stood, and where its replacement stands."""

    detector: str
    original: Span
    redacted: Span


@dataclass(frozen=True, slots=True)
class Redacted:
    """A redacted text and its replacements, in the order of the text."""

    text: str = field(repr=False)
    replacements: tuple[Replacement, ...] = ()

    def of(self, match: Match) -> Replacement | None:
        """Return the replacement that covers `match`; None when it was left as it is."""
        index = bisect_right(self.replacements, match.start, key=lambda item: item.original.start) - 1
        if index < 0 or self.replacements[index].original.end < match.end:
            return None
        return self.replacements[index]


def redact(text: str, matches: Iterable[Match], rule: Rule | Choose) -> Redacted:
    """Replace what `matches` mark in `text`.

    `rule` is one rule for all, or a function that picks one per match. Overlapping matches become one
    replacement of all they cover, under the rule and name of the surest and then longest of them.
    """
    choose: Choose = rule if callable(rule) else lambda _match: rule
    chosen = [(match, picked) for match in matches if (picked := choose(match)) and match.start < match.end]
    pieces: list[str] = []
    replacements: list[Replacement] = []
    at = at_bytes = new = new_bytes = 0
    for start, end, match, picked in _merged(chosen):
        between, value = text[at:start], text[start:end]
        replacement = picked.replace(value, match.detector)
        gap = _size(between)
        original = Span(start, end, at_bytes + gap, at_bytes + gap + _size(value))
        begin, begin_bytes = new + len(between), new_bytes + gap
        redacted = Span(begin, begin + len(replacement), begin_bytes, begin_bytes + _size(replacement))
        replacements.append(Replacement(match.detector, original, redacted))
        pieces += (between, replacement)
        at, at_bytes, new, new_bytes = end, original.byte_end, redacted.end, redacted.byte_end
    pieces.append(text[at:])
    return Redacted("".join(pieces), tuple(replacements))


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def _merged(chosen: Sequence[tuple[Match, Rule]]) -> Iterator[tuple[int, int, Match, Rule]]:
    """Yield the union of overlapping matches, each with the match that names it."""
    group: list[tuple[Match, Rule]] = []
    end = 0
    for match, rule in sorted(chosen, key=lambda pair: (pair[0].start, -pair[0].end)):
        if group and match.start >= end:
            yield _union(group, end)
            group = []
        group.append((match, rule))
        end = max(end, match.end) if len(group) > 1 else match.end
    if group:
        yield _union(group, end)


def _union(group: Sequence[tuple[Match, Rule]], end: int) -> tuple[int, int, Match, Rule]:
    match, rule = max(group, key=lambda pair: (pair[0].confidence, pair[0].end - pair[0].start))
    return group[0][0].start, end, match, rule


@dataclass(frozen=True, slots=True)
class Redactor:
    """Finds values and replaces them: what the structured redactions call for each text of a document."""

    find: Find
    rule: Rule | Choose

    def text(self, text: str, context: str = "") -> Redacted:
        """Redact one text. `context` is what names it in its document: a key, a column's header."""
        matches = list(self.find(text))
        if context and text:
            lead = len(context) + 2
            named = self.find(f"{context}: {text}")
            matches += [_moved(match, -lead) for match in named if match.start >= lead]
        return redact(text, matches, self.rule)

    def texts(self, texts: Sequence[str]) -> tuple[list[str], int]:
        """Redact texts that read as one, such as the runs of a paragraph; return them and the number replaced.

        A value that spreads over several texts is replaced in the first and cut from the others.
        """
        redacted = self.text("".join(texts))
        return spread(texts, redacted), len(redacted.replacements)


def _moved(match: Match, by: int) -> Match:
    return Match(
        match.detector, match.family, match.start + by, match.end + by, match.confidence, match.value, match.normalized
    )


def spread(texts: Sequence[str], redacted: Redacted) -> list[str]:
    """Lay a redacted text back into the texts that made up the original."""
    out, start, waiting = [], 0, list(redacted.replacements)
    for text in texts:
        end = start + len(text)
        out.append("".join(_within(text, start, end, waiting, redacted.text)))
        while waiting and waiting[0].original.end <= end:
            waiting.pop(0)
        start = end
    return out


def _within(text: str, start: int, end: int, waiting: Sequence[Replacement], redacted: str) -> Iterator[str]:
    """Yield what one of the texts becomes; it holds the original's code points from `start` to `end`."""
    at = start
    for replacement in waiting:
        original = replacement.original
        if original.start >= end:
            break
        yield text[max(at - start, 0) : max(original.start - start, 0)]
        if original.start >= start:
            yield redacted[replacement.redacted.start : replacement.redacted.end]
        at = original.end
    yield text[at - start :] if at < end else ""


def values(*found: str, detector: str = "value") -> Find:
    """Return a `Find` for exact values: for callers that know what stands there."""

    def find(text: str) -> Iterator[Match]:
        for value in filter(None, found):
            at = text.find(value)
            while at >= 0:
                yield Match(detector, detector, at, at + len(value), Confidence.VERY_LIKELY, value, value)
                at = text.find(value, at + 1)

    return find
