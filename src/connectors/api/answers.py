"""Findings as the wire format shows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from connectors.api.rules import Counted, Policy
from connectors.detection import byte_ranges
from connectors.redaction import Rule as Redaction
from connectors.redaction import redact


def findings(policy: Policy, text: str, found: Sequence[Counted]) -> tuple[list[dict[str, Any]], str]:
    """Return the findings of one text, and the redacted text: empty when nothing was redacted."""
    if not found:
        return [], ""
    ranges = byte_ranges(text, [(each.match.start, each.match.end) for each in found])
    answers = [_finding(policy, text, each, place) for each, place in zip(found, ranges, strict=True)]
    how: dict[int, Redaction] = {}
    for each in found:
        if each.part.redaction is not None:
            how.setdefault(id(each.match), each.part.redaction)
    if not how:
        return answers, ""
    redacted = redact(text, [each.match for each in found], lambda match: how.get(id(match)))
    for each, answer in zip(found, answers, strict=True):
        replaced = redacted.of(each.match)
        if replaced is not None and each.part.redaction is not None:
            place = replaced.redacted
            answer["redactedFinding"] = redacted.text[place.start : place.end]
            in_bytes = place.byte_start, place.byte_end
            answer["redactedLocation"] = _location((place.start, place.end), in_bytes, None, None)
    return answers, redacted.text


def _finding(policy: Policy, text: str, each: Counted, in_bytes: tuple[int, int]) -> dict[str, Any]:
    match, part = each.match, each.part
    answer: dict[str, Any] = {} if part.remove else {"finding": match.value}
    before, after = context(text, match.start, match.end, policy.context_bytes)
    if before:
        answer["beforeContext"] = before
    if after:
        answer["afterContext"] = after
    return answer | {
        "detector": {"name": part.name, "uuid": str(part.uuid)},
        "confidence": match.confidence.name,
        "location": _location((match.start, match.end), in_bytes, match.row, match.column),
        "matchedDetectionRuleUUIDs": [rule.uuid for rule in each.rules if rule.uuid],
        "matchedDetectionRules": [rule.name for rule in each.rules],
    }


def context(text: str, start: int, end: int, size: int) -> tuple[str, str]:
    """Return up to `size` UTF-8 bytes before and after a place, without half characters."""
    if not size:
        return "", ""
    before = text[max(0, start - size) : start].encode()[-size:].decode(errors="ignore")
    after = text[end : end + size].encode()[:size].decode(errors="ignore")
    return before, after


def _location(
    points: tuple[int, int], in_bytes: tuple[int, int], row: int | None, column: int | None
) -> dict[str, Any]:
    return {
        "byteRange": {"start": in_bytes[0], "end": in_bytes[1]},
        "codepointRange": {"start": points[0], "end": points[1]},
        "rowRange": None if row is None else {"start": row, "end": row},
        "columnRange": None if column is None else {"start": column, "end": column},
        "commitHash": "",
        "commitAuthor": "",
    }
