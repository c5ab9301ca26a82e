"""Scans sources: small files share a pass, documents go through extraction, all cores take part."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice
from typing import TYPE_CHECKING

from connectors.detection import preview
from connectors.model import Confidence, Gap, Match, Severity
from connectors.scanner import read
from connectors.scanner.allow import Lines
from connectors.scanner.baseline import fingerprint
from connectors.scanner.model import Found, Report, Skipped, Source
from connectors.scanner.rules import Rules, Setup

if TYPE_CHECKING:
    from concurrent.futures import Future

    from connectors.extraction import Extraction

BATCH_FILES = 256
BATCH_BYTES = 4 * 2**20
FIRST = 8
"""The first batch is so many times smaller. Where processes fork, it is scanned before they do: what its patterns
needed to be compiled is then there in each of them, and not made once more."""
ALONE = 3
"""Batches up to which no other process is started: they would cost more than they save."""

Progress = Callable[[int], None]
"""Called with the number of sources that were scanned since the last call."""


class Scanner:
    """Scans sources in this process. Made once in each process; not shared between threads."""

    def __init__(self, setup: Setup, *, rules: Rules | None = None) -> None:
        self._setup = setup
        self._rules = rules or setup.build()

    @cached_property
    def _extraction(self) -> Extraction:
        from connectors.extraction import Extraction

        return Extraction()

    def scan(self, sources: Iterable[Source]) -> Report:
        """Scan sources one batch at a time; texts of a batch go through detection together."""
        report = Report()
        waiting: list[tuple[Source, str]] = []
        for source in sources:
            data = read.read(source)
            if isinstance(data, Skipped):
                report.skipped.append(data)
                continue
            report.files += 1
            report.bytes += len(data)
            if not data or self._rules.leaves(source.path):
                continue
            for rule in self._rules.by_name(source.path):
                report.found.append(self._file(source, rule))
            text = read.plain(data)
            if text is not None:
                waiting.append((source, text))
            elif read.document(data, images=self._setup.images):
                self._document(source, data, report)
            else:
                report.skipped.append(Skipped(source.path, Gap.UNSUPPORTED_TYPE, "binary"))
        matches = self._rules.engine.scan_many([text for _, text in waiting])
        for (source, text), found in zip(waiting, matches, strict=True):
            if found := self._rules.with_paths(source.path, text, found):
                self._take(source, text, found, report)
        return report

    def close(self) -> None:
        """End the extraction processes, if there are any."""
        if "_extraction" in self.__dict__:
            self._extraction.close()

    def _document(self, source: Source, data: bytes, report: Report) -> None:
        for part in read.texts(source, data, self._extraction):
            if isinstance(part, Skipped):
                report.skipped.append(part)
                continue
            found = self._rules.engine.scan(part.text, columns=part.columns, rows=part.rows, delimiter=part.delimiter)
            if found := self._rules.with_paths(source.path, part.text, found):
                self._take(source, part.text, found, report, inner=part.path or "text")

    def _take(self, source: Source, text: str, matches: Iterable[Match], report: Report, *, inner: str = "") -> None:
        """Put what counts of the matches in one text into the report."""
        lines = Lines(text)
        allowed = self._rules.paths.allowed(source.path)
        for match in matches:
            if match.confidence < self._setup.least:
                continue
            if match.detector in allowed or lines.allows(match.start, match.end, match.detector):
                report.allowed += 1
                continue
            report.found.append(self._found(source, match, lines, inner))

    def _file(self, source: Source, rule: str) -> Found:
        """Return the finding of a file that a rule finds by its name."""
        return Found(
            path=source.path,
            detector=rule,
            name=self._rules.name(rule),
            family="imported",
            confidence=Confidence.LIKELY,
            severity=Severity.HIGH,
            preview=source.path.rsplit("/", 1)[-1],
            print=fingerprint(source.path, rule, ""),
            commit=source.commit,
            author=source.author,
            date=source.date,
        )

    def _found(self, source: Source, match: Match, lines: Lines, inner: str) -> Found:
        region = None if inner else lines.region(match.start, match.end)
        if region is not None and source.numbers:
            # Added lines are joined for scanning: say where they stand in the file.
            moved = source.numbers[min(region.line, len(source.numbers)) - 1]
            last = source.numbers[min(region.end_line, len(source.numbers)) - 1] if region.end_line else 0
            region = type(region)(moved, region.column, last if last > moved else 0, region.end_column)
        return Found(
            path=source.path,
            detector=match.detector,
            name=self._rules.name(match.detector),
            family=match.family,
            confidence=match.confidence,
            severity=self._rules.severity(match),
            preview=preview(match),
            print=fingerprint(
                f"{source.path}!{inner}" if inner else source.path, match.detector, match.normalized or match.value
            ),
            region=region,
            inner=inner,
            commit=source.commit,
            author=source.author,
            date=source.date,
        )


@dataclass(frozen=True)
class Pool:
    """How many processes may scan."""

    processes: int = 0
    """0 for one per core that this process may use."""

    def size(self) -> int:
        """Return the number of processes."""
        return self.processes or len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


def scan(
    sources: Iterable[Source | Skipped], setup: Setup, *, processes: int = 0, progress: Progress | None = None
) -> Report:
    """Scan sources with all cores; few sources are scanned right here."""
    report = Report()
    batches = _batches(_sources(sources, report))
    first = list(islice(batches, ALONE))
    workers = Pool(processes).size()
    rules = setup.build()
    if workers == 1 or len(first) < ALONE:
        _alone(Scanner(setup, rules=rules), chain(first, batches), report, progress)
    else:
        _share(chain(first, batches), setup, rules, workers, report, progress)
    report.found.sort(key=_order)
    report.skipped.sort(key=lambda skipped: skipped.path)
    return report


def _alone(here: Scanner, batches: Iterable[list[Source]], report: Report, progress: Progress | None) -> None:
    """Scan batches in this process."""
    try:
        for batch in batches:
            report.add(here.scan(batch))
            if progress:
                progress(len(batch))
    finally:
        here.close()


def _share(
    batches: Iterator[list[Source]],
    setup: Setup,
    rules: Rules,
    workers: int,
    report: Report,
    progress: Progress | None,
) -> None:
    """Scan batches in processes, a few more under way than there are workers, so that memory stays bounded."""
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    forks = "fork" in multiprocessing.get_all_start_methods()
    # A forked worker has the engine already; elsewhere each loads it from the cache.
    context = multiprocessing.get_context("fork" if forks else "spawn")
    given = (setup, rules) if forks else (setup, None)
    if forks:
        _alone(Scanner(setup, rules=rules), islice(batches, 1), report, progress)
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=given) as pool:
        running: dict[Future[Report], int] = {}
        for batch in batches:
            running[pool.submit(_work, batch)] = len(batch)
            if len(running) > 2 * workers:
                _collect(running, report, progress)
        while running:
            _collect(running, report, progress)


def _collect(running: dict[Future[Report], int], report: Report, progress: Progress | None) -> None:
    from concurrent.futures import FIRST_COMPLETED, wait

    done, _ = wait(running, return_when=FIRST_COMPLETED)
    for future in done:
        report.add(future.result())
        if progress:
            progress(running[future])
        del running[future]


_here: list[Scanner] = []
"""The scanner of a worker process, which lives as long as the process does."""


def _begin(setup: Setup, rules: Rules | None) -> None:
    _here[:] = [Scanner(setup, rules=rules)]


def _work(batch: Sequence[Source]) -> Report:
    return _here[0].scan(batch)


def _sources(sources: Iterable[Source | Skipped], report: Report) -> Iterator[Source]:
    for source in sources:
        if isinstance(source, Skipped):
            report.skipped.append(source)
        else:
            yield source


def _batches(sources: Iterable[Source]) -> Iterator[list[Source]]:
    batch: list[Source] = []
    size, share = 0, FIRST
    for source in sources:
        batch.append(source)
        size += _size(source)
        if len(batch) * share >= BATCH_FILES or size * share >= BATCH_BYTES:
            yield batch
            batch, size, share = [], 0, 1
    if batch:
        yield batch


def _size(source: Source) -> int:
    if not source.file:
        return len(source.content)
    try:
        return os.path.getsize(source.file)  # noqa: PTH202 (a hundred thousand of them)
    except OSError:
        return 0


def _order(found: Found) -> tuple[str, str, int, int, str]:
    region = found.region
    return found.path, found.commit, region.line if region else 0, region.column if region else 0, found.detector
