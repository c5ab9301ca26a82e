"""Findings in files of repositories as SARIF 2.1.0.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/ and, for the limits of GitHub's code scanning,
https://docs.github.com/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any, Final, TextIO
from urllib.parse import quote

from connectors import __version__
from connectors.export.record import FindingRecord, Region
from connectors.model import FindingState, Place, Severity

RESULTS_PER_RUN: Final = 25_000
RUNS: Final = 20
SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

_LEVELS: Final = {
    Severity.INFO: ("note", "1.0"),
    Severity.LOW: ("note", "3.0"),
    Severity.MEDIUM: ("warning", "5.5"),
    Severity.HIGH: ("error", "8.0"),
    Severity.CRITICAL: ("error", "9.5"),
}


def write(records: Iterable[FindingRecord], stream: TextIO, *, per_run: int = RESULTS_PER_RUN, runs: int = RUNS) -> int:
    """Write a log of the unresolved records that have a `path`, and return how many were written.

    Results are written as they come, in runs of `per_run`; at most `runs` runs. What is left out is counted,
    by reason, in notifications of the last run.
    """
    left_out = _LeftOut()
    located = left_out.present_in_files(records)
    stream.write(_dump({"$schema": SCHEMA, "version": "2.1.0"})[:-1] + ',"runs":[')
    count, number, following = 0, 0, next(located, None)
    while True:
        number += 1
        head = () if following is None else (following,)
        rules: dict[str, Severity] = {}
        stream.write((",\n" if number > 1 else "\n") + '{"results":[')
        count += _write_results(islice(chain(head, located), per_run), stream, rules)
        following = next(located, None)
        if following is None or number == runs:
            break
        stream.write("],\n" + _dump(_frame(rules, number))[1:])
    if following is not None:
        left_out.beyond = 1 + sum(1 for _ in located)
    stream.write("],\n" + _dump(_frame(rules, number, left_out.said()))[1:] + "]}\n")
    return count


def _write_results(records: Iterable[FindingRecord], stream: TextIO, rules: dict[str, Severity]) -> int:
    """Write the results of one run, and note the rules that they name."""
    count = 0
    for record in records:
        rules[record.detector] = max(record.severity, rules.get(record.detector, Severity.INFO))
        stream.write((",\n" if count else "\n") + _dump(result(record)))
        count += 1
    return count


class _LeftOut:
    """Counts what is not written, and says why."""

    def __init__(self) -> None:
        self.placeless = 0
        self.resolved = 0
        self.beyond = 0

    def present_in_files(self, records: Iterable[FindingRecord]) -> Iterator[FindingRecord]:
        for record in records:
            if record.state is FindingState.RESOLVED:
                self.resolved += 1
            elif record.path:
                yield record
            else:
                self.placeless += 1

    def said(self) -> tuple[str, ...]:
        reasons = (
            ("not in a file of a repository", self.placeless),
            ("resolved", self.resolved),
            ("beyond the limits of code scanning", self.beyond),
        )
        return tuple(f"left out because {why}: {count}" for why, count in reasons if count)


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def result(record: FindingRecord) -> dict[str, Any]:
    """Return one result: the first place is its location, the others are related locations."""
    first, *others = _locations(record)
    made: dict[str, Any] = {
        "ruleId": record.detector,
        "level": _LEVELS[record.severity][0],
        "message": {"text": _message(record)},
        "locations": [first],
        "partialFingerprints": {"connectorsFinding/v1": record.fingerprint or record.id},
        "properties": {"confidence": record.confidence.name, "family": record.family, "severity": record.severity.name},
    }
    if others:
        made["relatedLocations"] = [{"id": number, **each} for number, each in enumerate(others, start=1)]
    if record.state in (FindingState.IGNORED, FindingState.FALSE_POSITIVE):
        made["suppressions"] = [{"kind": "external", "status": "accepted"}]
    return made


def _message(record: FindingRecord) -> str:
    # In messages, square brackets would make links and braces placeholders.
    preview = "".join({"[": "(", "]": ")", "{": "(", "}": ")"}.get(c, c) for c in record.preview)
    return f"{record.detector} ({record.confidence.name.replace('_', ' ').lower()}): {preview}"


def _locations(record: FindingRecord) -> list[dict[str, Any]]:
    uri = quote(record.path.replace("\\", "/").lstrip("/"), safe="/-._~")
    regions: Iterable[dict[str, int]] = (
        [_lines(region) for region in record.regions] or [_offsets(place) for place in record.places] or [{}]
    )
    artifact = {"uri": uri, "uriBaseId": "%SRCROOT%"}
    return [
        {"physicalLocation": {"artifactLocation": artifact, **({"region": region} if region else {})}}
        for region in regions
    ]


def _lines(region: Region) -> dict[str, int]:
    spelled = {
        "startLine": region.line,
        "startColumn": region.column,
        "endLine": region.end_line,
        "endColumn": region.end_column,
    }
    return {name: number for name, number in spelled.items() if number}


def _offsets(place: Place) -> dict[str, int]:
    return {"charOffset": place.start, "charLength": max(0, place.end - place.start)}


def _frame(rules: dict[str, Severity], number: int, left_out: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return what stands in a run beside its results: written after them, because they name the rules."""
    invocation: dict[str, Any] = {"executionSuccessful": True}
    if left_out:
        invocation["toolExecutionNotifications"] = [
            {"level": "warning", "message": {"text": text}} for text in left_out
        ]
    return {
        "tool": {
            "driver": {
                "name": "connectors",
                "version": __version__,
                "rules": [_rule(detector, severity) for detector, severity in sorted(rules.items())],
            }
        },
        # Code scanning refuses two runs of one tool that do not differ in this.
        "automationDetails": {"id": f"connectors/{number}/"},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {"%SRCROOT%": {"description": {"text": "The root of the repository."}}},
        "invocations": [invocation],
    }


def _rule(detector: str, severity: Severity) -> dict[str, Any]:
    level, score = _LEVELS[severity]
    text = f"Sensitive data: {detector.replace('_', ' ')}"
    return {
        "id": detector,
        "name": detector,
        "shortDescription": {"text": text},
        "fullDescription": {"text": text},
        "help": {"text": "Remove the value, and revoke it if it is a credential: it stays in the history."},
        "defaultConfiguration": {"level": level},
        "properties": {"security-severity": score, "precision": "high", "tags": ["security", "sensitive-data"]},
    }
