"""JSON Lines, CSV and JUnit."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from connectors.errors import ConfigError
from connectors.export import formats, jsonl, junit, table
from connectors.export.record import FindingRecord, Region
from connectors.model import Confidence, FindingState, Severity

Make = Callable[..., FindingRecord]


def written(writer: Any, records: Any) -> str:
    stream = io.StringIO(newline="")
    writer(records, stream)
    return stream.getvalue()


def plain(**texts: str) -> FindingRecord:
    values: dict[str, Any] = {"id": "f", "detector": "d", "family": "x", **texts}
    return FindingRecord(confidence=Confidence.LIKELY, severity=Severity.LOW, **values)


def test_a_json_line_holds_every_field(make_record: Make) -> None:
    (line,) = written(jsonl.write, [make_record()]).splitlines()
    assert json.loads(line) == {
        "id": "f1", "tenant": "acme", "residency": "eu", "connection": "acme-code", "app": "code",
        "resource_id": "file:77:main:src/app1.py", "resource_kind": "file",
        "resource_label": "file src/app1.py in acme/api",
        "resource_url": "https://code.example/acme/api/blob/main/src/app1.py",
        "container_id": "77", "container": "acme/api", "part": "content", "path": "src/app1.py",
        "detector": "example_token", "family": "secret", "confidence": "VERY_LIKELY", "severity": "HIGH",
        "state": "open", "policies": ["secrets", "everything"], "preview": "ex••••••42", "fingerprint": "fp1",
        "first_seen": "2026-03-04T05:06:07.891Z", "last_seen": "2026-03-04T06:06:07.891Z", "resolved_at": None,
        "author_id": "U1", "author": "Robin Example", "author_email": "robin@acme.example", "visibility": "internal",
        "places": [{"start": 10, "end": 30}, {"start": 50, "end": 70}], "regions": [],
        "validity": None, "validity_checked_at": None, "validity_evidence": None,
    }  # fmt: skip


@pytest.mark.parametrize("kind", formats.FORMATS)
def test_the_same_records_give_the_same_bytes_and_one_by_one(make_record: Make, kind: str) -> None:
    records = [make_record(n) for n in range(3)]
    stream = io.StringIO(newline="")
    seen: list[int] = []

    def source() -> Iterator[FindingRecord]:
        for record in records:
            seen.append(stream.tell())
            yield record

    assert formats.FORMATS[kind](source(), stream) == 3
    assert stream.getvalue() == written(formats.FORMATS[kind], records)
    assert seen[0] < seen[2], "nothing was written between the records"


@pytest.mark.parametrize("kind", formats.FORMATS)
def test_no_records_make_a_whole_document(kind: str) -> None:
    text = written(formats.FORMATS[kind], [])
    if kind == "sarif":
        assert json.loads(text)["runs"][0]["results"] == []
    elif kind == "junit":
        assert ET.fromstring(text).find("testsuite/testcase") is not None
    else:
        assert text == (",".join(f'"{name}"' for name in table.COLUMNS) + "\r\n" if kind == "csv" else "")


def test_an_unknown_format_is_named_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="csv, junit, ndjson, ocsf, sarif"):
        formats.write_findings("pdf", [], io.StringIO())


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "\u00a0=1", "＝1", "|cmd", "%x", "\x00=1"],
)
def test_no_cell_is_a_formula(text: str) -> None:
    rows = list(csv.DictReader(io.StringIO(written(table.write, [plain(resource_label=text)]), newline="")))
    assert rows[0]["resource_label"].startswith("'")
    assert rows[0]["resource_label"].endswith(text[-1])


@given(st.text())
def test_csv_reads_back_what_was_written(text: str) -> None:
    record = plain(resource_label=text)
    (row,) = csv.DictReader(io.StringIO(written(table.write, [record]), newline=""))
    assert list(row) == list(table.COLUMNS)
    assert row["resource_label"].removeprefix("'") == record.resource_label.replace("\x00", "").removeprefix("'")
    assert not row["resource_label"].lstrip().startswith(("=", "+", "-", "@"))


def test_lists_in_csv(make_record: Make) -> None:
    (row,) = csv.DictReader(io.StringIO(written(table.write, [make_record()]), newline=""))
    assert row["policies"] == "secrets; everything"
    assert json.loads(row["places"])[0] == {"start": 10, "end": 30}
    assert row["resolved_at"] == ""


# What CI systems read: https://github.com/testmoapp/junitxml. Order and names as strict as it says, and nothing else.
JUNIT = etree.RelaxNG(
    etree.fromstring("""
<element name="testsuites" xmlns="http://relaxng.org/ns/structure/1.0">
  <element name="testsuite">
    <attribute name="name"/>
    <oneOrMore><element name="testcase">
      <attribute name="name"/><attribute name="classname"/><optional><attribute name="file"/></optional>
      <optional><choice>
        <element name="failure"><attribute name="type"/><attribute name="message"/><text/></element>
        <element name="skipped"><attribute name="message"/></element>
      </choice></optional>
    </element></oneOrMore>
  </element>
</element>""")
)


@pytest.mark.parametrize("states", [(), (FindingState.OPEN,), tuple(FindingState)])
def test_junit_is_what_ci_systems_read(make_record: Make, states: tuple[FindingState, ...]) -> None:
    JUNIT.assertValid(etree.fromstring(written(junit.write, [make_record(state=each) for each in states]).encode()))


def test_junit_shows_one_failure_per_finding(make_record: Make) -> None:
    record = make_record(regions=(Region(7, 3, 7, 23),))
    (case,) = ET.fromstring(written(junit.write, [record])).iter("testcase")
    assert case.attrib == {
        "classname": "src/app1.py",
        "name": "example_token at src/app1.py:7",
        "file": "src/app1.py",
    }
    failure = case.find("failure")
    assert failure is not None
    assert failure.attrib == {"type": "HIGH", "message": "example_token (very likely): ex••••••42"}
    assert "fingerprint: fp1" in (failure.text or "")


@pytest.mark.parametrize("state", FindingState)
def test_junit_fails_only_for_what_is_open(make_record: Make, state: FindingState) -> None:
    (case,) = ET.fromstring(written(junit.write, [make_record(state=state)])).iter("testcase")
    (outcome,) = case
    assert outcome.tag == ("failure" if state.value in {"open", "acknowledged"} else "skipped")


@given(st.text())
def test_junit_is_xml_whatever_the_text(text: str) -> None:
    root = ET.fromstring(written(junit.write, [plain(path=text, preview=text, part=text, resource_label=text)]))
    assert [child.tag for child in root.iter()] == ["testsuites", "testsuite", "testcase", "failure"]
