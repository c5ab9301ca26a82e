"""Findings as OCSF events of the class Data Security Finding (2006), one JSON object per line.

https://schema.ocsf.io/1.8.0/classes/data_security_finding
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final, Literal, TextIO

from pydantic import BaseModel, ConfigDict, computed_field

from connectors import __version__
from connectors.export.record import FindingRecord, as_values
from connectors.model import JSON, Confidence, FindingState, Severity

_CLASS: Final = 2006

_SEVERITIES: Final = {
    Severity.INFO: (1, "Informational"),
    Severity.LOW: (2, "Low"),
    Severity.MEDIUM: (3, "Medium"),
    Severity.HIGH: (4, "High"),
    Severity.CRITICAL: (5, "Critical"),
}
_CONFIDENCES: Final = {
    Confidence.VERY_UNLIKELY: (1, "Low"),
    Confidence.UNLIKELY: (1, "Low"),
    Confidence.POSSIBLE: (2, "Medium"),
    Confidence.LIKELY: (3, "High"),
    Confidence.VERY_LIKELY: (3, "High"),
}
_STATUSES: Final = {
    FindingState.OPEN: (1, "New"),
    FindingState.ACKNOWLEDGED: (2, "In Progress"),
    FindingState.IGNORED: (3, "Suppressed"),
    FindingState.FALSE_POSITIVE: (3, "Suppressed"),
    FindingState.RESOLVED: (4, "Resolved"),
}
_ACTIVITIES: Final = {
    FindingState.OPEN: (1, "Create"),
    FindingState.ACKNOWLEDGED: (2, "Update"),
    FindingState.IGNORED: (3, "Close"),
    FindingState.FALSE_POSITIVE: (3, "Close"),
    FindingState.RESOLVED: (3, "Close"),
}


class _Object(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Product(_Object):
    """The product that reports."""

    name: str = "connectors"
    vendor_name: str = "connectors"
    version: str = __version__


class Metadata(_Object):
    """About the event itself; `version` is the schema's."""

    version: str = "1.8.0"
    product: Product = Product()
    tenant_uid: str | None = None
    labels: tuple[str, ...] = ()


class User(_Object):
    """A person: OCSF wants a name or a uid at least."""

    name: str | None = None
    uid: str | None = None
    email_addr: str | None = None


class Actor(_Object):
    """Who wrote what was found."""

    user: User


class Policy(_Object):
    """The policy that matched."""

    name: str


class Analytic(_Object):
    """The detector; type 1 is a rule."""

    name: str
    uid: str
    type_id: Literal[1] = 1
    type: Literal["Rule"] = "Rule"


class FindingInfo(_Object):
    """What was found, and when."""

    uid: str
    title: str
    analytic: Analytic
    types: tuple[str, ...]
    created_time: int | None = None
    first_seen_time: int | None = None
    last_seen_time: int | None = None
    modified_time: int | None = None
    src_url: str | None = None


class DataSecurity(_Object):
    """How it was found: at rest, by an application-level DLP. `pattern_match` stays empty: it is the value."""

    data_lifecycle_state_id: Literal[1] = 1
    data_lifecycle_state: Literal["Data at-Rest"] = "Data at-Rest"
    detection_system_id: Literal[10] = 10
    detection_system: Literal["Application-Level DLP"] = "Application-Level DLP"
    detection_pattern: str
    policy: Policy | None = None


class ResourceDetails(_Object):
    """Where it stands."""

    uid: str
    name: str
    type: str
    namespace: str | None = None
    owner: User | None = None
    labels: tuple[str, ...] = ()


class DataSecurityFinding(_Object):
    """One event."""

    activity_id: int
    activity_name: str
    category_uid: Literal[2] = 2
    category_name: Literal["Findings"] = "Findings"
    class_uid: Literal[2006] = 2006
    class_name: Literal["Data Security Finding"] = "Data Security Finding"
    time: int
    severity_id: int
    severity: str
    status_id: int
    status: str
    confidence_id: int
    confidence: str
    is_alert: bool
    message: str
    metadata: Metadata
    finding_info: FindingInfo
    data_security: DataSecurity
    resources: tuple[ResourceDetails, ...]
    actor: Actor | None = None
    start_time: int | None = None
    end_time: int | None = None
    unmapped: dict[str, JSON]

    @computed_field  # type: ignore[prop-decorator]  # pydantic's documented order of decorators
    @property
    def type_uid(self) -> int:
        """Class and activity in one number."""
        return _CLASS * 100 + self.activity_id

    @computed_field  # type: ignore[prop-decorator]  # pydantic's documented order of decorators
    @property
    def type_name(self) -> str:
        """Class and activity in words."""
        return f"{self.class_name}: {self.activity_name}"


def write(records: Iterable[FindingRecord], stream: TextIO) -> int:
    """Write one event per line, and return how many."""
    count = 0
    for count, record in enumerate(records, start=1):  # noqa: B007 (the last number is the count)
        stream.write(event(record).model_dump_json(exclude_none=True) + "\n")
    return count


def event(record: FindingRecord) -> DataSecurityFinding:
    """Return the event of a finding in its present state."""
    first, last = millis(record.first_seen), millis(record.last_seen)
    activity, severity = _ACTIVITIES[record.state], _SEVERITIES[record.severity]
    status, confidence = _STATUSES[record.state], _CONFIDENCES[record.confidence]
    where = record.resource_label or record.path or record.resource_id
    title = f"{record.detector} in {where}"
    user = _user(record)
    return DataSecurityFinding(
        activity_id=activity[0],
        activity_name=activity[1],
        time=last or first or 0,
        severity_id=severity[0],
        severity=severity[1],
        status_id=status[0],
        status=status[1],
        confidence_id=confidence[0],
        confidence=confidence[1],
        is_alert=record.state is FindingState.OPEN,
        message=title,
        metadata=Metadata(tenant_uid=record.tenant or None, labels=_labels(record)),
        finding_info=FindingInfo(
            uid=record.id,
            title=title,
            analytic=Analytic(name=record.detector, uid=record.detector),
            types=(record.family,),
            created_time=first,
            first_seen_time=first,
            last_seen_time=last,
            modified_time=millis(record.resolved_at) or last,
            src_url=record.resource_url or None,
        ),
        data_security=DataSecurity(
            detection_pattern=record.detector,
            policy=Policy(name=record.policies[0]) if record.policies else None,
        ),
        resources=(
            ResourceDetails(
                uid=record.resource_id or record.path,
                name=where,
                type=record.resource_kind or "file",
                namespace=record.container or record.container_id or None,
                owner=user,
            ),
        ),
        actor=Actor(user=user) if user else None,
        start_time=first,
        end_time=last,
        unmapped=_unmapped(record),
    )


def millis(moment: datetime | None) -> int | None:
    """Return OCSF's `timestamp_t`: milliseconds since 1970."""
    return int(moment.timestamp() * 1000) if moment else None


def _user(record: FindingRecord) -> User | None:
    name = record.author or record.author_email
    if not name and not record.author_id:
        return None
    return User(name=name or None, uid=record.author_id or None, email_addr=record.author_email or None)


def _labels(record: FindingRecord) -> tuple[str, ...]:
    facts = {"app": record.app, "connection": record.connection, "residency": record.residency}
    return tuple(f"{name}:{value}" for name, value in facts.items() if value)


def _unmapped(record: FindingRecord) -> dict[str, JSON]:
    names = ("part", "path", "preview", "fingerprint", "visibility", "state", "policies", "places", "validity")
    values = as_values(record)
    return {name: values[name] for name in names if values[name]}
