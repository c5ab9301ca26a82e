"""What reaches the caller's own process must cost linear time, and no result may quote what it could not read."""

from __future__ import annotations

import pytest

from connectors.extraction import Extraction, sniff
from connectors.redaction import Mask, Redactor, redact_markup, values
from connectors.testing import documents

MANY = 200_000
CANARY = "canary-words"


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "data",
    [
        b'{"a":' + b'\\"' * MANY,
        b'{"a":"' + b'"' * MANY,
        b"From " + b"a 12:34 " * MANY,
        b"<?xml ?><a>" + b"&#" * MANY,
        b"<?xml ?>" + b"a<b" * MANY,
        b"a,b,c\n1,2,3\n1,2,3\n" + b'"' * MANY,
    ],
    ids=["escapes", "quotes", "mailbox", "references", "tags", "table"],
)
def test_no_text_is_scanned_twice(data):
    assert list(Extraction(sandbox=False).extract_bytes(data))


@pytest.mark.timeout(20)
@pytest.mark.parametrize("piece", ["<!--", "<![CDATA[", "<?", '<a "', "<a '", "<"])
def test_no_markup_is_scanned_twice(piece):
    assert redact_markup(piece * (MANY // 4), Redactor(values("x y"), Mask())).replaced == 0


@pytest.mark.parametrize(
    "data",
    [
        documents.docx(CANARY, extra={"word/header1.xml": f"<w><t>{CANARY}"})[:-200],
        documents.xlsx({"S": [[CANARY]]})[:-300],
        documents.pdf(CANARY)[:400],
        documents.ole({"WordDocument": CANARY.encode() * 400}),
        b'{"nbformat": 4, "cells": ["' + CANARY.encode(),
        b"From: a@example.test\r\nTo: b@example.test\r\nSubject: \xff\r\nContent-Type: multipart/x; boundary="
        + CANARY.encode(),
        b"7z\xbc\xaf\x27\x1c" + CANARY.encode(),
        b"bplist00" + CANARY.encode(),
        b"SQLite format 3\0" + CANARY.encode() * 90,
    ],
)
def test_results_are_silent_about_content(data):
    items = list(Extraction(sandbox=False).extract_bytes(data))
    assert items
    assert CANARY not in repr(items)
    assert CANARY not in repr(sniff.sniff(data))
