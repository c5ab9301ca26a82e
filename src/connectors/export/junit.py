"""Findings as JUnit XML, so that a CI system shows each as a failed test.

https://github.com/testmoapp/junitxml describes the dialect that CI systems read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, TextIO
from xml.sax.saxutils import escape, quoteattr

from connectors.export.record import FindingRecord
from connectors.model import FindingState

# What XML 1.0 cannot hold, even escaped: https://www.w3.org/TR/xml/#charsets
_FORBIDDEN: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_FAILING: Final = frozenset({FindingState.OPEN, FindingState.ACKNOWLEDGED})


def write(records: Iterable[FindingRecord], stream: TextIO) -> int:
    """Write one test per record, failed while it is open, or one passed test when there is no record.

    Returns how many records were written.

    Totals are left out: they would stand before the tests, which are written as they come.
    """
    stream.write('<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n<testsuite name="connectors">\n')
    count = 0
    for count, record in enumerate(records, start=1):  # noqa: B007 (the last number is the count)
        stream.write(_case(record))
    if not count:
        stream.write('<testcase classname="connectors" name="no sensitive data found"/>\n')
    stream.write("</testsuite>\n</testsuites>\n")
    return count


def _case(record: FindingRecord) -> str:
    place = record.path or record.resource_label or record.resource_id
    line = f":{record.regions[0].line}" if record.regions else ""
    told = f"{record.detector} ({record.confidence.name.replace('_', ' ').lower()}): {record.preview}"
    detail = "\n".join(
        f"{name}: {value}"
        for name, value in (
            ("severity", record.severity.name),
            ("part", record.part),
            ("fingerprint", record.fingerprint),
            ("link", record.resource_url),
        )
        if value
    )
    if record.state in _FAILING:
        outcome = (
            f"<failure type={_attribute(record.severity.name)} message={_attribute(told)}>"
            f"{escape(_allowed(detail))}</failure>"
        )
    else:
        outcome = f"<skipped message={_attribute(record.state.value)}/>"
    file = f" file={_attribute(record.path)}" if record.path else ""
    return (
        f"<testcase classname={_attribute(place)} name={_attribute(f'{record.detector} at {place}{line}')}{file}>\n"
        f"{outcome}\n</testcase>\n"
    )


def _attribute(text: str) -> str:
    return quoteattr(_allowed(text))


def _allowed(text: str) -> str:
    return _FORBIDDEN.sub("�", text)
