"""Policies of the wire format, compiled: which matches of a text count, by which rules, and how they are shown."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice
from uuid import UUID

from cryptography.exceptions import UnsupportedAlgorithm
from pydantic import ValidationError

from connectors.api.errors import ApiError
from connectors.api.replace import rule_of
from connectors.api.wire import (
    DETECTORS,
    AlertConfig,
    ContextRuleBody,
    DetectorBody,
    ExclusionRuleBody,
    PolicyBody,
    RedactionConfig,
    RegexBody,
    RuleBody,
    WordListBody,
)
from connectors.detection import Engine, load_engine
from connectors.detection import catalog as catalogue
from connectors.detection.normalize import normalize
from connectors.detection.user import (
    ContextRule,
    ExclusionRule,
    MatchType,
    Operator,
    Regex,
    Use,
    UserDetector,
    WordList,
    used,
)
from connectors.errors import ConfigError
from connectors.extraction import tables
from connectors.extraction.extractor import Text
from connectors.model import Confidence, Match
from connectors.redaction import Rule as Redaction
from connectors.store.columns import natural_id

MOST_MATCHES = 20_000
"""Matches of a policy's own detectors in one request: a regex such as `.` would make an answer of gigabytes."""


@dataclass(frozen=True, slots=True)
class Part:
    """One detector of a rule: the uses it stands for, and how its findings are named and redacted."""

    uses: tuple[Use, ...]
    name: str
    uuid: UUID
    least: int
    redaction: Redaction | None
    remove: bool


@dataclass(frozen=True, slots=True)
class Rule:
    """One detection rule."""

    name: str
    uuid: str
    operator: Operator
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """A compiled policy. Immutable; shared by any number of requests."""

    rules: tuple[Rule, ...]
    own: tuple[UserDetector, ...]
    detectors: frozenset[str]
    """Ids of the catalog's detectors that it needs."""
    context_bytes: int
    alerts: AlertConfig | None
    webhook: str


@dataclass(frozen=True, slots=True)
class Counted:
    """A match that counts, with the first part that counts it and the names of all rules that do."""

    match: Match
    part: Part
    rules: tuple[Rule, ...]


StoredRules = Mapping[UUID, RuleBody]


def compiled(policy: PolicyBody, stored: StoredRules) -> Policy:
    """Compile a policy with the stored rules it names. Raises `ApiError` naming the field that cannot be used."""
    own: list[UserDetector] = []
    rules = [
        _rule(rule, own, policy.defaultRedactionConfig, at=f"policy.detectionRules[{number}]")
        for number, rule in enumerate(policy.detectionRules)
    ]
    rules = [
        replace(rule, name=rule.name or f"Inline Detection Rule #{number}")
        for number, rule in enumerate(rules, start=1)
    ]
    for uuid in dict.fromkeys(policy.detectionRuleUUIDs):
        if uuid not in stored:
            raise ApiError(42203, data={"policy.detectionRuleUUIDs": f"there is no rule {uuid}"})
        rule = _rule(stored[uuid], own, policy.defaultRedactionConfig, at=str(uuid))
        rules.append(replace(rule, uuid=str(uuid)))
    if sum(len(rule.parts) for rule in rules) > DETECTORS:
        raise ApiError(40002, data={"policy": f"has more than {DETECTORS} detectors in all its rules"})
    mine = {detector.id for detector in own}
    named = {use.detector for rule in rules for part in rule.parts for use in part.uses}
    return Policy(
        rules=tuple(rules),
        own=tuple(own),
        detectors=frozenset(named - mine),
        context_bytes=policy.contextBytes,
        alerts=policy.alertConfig,
        webhook=policy.webhookURL or "",
    )


def counted(policy: Policy, text: str, matches: Sequence[Match]) -> list[Counted]:
    """Return what counts of `matches`, each match of a detector once, in order of place."""
    found: dict[tuple[int, int, UUID], Counted] = {}
    for rule in policy.rules:
        per_part = [(part, _used(part, text, matches)) for part in rule.parts]
        if rule.operator is Operator.ALL and not all(kept for _, kept in per_part):
            continue
        for part, kept in per_part:
            for match in kept:
                place = match.start, match.end, part.uuid
                found[place] = _joined(found.get(place), match, part, rule)
    return [found[place] for place in sorted(found)]


