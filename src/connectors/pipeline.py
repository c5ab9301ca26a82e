"""From events to findings: units, texts, matches, verdicts. Orchestration only; nothing is written here."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from connectors.contract import Connector
from connectors.detection import preview
from connectors.detection.user import DetectionRule, evaluate
from connectors.errors import (
    AuthError,
    ConnectorsError,
    MissingScope,
    NotFound,
    PluginFault,
    RateLimited,
    Transient,
    Unsupported,
)
from connectors.extraction.extractor import Text
from connectors.host import guarded
from connectors.model import (
    JSON,
    Blob,
    Confidence,
    Event,
    EventKind,
    Gap,
    Match,
    PersonRef,
    Place,
    Resource,
    ScanUnit,
    Severity,
    UnitFailure,
    Validity,
    Visibility,
)
from connectors.policy import Policies, Verdict, Whereabouts
from connectors.vault import Vault

MAX_PLACES = 20
"""Places kept per finding; its count goes on."""

TOGETHER = 8 * 2**20
"""Characters that wait for detection at once: what bounds the memory of a batch of large files."""

PATIENCE = 5.0
"""Seconds after which what was collected is scanned, so that a slow file does not hold back the messages before it."""

GAPS: Mapping[type[ConnectorsError], Gap] = {
    NotFound: Gap.GONE,
    MissingScope: Gap.MISSING_SCOPE,
    Unsupported: Gap.UNSUPPORTED_TYPE,
}
"""What a refusal to fetch one part means for the ledger. Anything else concerns the whole event."""


class Scanner(Protocol):
    """What the pipeline needs of detection."""

    def scan(
        self, text: str, *, columns: tuple[str, ...] = (), rows: tuple[int, ...] = (), delimiter: str = ""
    ) -> list[Match]:
        """Return every match in one text."""

    def scan_many(self, texts: Sequence[str]) -> list[list[Match]]:
        """Return every match in each of many small texts."""


@dataclass(frozen=True, slots=True)
class Question:
    """A credential whose vendor is to be asked whether it is live. `value` never leaves the process otherwise."""

    detector: str
    fingerprint: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a question, with what it rests on: the verifier, its version, the status, a reason."""

    state: Validity
    at: datetime
    evidence: Mapping[str, JSON] = field(default_factory=dict)


class Asks(Protocol):
    """What the pipeline needs of the validity check."""

    def covers(self, detector: str) -> bool:
        """Tell whether the vendor is asked about what this detector finds."""

    def ask(self, questions: Sequence[Question]) -> list[Answer]:
        """Answer every question in bounded time. Never raises for what a vendor does."""


class Extracts(Protocol):
    """What the pipeline needs of extraction."""

    def extract(self, blob: Blob) -> Iterator[Text | UnitFailure]:
        """Yield the texts in a blob, and what could not be read."""


@dataclass(frozen=True)
class Task:
    """One event to process, with what belongs to it."""

    event: Event
    tenant: str
    connection: str
    connector: Connector[Any]
    plugin: str
    app: str
    covered: bool = True
    """Whether the connection's include and exclude lists cover the container."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A finding to be recorded. Holds no value."""

    part: str
    detector: str
    family: str
    confidence: Confidence
    severity: Severity
    policies: tuple[str, ...]
    """Those that care. With none it is no news: it only keeps a finding that is known from counting as gone."""
    fingerprint: str
    preview: str
    places: tuple[Place, ...]
    count: int
    url: str
    author: PersonRef | None
    validity: Answer | None = None
    """What its vendor said just now; None when nobody was asked."""


@dataclass(slots=True)
class Scan:
    """What came of one event. `failure` is set when the event must be tried again, or given up, as a whole."""

    drafts: list[Draft] = field(default_factory=list)
    parts: set[str] = field(default_factory=set)
    """The parts that were scanned to their end."""
    gaps: list[UnitFailure] = field(default_factory=list)
    mismatches: int = 0
    """Files, at any depth, that claim to be something else than they are."""
    gone: bool = False
    failure: ConnectorsError | None = None


