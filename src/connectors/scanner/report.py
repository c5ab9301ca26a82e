"""Reports of a scan: for people, for CI systems, for programs. All but the first are written as streams."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TextIO

from connectors.colours import COLOURS
from connectors.export.record import FindingRecord
from connectors.model import FAULTS
from connectors.scanner.model import Found, Report

Writer = Callable[[Report, TextIO], object]


def write_text(report: Report, stream: TextIO) -> None:
    """Write for people: one line a finding, `path:line:column`, as editors and terminals link it."""
    if stream.isatty():
        _write_coloured(report, stream)
        return
    for each in report.found:
        level = each.severity.name.lower()
        stream.write(f"{where(each)} {level} {each.name} {each.preview}  {each.detector} {each.print}\n")
    stream.write(("\n" if report.found else "") + summary(report) + "\n")


def _write_coloured(report: Report, stream: TextIO) -> None:
    from rich.console import Console
    from rich.markup import escape

    out = Console(file=stream, highlight=False, soft_wrap=True)
    for each in report.found:
        level = each.severity.name.lower()
        out.print(
            f"[bold]{escape(where(each))}[/bold] [{COLOURS[each.severity]}]{level}[/] {escape(each.name)} "
            f"[dim]{escape(each.preview)}  {each.detector} {each.print}[/dim]"
        )
    if report.found:
        out.print("")
    out.print(summary(report), markup=False)


def where(found: Found) -> str:
    """Return the place of a finding as people read it."""
    place = f"{found.commit[:12]}:{found.path}" if found.commit else found.path
    if found.inner:
        return f"{place}!{found.inner}"
    return f"{place}:{found.region.line}:{found.region.column}" if found.region else place


def summary(report: Report) -> str:
    """Return the last line: what was scanned, found and left out."""
    count = len(report.found)
    said = [
        f"{count} finding{'' if count == 1 else 's'}",
        f"{report.files} file{'' if report.files == 1 else 's'}",
        f"{report.bytes / 1e6:.1f} MB",
    ]
    if report.seconds:
        said.append(f"{report.seconds:.1f} s")
    said += [f"{report.known} known"] if report.known else []
    said += [f"{report.allowed} allowed"] if report.allowed else []
    if report.skipped:
        reasons = Counter(str(skipped.reason) for skipped in report.skipped)
        listed = ", ".join(f"{n} {reason}" for reason, n in reasons.most_common())
        said.append(f"not scanned: {listed}")
    return "; ".join(said)


def write_json(report: Report, stream: TextIO) -> None:
    """Write one JSON document: findings, what was not scanned, and totals."""
    document = {
        "version": 1,
        "findings": [_values(each) for each in report.found],
        "skipped": [
            {"path": each.path, "reason": str(each.reason), "detail": each.detail, "fault": each.reason in FAULTS}
            for each in report.skipped
        ],
        "totals": {
            "findings": len(report.found),
            "files": report.files,
            "bytes": report.bytes,
            "known": report.known,
            "allowed": report.allowed,
            "seconds": round(report.seconds, 3),
        },
    }
    json.dump(document, stream, ensure_ascii=False, indent=1)
    stream.write("\n")


def write_sarif(report: Report, stream: TextIO) -> None:
    """Write SARIF 2.1.0, for code scanning."""
    from connectors.export import sarif

    sarif.write(_records(report), stream)


def write_junit(report: Report, stream: TextIO) -> None:
    """Write JUnit XML: a failed test for each finding."""
    from connectors.export import junit

    junit.write(_records(report), stream)


WRITERS: Mapping[str, Writer] = {
    "text": write_text,
    "json": write_json,
    "sarif": write_sarif,
    "junit": write_junit,
}


def _records(report: Report) -> Iterator[FindingRecord]:
    for each in report.found:
        yield FindingRecord(
            id=each.print,
            app="scan",
            resource_id=each.commit or each.path,
            resource_kind="commit" if each.commit else "file",
            resource_label=where(each),
            part=each.inner,
            path=each.path,
            detector=each.detector,
            family=each.family,
            confidence=each.confidence,
            severity=each.severity,
            preview=each.preview,
            fingerprint=each.print,
            author=each.author,
            regions=(each.region,) if each.region else (),
        )


def _values(found: Found) -> dict[str, Any]:
    region = found.region
    values: dict[str, Any] = {
        "path": found.path,
        "inner": found.inner,
        "line": region.line if region else None,
        "column": region.column if region else None,
        "endLine": (region.end_line or region.line) if region else None,
        "endColumn": region.end_column if region else None,
        "detector": found.detector,
        "name": found.name,
        "family": found.family,
        "confidence": found.confidence.name,
        "severity": found.severity.name.lower(),
        "preview": found.preview,
        "fingerprint": found.print,
    }
    if found.commit:
        values |= {"commit": found.commit, "author": found.author, "date": found.date}
    return values
