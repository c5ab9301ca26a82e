"""What the management API takes and shows."""

# ruff: noqa: N815 (field names are those of the wire)

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from connectors.api.errors import ApiError
from connectors.api.wire import PolicyBody, RuleBody
from connectors.model import Confidence, FindingState, Severity
from connectors.store.review import After


def _plain(text: str) -> str:
    if "\x00" in text:
        raise ValueError("holds a NUL character")
    return text


Line = Annotated[str, AfterValidator(_plain), Field(max_length=128)]
Comment = Annotated[str, AfterValidator(_plain), Field(max_length=2000)]
Verdict = Literal["false_positive", "accepted", "confirmed"]


class Strict(BaseModel):
    """Base of the request models: an unknown key is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class StateChange(Strict):
    """A new state. With `revision`, only when nobody changed the finding since it was read."""

    state: FindingState
    comment: Comment = ""
    revision: int | None = Field(default=None, ge=0, le=2**31 - 1)


class Annotation(Strict):
    """What an analyst says of a finding; with `applyToAll`, of its value wherever it stands."""

    verdict: Verdict
    comment: Comment = ""
    applyToAll: bool = True


class ActionRequest(Strict):
    """An action in the app of the finding."""

    action: Line
    why: Comment = ""
    dryRun: bool = False


class ViolationAction(Strict):
    """An action on every open finding of some violations."""

    violationIds: list[UUID] = Field(min_length=1, max_length=100)
    action: Line
    why: Comment = ""
    dryRun: bool = False


class StoredPolicyBody(Strict):
    """A policy to keep. `revision` is what was read, when one is replaced."""

    name: Line
    policy: PolicyBody
    revision: int | None = Field(default=None, ge=0, le=2**31 - 1)


class StoredRuleBody(Strict):
    """A detection rule to keep. `revision` is what was read, when one is replaced."""

    name: Line
    rule: RuleBody
    revision: int | None = Field(default=None, ge=0, le=2**31 - 1)


class ApiKeyMetadata(BaseModel):
    """What the vendor of a token said of it when it was last asked."""

    status: Literal["ACTIVE", "EXPIRED", "UNVERIFIED"]
    kind: str
    description: str
    checkedAt: datetime


class FindingMetadata(BaseModel):
    """What is known of a value beside its place."""

    apiKeyMetadata: ApiKeyMetadata


class FindingView(BaseModel):
    """A finding. The value itself is never kept; `preview` is redacted."""

    id: UUID
    violationId: UUID
    connection: str
    app: str
    resourceId: str
    resourceKind: str
    container: str
    containerName: str
    label: str
    url: str
    author: dict[str, str]
    visibility: str
    part: str
    detector: str
    family: str
    confidence: str
    severity: str
    policies: list[str]
    fingerprint: str
    preview: str
    places: list[dict[str, Any]]
    count: int
    state: str
    revision: int
    note: str
    findingMetadata: FindingMetadata | None
    firstSeen: datetime
    lastSeen: datetime
    resolvedAt: datetime | None
    updatedAt: datetime


class FindingPage(BaseModel):
    """A page of findings; `nextCursor` is null on the last one."""

    findings: list[FindingView]
    nextCursor: str | None


class ChangeView(BaseModel):
    """One change of state."""

    at: datetime
    actor: str
    before: str
    after: str
    revision: int
    comment: str


class FindingDetail(FindingView):
    """A finding with its history and what can be done about it."""

    history: list[ChangeView]
    possibleActions: list[str]


class AnnotationView(BaseModel):
    """What was said of a value."""

    verdict: str
    actor: str
    comment: str
    at: datetime


class AnnotationAnswer(BaseModel):
    """The annotation of a finding, null when there is none, and the findings that it moved."""

    annotation: AnnotationView | None
    changed: list[UUID]


class ActionAnswer(BaseModel):
    """Actions that were asked for; a worker does them. `runs` are their ids."""

    runs: list[UUID]


class ViolationView(BaseModel):
    """A resource that has findings."""

    id: UUID
    integration: str
    connection: str
    createdAt: datetime
    updatedAt: datetime
    possibleActions: list[str]
    state: str
    severity: str
    resourceLink: str
    metadata: dict[str, Any]


class ViolationPage(BaseModel):
    """A page of violations; `nextPageToken` is empty on the last one."""

    violations: list[ViolationView]
    nextPageToken: str


class StoredView(BaseModel):
    """A stored rule or policy."""

    id: UUID
    name: str
    revision: int
    createdAt: datetime
    updatedAt: datetime
    body: dict[str, Any]


class StoredList(BaseModel):
    """All stored rules or policies."""

    items: list[StoredView]


class DeliveryView(BaseModel):
    """One inbound webhook request, without its body."""

    id: UUID
    connection: str
    deliveryId: str
    state: str
    reason: str
    events: int
    size: int
    receivedAt: datetime


class DeliveryPage(BaseModel):
    """A page of deliveries; `nextCursor` is null on the last one."""

    deliveries: list[DeliveryView]
    nextCursor: str | None


class DetectorView(BaseModel):
    """A built-in detector by one of its names."""

    name: str
    uuid: UUID
    detectors: list[str]


class DetectorList(BaseModel):
    """All names of built-in detectors."""

    detectors: list[DetectorView]


class UsageView(BaseModel):
    """The use of one day and endpoint."""

    day: str
    endpoint: str
    requests: int
    errors: int
    bytes: int
    findings: int


class UsageAnswer(BaseModel):
    """The use of a tenant, and its quota for the current month. `quotaTaken` counts blocks lent to nodes."""

    tier: str
    quotaBytes: int
    quotaTaken: int
    quotaPeriodEnd: datetime
    days: list[UsageView]


class RequestView(BaseModel):
    """One line of the request log."""

    id: UUID
    at: datetime
    keyId: UUID
    endpoint: str
    method: str
    status: int
    code: int
    bytes: int
    items: int
    findings: int
    microseconds: int


class RequestPage(BaseModel):
    """A page of the request log; `nextCursor` is null on the last one."""

    requests: list[RequestView]
    nextCursor: str | None


def finding_view(row: Mapping[str, Any]) -> dict[str, Any]:
    """Show a finding's row."""
    return {
        "id": row["id"],
        "violationId": row["resource_key"],
        "connection": row["connection"],
        "app": row["app"],
        "resourceId": row["resource_id"],
        "resourceKind": row["resource_kind"],
        "container": row["container"],
        "containerName": row["container_name"],
        "label": row["label"],
        "url": row["url"],
        "author": {"id": row["author_id"], "name": row["author"], "email": row["author_email"]},
        "visibility": row["visibility"],
        "part": row["part"],
        "detector": row["detector"],
        "family": row["family"],
        "confidence": Confidence(row["confidence"]).name,
        "severity": Severity(row["severity"]).name.lower(),
        "policies": row["policies"],
        "fingerprint": row["fingerprint"],
        "preview": row["preview"],
        "places": row["places"],
        "count": row["count"],
        "state": row["state"],
        "revision": row["revision"],
        "note": row["note"],
        "findingMetadata": _metadata(row),
        "firstSeen": row["first_seen"],
        "lastSeen": row["last_seen"],
        "resolvedAt": row["resolved_at"],
        "updatedAt": row["updated_at"],
    }