@dataclass(frozen=True, slots=True)
class _Piece:
    """One text to scan, and whose it is."""

    scan: Scan
    unit: ScanUnit
    text: str
    path: str = ""
    columns: tuple[str, ...] = ()
    rows: tuple[int, ...] = ()
    delimiter: str = ""
    mismatch: str = ""


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A draft as it is while its vendor may still be asked, with the value to ask about. `judge` asks the policies."""

    draft: Draft
    value: str = field(repr=False)
    judge: Callable[..., Verdict | None] = field(repr=False)


_Hit = tuple[_Piece, Match]
_Counted = tuple[str, Confidence]


class Pipeline:
    """Turns batches of events into scans. One per worker thread, because connectors and extraction are."""

    def __init__(
        self,
        *,
        scanner: Scanner,
        extraction: Extracts,
        policies: Policies,
        vault: Vault,
        rules: Sequence[DetectionRule] = (),
        asks: Asks | None = None,
    ) -> None:
        self._scanner = scanner
        self._extraction = extraction
        self._policies = policies
        self._vault = vault
        self._rules = rules
        self._asks = asks

    def process(self, tasks: Sequence[Task]) -> list[Scan]:
        """Scan events of a batch from its start, as many as go together; return their scans, at least one.

        The texts of small events go through detection in one call. A large or slow event ends the list: the caller
        records what came of it, and comes again with the rest.
        """
        scans: list[Scan] = []
        wave = _Wave(self._detect)
        started = time.monotonic()
        for task in tasks:
            scan = Scan()
            scans.append(scan)
            self._collect(task, scan, wave)
            if wave.flushed or time.monotonic() - started > PATIENCE:
                break
        wave.flush()
        return scans

    def _detect(self, pieces: Sequence[tuple[Task, _Piece]]) -> None:
        """Scan texts together, and put what was found into the scans that they belong to."""
        grouped: dict[tuple[int, str], list[tuple[_Piece, list[Match]]]] = defaultdict(list)
        owners: dict[int, Task] = {}
        for (task, piece), matches in zip(pieces, self._matches([piece for _, piece in pieces]), strict=True):
            if matches:
                owners[id(piece.scan)] = task
                grouped[id(piece.scan), piece.unit.part].append((piece, matches))
        candidates = [
            (found[0][0].scan, candidate)
            for (owner, _part), found in grouped.items()
            for candidate in self._candidates(owners[owner], found)
        ]
        answers = self._answers([candidate for _, candidate in candidates])
        for scan, candidate in candidates:
            scan.drafts.append(self._judged(candidate, answers.get(id(candidate))))

    def _answers(self, candidates: Sequence[_Candidate]) -> dict[int, Answer]:
        """Ask the vendors about what they are to be asked about; return the answers by the candidates' identities."""
        if self._asks is None:
            return {}
        asked = [each for each in candidates if self._asks.covers(each.draft.detector)]
        if not asked:
            return {}
        questions = [Question(each.draft.detector, each.draft.fingerprint, each.value) for each in asked]
        return {id(each): answer for each, answer in zip(asked, self._asks.ask(questions), strict=True)}

    def _judged(self, candidate: _Candidate, answer: Answer | None) -> Draft:
        """Return the draft with what the policies say once the vendor has spoken.

        Where all of them wanted another answer it has no policy: nobody is told, but what was found before goes on.
        """
        draft = replace(candidate.draft, validity=answer) if answer is not None else candidate.draft
        if not self._policies.conditional:
            return draft
        verdict = candidate.judge(validity=answer.state if answer else None)
        if verdict is None:
            return replace(draft, policies=())
        return replace(draft, policies=verdict.policies, severity=verdict.severity)

    def _collect(self, task: Task, scan: Scan, wave: _Wave) -> None:
        if task.event.kind is EventKind.DELETED:
            scan.gone = True
        if task.event.kind is not EventKind.CHANGED:
            return
        if not task.covered:
            scan.gaps.append(UnitFailure("", Gap.EXCLUDED, "the connection's include and exclude lists leave it out"))
            return
        try:
            for unit in guarded(task.plugin, "units", task.connector.units(task.event)):
                if isinstance(unit, UnitFailure):
                    scan.gaps.append(unit)
                elif unit.text is not None:
                    scan.parts.add(unit.part)
                    if unit.text:
                        wave.add(task, [_Piece(scan, unit, unit.text)])
                else:
                    wave.add(task, self._extract(scan, unit))
        except NotFound:
            scan.gone = True
            scan.parts.clear()
            wave.forget(scan)
        except PluginFault as fault:
            # A deterministic bug would fail for ever; the event becomes a failed part with the plugin's name.
            scan.failure = fault
            wave.forget(scan)
        except (MissingScope, Unsupported) as error:
            # Trying again would not change it: what was read before is scanned, the rest is a gap.
            reason = Gap.MISSING_SCOPE if isinstance(error, MissingScope) else Gap.UNSUPPORTED_TYPE
            scan.gaps.append(UnitFailure("", reason, str(error)))
        except ConnectorsError as error:
            scan.failure = error
            wave.forget(scan)

    def _extract(self, scan: Scan, unit: ScanUnit) -> list[_Piece]:
        assert unit.blob is not None  # noqa: S101 (a ScanUnit has a text or a blob)
        pieces: list[_Piece] = []
        hidden: set[str] = set()
        whole = True
        try:
            for found in self._extraction.extract(unit.blob):
                if isinstance(found, UnitFailure):
                    inner = f"{unit.part}!{found.part}" if found.part else unit.part
                    whole = whole and bool(found.part)
                    scan.gaps.append(UnitFailure(inner, found.reason, found.detail))
                elif found.text:
                    if found.mismatch:
                        hidden.add(found.mismatch)
                    pieces.append(
                        _Piece(
                            scan, unit, found.text, found.path,
                            found.columns, found.rows, found.delimiter, found.mismatch,
                        )
                    )  # fmt: skip
        except (RateLimited, Transient, AuthError):
            raise
        except ConnectorsError as error:
            scan.gaps.append(UnitFailure(unit.part, GAPS.get(type(error), Gap.FETCH_FAILED), error.code))
            return pieces
        scan.mismatches += len(hidden)
        if whole:
            scan.parts.add(unit.part)
        return pieces

    def _matches(self, pieces: Sequence[_Piece]) -> list[list[Match]]:
        plain = [piece.text for piece in pieces if not piece.rows]
        found = iter(self._scanner.scan_many(plain))
        return [
            self._scanner.scan(piece.text, columns=piece.columns, rows=piece.rows, delimiter=piece.delimiter)
            if piece.rows
            else next(found)
            for piece in pieces
        ]

    def _candidates(self, task: Task, found: Sequence[tuple[_Piece, list[Match]]]) -> Iterator[_Candidate]:
        """Group the matches of one part by value, and yield those that a policy may care about."""
        resource = task.event.resource
        where = whereabouts(task.tenant, task.connection, resource)
        values: dict[tuple[str, str], list[_Hit]] = defaultdict(list)
        counted: dict[tuple[str, str], dict[str, Confidence]] = defaultdict(dict)
        for piece, matches in found:
            ruled = self._ruled(piece, matches)
            for match in matches:
                fingerprint = self._vault.fingerprint(
                    tenant=task.tenant, family=match.family, value=match.normalized or match.value
                )
                values[match.family, fingerprint].append((piece, match))
                for name, confidence in ruled.get((match.start, match.end, match.detector), ()):
                    known = counted[match.family, fingerprint]
                    known[name] = max(confidence, known.get(name, confidence))
        distinct: dict[str, int] = defaultdict(int)
        for family, _ in values:
            distinct[family] += 1
        for (family, fingerprint), hits in values.items():
            best = max((match for _, match in hits), key=lambda m: m.confidence)
            rules = counted.get((family, fingerprint), {})
            judge = partial(
                self._policies.judge, best.detector, best.confidence, where, count=distinct[family], rules=rules
            )
            verdict = judge(asking=True)
            if verdict is None:
                continue
            unit = hits[0][0].unit
            draft = Draft(
                part=unit.part,
                detector=best.detector,
                family=family,
                confidence=max(best.confidence, *rules.values()) if rules else best.confidence,
                severity=verdict.severity,
                policies=verdict.policies,
                fingerprint=fingerprint,
                preview=preview(best),
                places=tuple(Place(m.start, m.end, p.path, m.row, m.column, p.mismatch) for p, m in hits[:MAX_PLACES]),
                count=len(hits),
                url=unit.url or resource.url,
                author=unit.author or resource.author,
            )
            yield _Candidate(draft, best.value, judge)

    def _ruled(self, piece: _Piece, matches: Sequence[Match]) -> dict[tuple[int, int, str], list[_Counted]]:
        """Return, by place and detector, the rules by which matches count and the confidence they give."""
        if not self._rules:
            return {}
        found: dict[tuple[int, int, str], list[_Counted]] = defaultdict(list)
        for rule in self._rules:
            for each in evaluate((rule,), piece.text, matches):
                match = each.match
                found[match.start, match.end, match.detector].append((rule.name, match.confidence))
        return found


