"""Bytes to text: what a file is, what it holds, and what could not be read."""

from connectors.extraction.engine import Extraction
from connectors.extraction.extractor import Budget, Extractor, Text

__all__ = ["Budget", "Extraction", "Extractor", "Text"]