class Detectors:
    """Runs the detectors that a policy needs: the shared engine, more of the catalog when asked, and its own."""

    def __init__(self, engine: Engine, *, more: Callable[[Collection[str]], Engine] | None = None) -> None:
        self._engine = engine
        self._ids = engine.ids
        self._more = more or (lambda ids: load_engine(include=ids))
        self._whole: Engine | None = None
        self._lock = threading.Lock()

    def ready(self, policy: Policy) -> bool:
        """Tell whether the engine that `policy` needs is loaded: names and addresses are, when first asked for."""
        return self._whole is not None or policy.detectors <= self._ids

    def matches(self, policy: Policy, texts: Sequence[str]) -> list[list[Match]]:
        """Return the matches of all detectors that `policy` needs in each text; in a table with row and column."""
        marks = {number: mark for number, text in enumerate(texts) if (mark := _delimiter(text))}
        if not policy.detectors:
            found: list[list[Match]] = [[] for _ in texts]
        else:
            engine = self._for(policy.detectors)
            plain = [text for number, text in enumerate(texts) if number not in marks]
            results = iter([engine.scan(plain[0])] if len(plain) == 1 else engine.scan_many(plain))
            found = [
                self._in_table(engine, text, marks[number]) if number in marks else next(results)
                for number, text in enumerate(texts)
            ]
        if policy.own:
            left = MOST_MATCHES
            for text, matches in zip(texts, found, strict=True):
                own = _own_matches(policy.own, text, left)
                left -= len(own)
                matches.extend(own)
        return found

    @staticmethod
    def _in_table(engine: Engine, text: str, mark: str) -> list[Match]:
        read = tables.table(text, mark=mark, media_type="text/csv")
        return engine.scan(text, columns=read.columns, rows=read.rows, delimiter=mark)

    def table(self, policy: Policy, read: Text) -> list[Match]:
        """Return the matches in one tabular text."""
        found: list[Match] = []
        if policy.detectors:
            engine = self._for(policy.detectors)
            found = engine.scan(read.text, columns=read.columns, rows=read.rows, delimiter=read.delimiter)
        return [*found, *_own_matches(policy.own, read.text, MOST_MATCHES)]

    def _for(self, ids: frozenset[str]) -> Engine:
        if ids <= self._ids:
            return self._engine
        with self._lock:
            if self._whole is None:
                optional = {detector.id for detector in catalogue.load()} - self._ids
                self._whole = self._more(optional)
            return self._whole


def names() -> Mapping[str, UUID]:
    """Return the name of every built-in detector, ours and those of the wire format, with its UUID."""
    return _names()[0]


@lru_cache(maxsize=1)
def _names() -> tuple[Mapping[str, UUID], Mapping[UUID, str]]:
    known = {d.id for d in catalogue.load()} | {alias.upper() for d in catalogue.load() for alias in d.aliases}
    by_name = {name: natural_id("detector", name) for name in sorted(known)}
    return by_name, {uuid: name for name, uuid in by_name.items()}


def _rule(body: RuleBody, own: list[UserDetector], default: RedactionConfig | None, *, at: str) -> Rule:
    parts = tuple(
        _part(detector, own, default, at=f"{at}.detectors[{number}]") for number, detector in enumerate(body.detectors)
    )
    return Rule(name=body.name, uuid="", operator=Operator(body.logicalOp), parts=parts)


def _part(body: DetectorBody, own: list[UserDetector], default: RedactionConfig | None, *, at: str) -> Part:
    context = tuple(_context(rule, f"{at}.contextRules[{n}]") for n, rule in enumerate(body.contextRules))
    exclude = tuple(_exclusion(rule, f"{at}.exclusionRules[{n}]") for n, rule in enumerate(body.exclusionRules))
    ids, name, uuid = _identity(body, own, at)
    name = body.displayName or name
    redaction = body.redactionConfig or default
    try:
        redacting = rule_of(redaction, name) if redaction else None
    except (ConfigError, UnsupportedAlgorithm) as error:
        raise ApiError(42200, data={f"{at}.redactionConfig": str(error)}) from None
    return Part(
        uses=tuple(Use(detector=i, min_confidence=body.confidence, context=context, exclude=exclude) for i in ids),
        name=name,
        uuid=uuid,
        least=max(1, body.minNumFindings),
        redaction=redacting,
        remove=bool(redaction and redaction.removeFinding),
    )