def _metadata(row: Mapping[str, Any]) -> dict[str, Any] | None:
    """Show what the vendor said of a token; None when nobody was asked."""
    if row["validity"] is None:
        return None
    evidence = row["validity_evidence"] or {}
    status = f", status {evidence['status']}" if "status" in evidence else ""
    return {
        "apiKeyMetadata": {
            "status": row["validity"].upper(),
            "kind": evidence.get("vendor", ""),
            "description": f"{evidence.get('endpoint', '')} at {evidence.get('host', '')}: "
            f"{evidence.get('reason', '')}{status}",
            "checkedAt": row["validity_checked_at"],
        }
    }


def violation_view(row: Mapping[str, Any], actions: list[str]) -> dict[str, Any]:
    """Show a violation by the row of the finding that was seen last."""
    return {
        "id": row["resource_key"],
        "integration": row["app"],
        "connection": row["connection"],
        "createdAt": row["first_seen"],
        "updatedAt": row["updated_at"],
        "possibleActions": actions,
        "state": row["state"].upper(),
        "severity": Severity(row["severity"]).name.lower(),
        "resourceLink": row["url"],
        "metadata": {
            "resourceId": row["resource_id"],
            "resourceKind": row["resource_kind"],
            "container": row["container"],
            "containerName": row["container_name"],
            "label": row["label"],
            "visibility": row["visibility"],
            "author": row["author"],
        },
    }


def cursor(at: datetime, which: UUID) -> str:
    """Return an opaque cursor after a row."""
    return base64.urlsafe_b64encode(f"{at.isoformat()}|{which}".encode()).rstrip(b"=").decode()


def after(text: str | None, *, field: str = "cursor") -> After | None:
    """Read a cursor. Raises `ApiError`."""
    if not text:
        return None
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
        at, _, which = raw.partition("|")
        moment = datetime.fromisoformat(at)
        if moment.tzinfo is None:
            raise ValueError("naive")
        return moment, UUID(which)
    except (ValueError, binascii.Error, OverflowError):
        raise ApiError(40002, data={field: "send what the page before gave"}) from None
