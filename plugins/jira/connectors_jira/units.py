"""From the fields of an issue to texts, pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from connectors.model import ScanUnit
from connectors_jira.adf import flatten, is_document
from connectors_jira.resources import person_ref
from connectors_jira.shapes import mapping, objects, text

NOT_TEXT = frozenset(
    {
        "aggregateprogress", "aggregatetimeestimate", "aggregatetimeoriginalestimate", "aggregatetimespent", "assignee",
        "attachment", "comment", "created", "creator", "duedate", "issuelinks", "issuerestriction", "issuetype",
        "lastViewed", "parent", "priority", "progress", "project", "reporter", "resolution", "resolutiondate",
        "security", "status", "statusCategory", "statuscategorychangedate", "subtasks", "thumbnail", "timeestimate",
        "timeoriginalestimate", "timespent", "timetracking", "updated", "votes", "watches", "worklog", "workratio",
    }
)  # fmt: skip
"""Fields that hold no text of their own. Any other field is scanned, one that a later Jira adds too."""

OWN_PARTS = frozenset({"summary", "description", "environment", "labels"})
_TECHNICAL = frozenset({"self", "id", "key", "avatarUrls", "iconUrl", "hexColor", "schema"})


def field_part(field: str) -> str:
    """Return the part that a field is scanned under."""
    return field if field in OWN_PARTS else f"field:{field}"


def part_field(part: str) -> str:
    """Return the field of a part, the inverse of `field_part`."""
    return part.removeprefix("field:")


def value_text(value: Any) -> str:
    """Return the text of a field's value: a string, ADF, a number, an option, or lists of those.

    People are left out: their names and addresses stand in every issue.
    """
    if is_document(value):
        return flatten(value).text
    found: list[str] = []
    stack = [value]
    while stack:
        item = stack.pop()
        if is_document(item):
            found.append(flatten(item).text)
        elif isinstance(item, str):
            found.append(item)
        elif isinstance(item, int | float) and not isinstance(item, bool):
            found.append(f"{item:.0f}" if isinstance(item, float) and item.is_integer() else str(item))
        elif isinstance(item, Mapping) and "accountId" not in item and "avatarUrls" not in item:
            stack.extend(v for k, v in reversed(list(item.items())) if k not in _TECHNICAL)
        elif isinstance(item, list):
            stack.extend(reversed(item))
    return "\n".join(part for part in found if part)


def field_units(fields: Mapping[str, Any]) -> Iterator[ScanUnit]:
    """Yield a unit for every field that has text."""
    for field, value in fields.items():
        if field in NOT_TEXT:
            continue
        found = value_text(value)
        if found:
            yield ScanUnit(field_part(field), found, label=field)


def worklog_unit(worklog: Mapping[str, Any]) -> ScanUnit:
    """Return the unit of a worklog's comment."""
    part = f"worklog:{text(worklog.get('id'))}"
    return ScanUnit(part, value_text(worklog.get("comment")), label="worklog", author=person_ref(worklog.get("author")))


def remote_link_unit(link: Mapping[str, Any]) -> ScanUnit:
    """Return the unit of a remote link: title, summary, address and relationship."""
    target = mapping(link.get("object"))
    lines = [target.get("title"), target.get("summary"), target.get("url"), link.get("relationship")]
    return ScanUnit(
        f"remotelink:{text(link.get('id'))}", "\n".join(text(line) for line in lines if line), label="remote link"
    )


def history_text(entry: Mapping[str, Any]) -> str:
    """Return the old and new values of one entry of the history."""
    lines = [text(item.get(side)) for item in objects(entry.get("items")) for side in ("fromString", "toString")]
    return "\n".join(line for line in lines if line)


def history_unit(entry: Mapping[str, Any]) -> ScanUnit:
    """Return the unit of one entry of the history."""
    part = f"changelog:{text(entry.get('id'))}"
    return ScanUnit(part, history_text(entry), label="history", author=person_ref(entry.get("author")))