def _identity(body: DetectorBody, own: list[UserDetector], at: str) -> tuple[list[str], str, UUID]:
    """Return the ids of the detectors that a part stands for, its name and its UUID."""
    if body.regex is not None or body.wordList is not None:
        kind = "REGEX" if body.regex is not None else "WORD_LIST"
        detector = UserDetector(
            id=f"own{len(own)}",
            regex=_regex(body.regex, f"{at}.regex") if body.regex else None,
            words=_words(body.wordList, f"{at}.wordList") if body.wordList else None,
        )
        own.append(detector)
        return [detector.id], kind, natural_id("own detector", kind, body.model_dump_json())
    name = body.nightfallDetector or _names()[1].get(body.detectorUUID or UUID(int=0), "")
    try:
        found = catalogue.resolve(name)
    except KeyError:
        field = "nightfallDetector" if body.nightfallDetector else "detectorUUID"
        raise ApiError(42202, data={f"{at}.{field}": "no detector has this name or UUID"}) from None
    uuid = body.detectorUUID or names().get(name) or names().get(name.upper()) or names()[name.lower()]
    return [detector.id for detector in found], name, uuid


def _regex(body: RegexBody, at: str) -> Regex:
    try:
        return Regex(pattern=body.pattern, case_sensitive=body.isCaseSensitive)
    except ValidationError as error:
        raise ApiError(42201, data={f"{at}.pattern": _reason(error)}) from None


def _words(body: WordListBody, at: str) -> WordList:
    try:
        return WordList(values=tuple(body.values), case_sensitive=body.isCaseSensitive)
    except ValidationError as error:
        raise ApiError(40002, data={f"{at}.values": _reason(error)}) from None


def _context(body: ContextRuleBody, at: str) -> ContextRule:
    return ContextRule(
        regex=_regex(body.regex, f"{at}.regex"),
        before=body.proximity.windowBefore,
        after=body.proximity.windowAfter,
        confidence=Confidence[body.confidenceAdjustment.fixedConfidence],
    )


def _exclusion(body: ExclusionRuleBody, at: str) -> ExclusionRule:
    return ExclusionRule(
        match=MatchType(body.matchType),
        regex=_regex(body.regex, f"{at}.regex") if body.regex else None,
        words=_words(body.wordList, f"{at}.wordList") if body.wordList else None,
    )


def _reason(error: ValidationError) -> str:
    return error.errors(include_input=False, include_url=False)[0]["msg"].removeprefix("Value error, ")[:300]


def _used(part: Part, text: str, matches: Sequence[Match]) -> list[Match]:
    present = {match.detector for match in matches}
    kept = [m for use in part.uses if use.detector in present for m in used(use, text, matches)]
    return kept if len(kept) >= part.least else []


def _joined(before: Counted | None, match: Match, part: Part, rule: Rule) -> Counted:
    if before is None:
        return Counted(match, part, (rule,))
    best = max(before.match, match, key=lambda m: m.confidence)
    return Counted(best, before.part, before.rules if rule in before.rules else (*before.rules, rule))


def _delimiter(text: str) -> str:
    """Return the delimiter of a text that is a table; one of less than three lines is none."""
    return tables.delimiter(text) if text.count("\n", 0, 16_384) > 1 else ""


def _own_matches(own: Iterable[UserDetector], text: str, most: int) -> list[Match]:
    """Return what a policy's own detectors match in a text. Raises `ApiError` when it is more than `most`."""
    found = list(islice(_searched(own, text), most + 1))
    if len(found) > most:
        raise ApiError(42206, f"Regexes and word lists match more than {MOST_MATCHES} times: narrow them.")
    return found


def _searched(own: Iterable[UserDetector], text: str) -> Iterator[Match]:
    plain = normalize(text)
    for detector in own:
        for first, last, confidence in detector.search(plain.text):
            start, end = plain.original(first, last)
            yield Match(
                detector=detector.id,
                family="custom",
                start=start,
                end=end,
                confidence=confidence,
                value=text[start:end],
                normalized=plain.text[first:last],
            )
