"""Find every sensitive value in a text: one pass over short factors, then a close look at the few candidates.

text ─ normalize ─▶ factors (one hyperscan pass) ─▶ windows ─▶ pattern ─▶ validators ─▶ context, model ─▶ best
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from connectors.detection.detector import Detector
from connectors.detection.factors import Backend, Factor, Finder, Hit, find_with
from connectors.detection.normalize import Normalized, normalize
from connectors.detection.overlaps import resolve
from connectors.detection.rules import Candidate, Rule, normalized
from connectors.detection.surroundings import Table, names
from connectors.detection.validation import Validator
from connectors.errors import ConfigError
from connectors.model import Confidence, Match

_SMALL = 8_192
"""Texts up to this many code points are joined."""
_UNSHIFTED: Mapping[str, int] = MappingProxyType({})
_BLOB = 65_536
"""About how many code points a joined blob has."""


class Searcher(Protocol):
    """A detector that looks at whole texts by itself: words, linear regexes, names. Safe for threads.

    One with a true `specific` beats others of its family at the same place, as detectors of a vendor do.
    """

    @property
    def id(self) -> str:
        """Its name in matches."""
        ...

    @property
    def family(self) -> str:
        """What its matches count as."""
        ...

    def search(self, text: str) -> Iterable[tuple[int, int, Confidence]]:
        """Yield start, end (exclusive) and confidence of each value in the normalized `text`."""
        ...


class Engine:
    """A set of detectors, ready to scan. Build it once; any number of threads may scan with it at a time."""

    def __init__(self, rules: Sequence[Rule], finder: Finder, *, searchers: Sequence[Searcher] = ()) -> None:
        targets = _targets(rules)
        self._rules = rules
        self._finder = finder
        self._hits = finder.hits
        self._searchers = searchers
        self._targets = [targets[factor] for factor in sorted(targets)]
        self._needy = [number for number, rule in enumerate(rules) if rule.detector.context.required]
        vendors = (rule.detector.id for rule in rules if rule.detector.vendor)
        self._specific = frozenset([*vendors, *(by.id for by in searchers if getattr(by, "specific", False))])

    @classmethod
    def build(
        cls,
        detectors: Sequence[Detector | Searcher],
        *,
        cache: Path | None = None,
        backend: Backend = "auto",
        exact: Searcher | None = None,
        validators: Mapping[str, Validator] | None = None,
    ) -> Engine:
        """Return an engine that runs all `detectors`, and matches the values of `exact` when it is given.

        `cache` is a folder that keeps compiled databases between starts; without it, each build compiles.
        `validators` are the checks that detectors name, the catalog's own when it is not given.
        Raises `ConfigError` for a double id, an unknown validator or a factor that does not compile.
        """
        catalogued = [d for d in detectors if isinstance(d, Detector)]
        searchers: list[Searcher] = [d for d in detectors if not isinstance(d, Detector)]
        searchers += [exact] if exact is not None else []
        _refuse_doubles([*catalogued, *searchers])
        checks = _checks(catalogued) if validators is None else validators
        rules = [Rule(detector, validators=checks) for detector in catalogued]
        finder = find_with(sorted(_targets(rules)), backend=backend, cache=cache)
        return cls(rules, finder, searchers=searchers)

    @property
    def backend(self) -> str:
        """The name of what finds the factors: sieve, hyperscan or fallback."""
        return self._finder.name

    @property
    def ids(self) -> frozenset[str]:
        """The ids of all detectors that the engine runs."""
        return frozenset([*(rule.detector.id for rule in self._rules), *(s.id for s in self._searchers)])

    def scan(
        self, text: str, *, columns: tuple[str, ...] = (), rows: tuple[int, ...] = (), delimiter: str = ""
    ) -> list[Match]:
        """Return all matches in `text`, in order of their place.

        For tabular text, `columns` holds the header names, `rows` the offset at which each row starts, and
        `delimiter` what parts two cells (tabs or commas when it is not given); then matches tell row and column,
        and headers count as context.
        """
        plain = None if text.isascii() else normalize(text)
        hits = self._hits(text if plain is None else plain.text)
        if not (hits or self._searchers or columns):
            return []
        if plain is not None:
            rows = plain.seen(rows)
        return self._look(text, plain, hits, Table(columns, rows, delimiter) if rows else None)

    def scan_many(self, texts: Sequence[str]) -> list[list[Match]]:
        """Return the matches in each of `texts`, as `scan` does one by one; small texts share one pass of hyperscan."""
        if self.backend == "sieve":  # whose calls cost less than the joining does
            return list(map(self.scan, texts))
        results: list[list[Match]] = [[] for _ in texts]
        for numbers in _batches(texts):
            if len(numbers) == 1:
                results[numbers[0]] = self.scan(texts[numbers[0]])
            else:
                self._scan_joined(texts, numbers, results)
        return results

    def _scan_joined(self, texts: Sequence[str], numbers: Sequence[int], results: list[list[Match]]) -> None:
        own = [texts[number] for number in numbers]
        joined = "\n".join(own)
        plains: list[Normalized | None] = [None] * len(own)
        if not joined.isascii():
            plains = [None if text.isascii() else normalize(text) for text in own]
            own = [text if plain is None else plain.text for text, plain in zip(own, plains, strict=True)]
            joined = "\n".join(own)
        hits = self._hits(joined)
        for at, share in _shares(own, hits, everywhere=bool(self._searchers)):
            results[numbers[at]] = self._look(texts[numbers[at]], plains[at], share, None)

    def _add_headed(self, text: str, table: Table, ends: dict[int, list[int]]) -> None:
        """Have the cells of a column looked at by the detectors whose word stands in its header, far above maybe."""
        for column, header in enumerate(table.columns, 1):
            numbers = [n for n in self._needy if names(self._rules[n].detector.context, header)]
            cells = table.ends(text, column) if numbers else []
            for number in numbers if cells else ():
                ends[number] = sorted({*ends.get(number, ()), *cells})

    def _look(self, text: str, plain: Normalized | None, hits: Sequence[Hit], table: Table | None) -> list[Match]:
        """Judge the places that the pass found, in one text; `plain` is None for a text that needs no undoing."""
        seen = text if plain is None else plain.text
        ends: dict[int, list[int]] = {}
        for factor, end in hits:
            for number in self._targets[factor]:
                if number in ends:
                    ends[number].append(end)
                else:
                    ends[number] = [end]
        if table is not None and table.columns:
            self._add_headed(seen, table, ends)
        found: list[Match] = []
        for number, places in ends.items():
            rule = self._rules[number]
            of = rule.detector
            for each in rule.candidates(seen, places, table):
                found.append(_match(of.id, of.family, of.normalize, text, plain, each))  # noqa: PERF401  # the quickest
        for by in self._searchers:
            spans = (_placed(span, seen, table) for span in by.search(seen))
            found.extend(_match(by.id, by.family, "exact", text, plain, each) for each in spans)
        return resolve(found, self._specific) if len(found) > 1 else found


def load_engine(
    *,
    include: Collection[str] = (),
    extra: Sequence[Detector | Searcher] = (),
    exact: Searcher | None = None,
    cache: Path | None = None,
    backend: Backend = "auto",
    shifts: Mapping[str, int] = _UNSHIFTED,
) -> Engine:
    """Return an engine of the catalog's enabled detectors, those that `include` names by id, and `extra`.

    `extra` takes what plugins register and what `detection.user` builds. Names and addresses are searched
    only when `include` names `person_name` or `street_address`. `shifts` are the levels by which the confidence of
    a detector moves, as `detection.calibration` learns them. Raises `ConfigError` as `Engine.build` does, and when
    `include` names what the catalog does not have.
    """
    from connectors.detection import catalog

    known = catalog.load()
    searchers = _named(include)
    offered = {detector.id for detector in known} | {searcher.id for searcher in searchers}
    unknown = sorted(set(include) - offered)
    if unknown:
        raise ConfigError(f"the catalog has no detector named {', '.join(unknown)}")
    chosen = [detector for detector in known if detector.enabled or detector.id in include]
    chosen = [replace(d, shift=shifts[d.id]) if d.id in shifts else d for d in chosen if d.factors]
    return Engine.build([*chosen, *searchers, *extra], cache=cache, backend=backend, exact=exact)


def _named(include: Collection[str]) -> list[Searcher]:
    """Return the searchers for names and addresses that `include` asks for."""
    searchers: list[Searcher] = []
    if "person_name" in include:
        from connectors.detection.names import PersonNames

        searchers.append(PersonNames())
    if "street_address" in include:
        from connectors.detection.addresses import StreetAddresses

        searchers.append(StreetAddresses())
    return searchers


def _targets(rules: Sequence[Rule]) -> dict[Factor, list[int]]:
    """Return for each factor the numbers of the rules that it calls."""
    targets: dict[Factor, list[int]] = {}
    for number, rule in enumerate(rules):
        for pattern in dict.fromkeys(rule.detector.factors):
            targets.setdefault(Factor(pattern, rule.detector.ignore_case), []).append(number)
    return targets


def _checks(detectors: Iterable[Detector]) -> Mapping[str, Validator]:
    """Return the catalog's validators, loaded only when a detector names one."""
    if not any(detector.validators for detector in detectors):
        return {}
    from connectors.detection.validators import VALIDATORS

    return VALIDATORS


