"""Scanning sources: places, allow comments, documents, and the same result however many processes."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from connectors.model import Gap, Severity
from connectors.scanner.model import Source
from connectors.scanner.rules import Rules, Setup
from connectors.scanner.scan import Scanner, scan

CARD = "4012888888881881"


@pytest.fixture
def scanner(setup: Setup, rules: Rules) -> Scanner:
    return Scanner(setup, rules=rules)


def test_a_finding_has_line_and_column_and_no_value(scanner: Scanner) -> None:
    report = scanner.scan([Source("a.py", content=f"x = 1\r\nüü {CARD}\n".encode())])
    [found] = report.found
    assert (found.region.line, found.region.column, found.region.end_column) == (2, 4, 20)
    assert (found.detector, found.severity) == ("credit_card", Severity.MEDIUM)
    assert CARD not in repr(report)


@pytest.mark.parametrize(
    ("comment", "allowed"),
    [("# connectors:allow", 1), ("# connectors:allow credit_card, jwt", 1), ("# connectors:allow us_ssn", 0),
     ("# pragma: allowlist secret", 1), ("# gitleaks:allow", 1), ("# allowed", 0)],
)  # fmt: skip
def test_a_comment_on_the_line_allows_a_finding(scanner: Scanner, comment: str, allowed: int) -> None:
    report = scanner.scan([Source("a.py", content=f"{CARD}  {comment}\n{CARD}\n".encode())])
    assert report.allowed == allowed
    assert [found.region.line for found in report.found] == ([2] if allowed else [1, 2])


def test_added_lines_are_reported_where_they_stand_in_the_file(scanner: Scanner) -> None:
    source = Source("a.py", content=f"one\n{CARD}\n".encode(), numbers=(10, 42), commit="c0ffee", author="Ann <ann@x>")
    [found] = scanner.scan([source]).found
    assert (found.region.line, found.commit) == (42, "c0ffee")


def test_a_value_in_an_archive_names_its_inner_path(scanner: Scanner) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("inner/notes.txt", f"card {CARD}")
    report = scanner.scan([Source("a.zip", content=packed.getvalue())])
    scanner.close()
    [found] = report.found
    assert (found.path, found.inner, found.region) == ("a.zip", "inner/notes.txt", None)


def test_a_binary_file_is_counted_as_not_scanned(scanner: Scanner) -> None:
    report = scanner.scan([Source("a.so", content=b"\x7fELF\0\0" + bytes(range(256)) * 4)])
    assert [skipped.reason for skipped in report.skipped] == [Gap.UNSUPPORTED_TYPE]


def test_text_in_other_encodings_is_read(scanner: Scanner) -> None:
    contents = [f"Zahlung über {CARD}".encode(code) for code in ("utf-16", "latin-1", "utf-8-sig")]
    report = scanner.scan(Source(f"{n}.txt", content=content) for n, content in enumerate(contents))
    assert len(report.found) == 3


def test_a_file_that_cannot_be_read_is_a_fault_and_the_others_go_on(scanner: Scanner, tmp_path: Path) -> None:
    good = tmp_path / "good.txt"
    good.write_text(CARD)
    sources = [Source("gone.txt", file=str(tmp_path / "gone.txt")), Source("good.txt", file=str(good))]
    report = scanner.scan(sources)
    assert [skipped.reason for skipped in report.skipped] == [Gap.FETCH_FAILED]
    assert len(report.found) == 1


def test_several_processes_find_what_one_finds(setup: Setup, tmp_path: Path) -> None:
    sources = []
    for number in range(900):
        file = tmp_path / f"{number:03}.txt"
        file.write_text(f"{'x ' * number}{CARD if number % 7 == 0 else ''}\n")
        sources.append(Source(file.name, file=str(file)))
    done: list[int] = []
    alone = scan(sources, setup, processes=1)
    together = scan(sources, setup, processes=2, progress=done.append)
    assert together.found == alone.found
    assert len(alone.found) == 129
    assert (sum(done), together.files) == (900, 900)