class _Wave:
    """Texts that wait to be scanned together; when there are too many, they are scanned before others are read."""

    def __init__(self, detect: Callable[[Sequence[tuple[Task, _Piece]]], None]) -> None:
        self.flushed = False
        self._detect = detect
        self._pieces: list[tuple[Task, _Piece]] = []
        self._size = 0

    def add(self, task: Task, pieces: Sequence[_Piece]) -> None:
        """Add the texts of one whole unit."""
        self._pieces += [(task, piece) for piece in pieces]
        self._size += sum(len(piece.text) for piece in pieces)
        if self._size > TOGETHER:
            self.flush()

    def forget(self, scan: Scan) -> None:
        """Drop what was read and found of an event that turned out to be gone, or must be tried again."""
        scan.drafts.clear()
        self._pieces = [(task, piece) for task, piece in self._pieces if piece.scan is not scan]

    def flush(self) -> None:
        """Scan what waits."""
        self.flushed = True
        pieces, self._pieces, self._size = self._pieces, [], 0
        self._detect(pieces)


def whereabouts(tenant: str, connection: str, resource: Resource) -> Whereabouts:
    """Return what policies ask about a resource's place; its own visibility wins over its container's."""
    visibility = resource.visibility
    if visibility is Visibility.UNKNOWN:
        visibility = resource.container.visibility
    return Whereabouts(tenant, connection, resource.container.id, resource.container.name, visibility)
