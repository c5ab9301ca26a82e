"""Mutated documents through the sandbox: whatever they hold, the caller gets texts and gaps."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.extraction import Budget, Extraction, Text
from connectors.model import Gap
from connectors.testing import documents

SEEDS = (
    documents.docx("Hello", extra={"word/media/i.png": documents.png(texts={"Comment": "c"})}),
    documents.xlsx({"S": [["name", "n"], ["Ann", 1]]}),
    documents.pdf("one", "two"),
    documents.ole({"WordDocument": b"\xec\xa5" * 2100, "1Table": b"\x02" * 4100}),
    b"From: a@example.test\r\nTo: b@example.test\r\nSubject: s\r\n\r\nbody",
    rb"{\rtf1\ansi hello {\b world} \u8364?}",
)


@pytest.fixture(scope="module")
def extraction():
    with Extraction(Budget(seconds=5.0)) as extraction:
        yield extraction


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(SEEDS), st.data())
def test_mutated_documents_end_as_values(extraction, seed, data):
    at = data.draw(st.integers(0, len(seed) - 1))
    cut = data.draw(st.integers(0, 40))
    filling = data.draw(st.binary(max_size=40))
    for item in extraction.extract_bytes(seed[:at] + filling + seed[at + cut :]):
        assert isinstance(item, Text) or item.reason in Gap
