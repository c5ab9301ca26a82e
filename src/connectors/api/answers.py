"""Findings as the wire format shows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from connectors.api.replace import Span, replace_all
from connectors.api.rules import Counted, Policy
from connectors.detection import byte_ranges


def findings(policy: Policy, text: str, found: Sequence[Counted]) -> tuple[list[dict[str, Any]], str]:
    """Return the findings of one text, and the redacted text: empty when nothing was redacted."""
    if not found:
        return [], ""
    places = [(each.match.start, each.match.end) for each in found]
    spans = [
        Span(each.match.start, each.match.end, each.part.replace(each.match.value)) if each.part.replace else None
        for each in found
    ]
    redacted, moved = replace_all(text, [span for span in spans if span is not None])
    moved_bytes = byte_ranges(redacted, moved)
    answers = []
    later = iter(zip(moved, moved_bytes, strict=True))
    for each, span, in_bytes in zip(found, spans, byte_ranges(text, places), strict=True):
        answer = _finding(policy, text, each, in_bytes)
        if span is not None:
            points, octets = next(later)
            answer["redactedFinding"] = span.replacement
            answer["redactedLocation"] = _location(points, octets, None, None)
        answers.append(answer)
    return answers, redacted if moved else ""


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
