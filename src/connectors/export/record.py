"""A finding as it is exported: flat, complete, and without the value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from urllib.parse import unquote, urlsplit

from connectors.model import JSON, Confidence, FindingState, Place, Severity, Validity, Visibility


@dataclass(frozen=True, slots=True)
class Region:
    """Where in a text file: 1-based lines and columns, columns in code points, end exclusive."""

    line: int
    column: int = 1
    end_line: int = 0
    """0 for the same line."""
    end_column: int = 0
    """0 for the end of the line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingRecord:
    """One finding. `path` is set for a file of a repository or of a scanned folder: relative, with slashes.

    `regions` are the places in lines and columns, where they are known; `places` are the same in code points.
    """

    id: str
    tenant: str = ""
    residency: str = ""
    connection: str = ""
    app: str = ""
    resource_id: str = ""
    resource_kind: str = ""
    resource_label: str = ""
    resource_url: str = ""
    container_id: str = ""
    container: str = ""
    part: str = ""
    detector: str
    family: str
    confidence: Confidence
    severity: Severity
    state: FindingState = FindingState.OPEN
    policies: tuple[str, ...] = ()
    preview: str = ""
    fingerprint: str = ""
    first_seen: datetime | None = None
    last_seen: datetime | None = None
    resolved_at: datetime | None = None
    author_id: str = ""
    author: str = ""
    author_email: str = ""
    visibility: Visibility = Visibility.UNKNOWN
    places: tuple[Place, ...] = ()
    path: str = ""
    regions: tuple[Region, ...] = ()
    validity: Validity | None = None
    validity_checked_at: datetime | None = None
    validity_evidence: Mapping[str, JSON] | None = None

    def __post_init__(self) -> None:
        """Replace what UTF-8 cannot hold, such as undecodable bytes in the name of a file."""
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, str) and not isinstance(value, StrEnum) and not value.isascii():
                object.__setattr__(self, each.name, value.encode("utf-8", "replace").decode())


def record_of(row: Mapping[str, Any]) -> FindingRecord:
    """Make a record from a row of the store's finding table."""
    return FindingRecord(
        id=str(row["id"]),
        tenant=row["tenant"],
        residency=row["residency"],
        connection=row["connection"],
        app=row["app"],
        resource_id=row["resource_id"],
        resource_kind=row["resource_kind"],
        resource_label=row["label"],
        resource_url=row["url"],
        container_id=row["container"],
        container=row["container_name"],
        part=row["part"],
        detector=row["detector"],
        family=row["family"],
        confidence=Confidence(row["confidence"]),
        severity=Severity(row["severity"]),
        state=FindingState(row["state"]),
        policies=tuple(row["policies"] or ()),
        preview=row["preview"],
        fingerprint=row["fingerprint"],
        first_seen=row["first_seen"],
        last_seen=row["last_seen"],
        resolved_at=row["resolved_at"],
        author_id=row["author_id"],
        author=row["author"],
        author_email=row["author_email"],
        visibility=Visibility(row["visibility"]),
        places=tuple(_place(each) for each in row["places"] or ()),
        path=repository_path(row["resource_kind"], row["label"], row["url"]),
        validity=Validity(row["validity"]) if row["validity"] else None,
        validity_checked_at=row["validity_checked_at"],
        validity_evidence=row["validity_evidence"],
    )


def _place(value: Mapping[str, Any]) -> Place:
    return Place(
        value["start"],
        value["end"],
        value.get("path", ""),
        value.get("row"),
        value.get("column"),
        value.get("mismatch", ""),
    )


def repository_path(kind: str, label: str, url: str) -> str:
    """Return the path of a file in a repository; empty for anything else.

    Code hosts show a file at `…/blob/REF/PATH`. A branch's name may hold slashes itself, so the label, which
    begins with the kind and the path, says where the path starts.
    """
    _, marker, tail = unquote(urlsplit(url).path).partition("/blob/")
    if kind != "file" or not marker:
        return ""
    steps = tail.split("/")
    paths = ["/".join(steps[start:]) for start in range(1, len(steps))]
    return next((path for path in paths if label.startswith(f"{kind} {path}")), paths[0] if paths else "")


def as_values(record: FindingRecord) -> dict[str, JSON]:
    """Return a record as JSON-able values, in the order in which columns are written."""
    return {
        "id": record.id,
        "tenant": record.tenant,
        "residency": record.residency,
        "connection": record.connection,
        "app": record.app,
        "resource_id": record.resource_id,
        "resource_kind": record.resource_kind,
        "resource_label": record.resource_label,
        "resource_url": record.resource_url,
        "container_id": record.container_id,
        "container": record.container,
        "part": record.part,
        "path": record.path,
        "detector": record.detector,
        "family": record.family,
        "confidence": record.confidence.name,
        "severity": record.severity.name,
        "state": record.state.value,
        "policies": list(record.policies),
        "preview": record.preview,
        "fingerprint": record.fingerprint,
        "first_seen": iso(record.first_seen),
        "last_seen": iso(record.last_seen),
        "resolved_at": iso(record.resolved_at),
        "author_id": record.author_id,
        "author": record.author,
        "author_email": record.author_email,
        "visibility": record.visibility.value,
        "places": [_filled(place, ("start", "end", "path", "row", "column", "mismatch")) for place in record.places],
        "regions": [_filled(region, ("line", "column", "end_line", "end_column")) for region in record.regions],
        "validity": record.validity.value if record.validity else None,
        "validity_checked_at": iso(record.validity_checked_at),
        "validity_evidence": dict(record.validity_evidence) if record.validity_evidence else None,
    }


def _filled(value: Place | Region, names: tuple[str, ...]) -> dict[str, JSON]:
    found = {name: getattr(value, name) for name in names}
    return {name: each for name, each in found.items() if name == "start" or each not in ("", None, 0)}


def iso(moment: datetime | None) -> str | None:
    """Return a time as RFC 3339 text in UTC, to the millisecond."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z") if moment else None
