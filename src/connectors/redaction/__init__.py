"""Redaction as a library: pure functions over texts, matches and documents. Nothing here reads or writes a file."""

from connectors.redaction.markup import STORAGE, Dialect, redact_markup
from connectors.redaction.office import redact_office
from connectors.redaction.rules import Encrypt, InfoType, KeyedHash, Mask, Rule, Substitute, decrypt
from connectors.redaction.structured import Rewritten, redact_adf, redact_csv, redact_json
from connectors.redaction.text import Redacted, Redactor, Replacement, Span, redact, values

__all__ = [
    "STORAGE",
    "Dialect",
    "Encrypt",
    "InfoType",
    "KeyedHash",
    "Mask",
    "Redacted",
    "Redactor",
    "Replacement",
    "Rewritten",
    "Rule",
    "Span",
    "Substitute",
    "decrypt",
    "redact",
    "redact_adf",
    "redact_csv",
    "redact_json",
    "redact_markup",
    "redact_office",
    "values",
]