def _refuse_doubles(detectors: Iterable[Detector | Searcher]) -> None:
    seen: set[str] = set()
    for detector in detectors:
        if detector.id in seen:
            raise ConfigError(f"two detectors are named {detector.id!r}", hint="rename one of them")
        seen.add(detector.id)


def _placed(span: tuple[int, int, Confidence], text: str, table: Table | None) -> Candidate:
    cell = table.cell(text, span[0]) if table else None
    return Candidate(*span, *cell[:2]) if cell else Candidate(*span)


def _match(detector: str, family: str, how: str, text: str, plain: Normalized | None, found: Candidate) -> Match:
    start, end, confidence, row, column = found
    if plain is None:
        value = seen = text[start:end]
    else:
        seen = plain.text[start:end]
        start, end = plain.original(start, end)
        value = text[start:end]
    return Match(detector, family, start, end, confidence, value, normalized(seen, how), row, column)


def _batches(texts: Sequence[str]) -> Iterator[list[int]]:
    """Yield the numbers of texts to scan together: large ones alone, small ones about a blob at a time."""
    batch: list[int] = []
    size = 0
    for number, text in enumerate(texts):
        if len(text) > _SMALL:
            yield [number]
            continue
        batch.append(number)
        size += len(text)
        if size > _BLOB:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _shares(texts: Sequence[str], hits: list[Hit], *, everywhere: bool) -> Iterator[tuple[int, list[Hit]]]:
    """Yield number and hits of each joined text that has some, or of all, in the text's own offsets.

    A hit on the line break after a text belongs to that text.
    """
    ends = list(accumulate(map((1).__add__, map(len, texts))))
    shares: dict[int, list[Hit]] = {number: [] for number in range(len(texts))} if everywhere else {}
    for factor, end in hits:
        number = bisect_left(ends, end)
        length = len(texts[number])
        own = factor, min(end - ends[number] + length + 1, length)
        if number in shares:
            shares[number].append(own)
        else:
            shares[number] = [own]
    yield from shares.items()
