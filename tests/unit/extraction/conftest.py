"""Extraction in the test's own process, and a short way to look at its results."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from connectors.extraction import Budget, Extraction, Text
from connectors.extraction.extractor import Extractor
from connectors.model import Gap

Texts = dict[str, str]
Gaps = dict[str, Gap]
Read = Callable[..., tuple[Texts, Gaps]]


@pytest.fixture
def read() -> Read:
    """Extract bytes and return the texts and the gaps by their paths."""

    def extract(
        data: bytes, name: str = "", *, budget: Budget | None = None, extractors: tuple[Extractor, ...] = ()
    ) -> tuple[Texts, Gaps]:
        extraction = Extraction(budget or Budget(), extractors=extractors, sandbox=False)
        items = list(extraction.extract_bytes(data, name))
        texts = {item.path: item.text for item in items if isinstance(item, Text)}
        return texts, {item.part: item.reason for item in items if not isinstance(item, Text)}

    return extract
