"""The management API: stored policies and rules, deliveries, detectors, usage and the request log."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID, uuid4

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Query, Response

from connectors.api import alerts, rules, views
from connectors.api.errors import ApiError
from connectors.api.gate import caller
from connectors.api.platform import Platform
from connectors.api.policies import opened, sealed
from connectors.api.views import (
    DeliveryPage,
    DetectorList,
    RequestPage,
    StoredList,
    StoredPolicyBody,
    StoredRuleBody,
    StoredView,
    UsageAnswer,
    cursor,
)
from connectors.api.wire import PolicyBody, RuleBody
from connectors.detection import catalog
from connectors.store import deliveries, quotas, requests, stored_rules, tenants
from connectors.store.keys import Key
from connectors.store.stored_rules import Stored

Limit = Annotated[int, Query(ge=1, le=100)]
Page = Annotated[str | None, Query(alias="cursor", max_length=300)]
MOST_STORED = 500


def policies_router(platform: Platform) -> APIRouter:
    """Return the endpoints of stored policies."""
    router = APIRouter(prefix="/api/v1/policies", tags=["policies"])
    reader = Depends(caller(platform.gate, endpoint="policies", scope="policies:read"))
    writer = Depends(caller(platform.gate, endpoint="policies", scope="policies:write"))
    kept = Kept(platform, "policy")

    @router.get("", response_model=StoredList, summary="List stored policies")
    def list_policies(key: Key = reader) -> Any:
        return kept.listed(key)

    @router.post("", response_model=StoredView, status_code=201, summary="Store a policy")
    def create_policy(body: StoredPolicyBody, key: Key = writer) -> Any:
        kept.check(key, body.policy)
        return kept.create(key, body.name, body.policy)

    @router.get("/{policy_id}", response_model=StoredView, summary="One stored policy")
    def show_policy(policy_id: UUID, key: Key = reader) -> Any:
        return kept.show(key, policy_id)

    @router.put("/{policy_id}", response_model=StoredView, summary="Replace a stored policy")
    def replace_policy(policy_id: UUID, body: StoredPolicyBody, key: Key = writer) -> Any:
        kept.check(key, body.policy)
        return kept.replace(key, policy_id, body.name, body.policy, revision=body.revision)

    @router.delete("/{policy_id}", status_code=204, summary="Delete a stored policy")
    def delete_policy(policy_id: UUID, key: Key = writer) -> Response:
        return kept.delete(key, policy_id)

    return router


def rules_router(platform: Platform) -> APIRouter:
    """Return the endpoints of stored detection rules."""
    router = APIRouter(prefix="/api/v1/detection-rules", tags=["policies"])
    reader = Depends(caller(platform.gate, endpoint="rules", scope="policies:read"))
    writer = Depends(caller(platform.gate, endpoint="rules", scope="policies:write"))
    kept = Kept(platform, "rule")

    @router.get("", response_model=StoredList, summary="List stored rules")
    def list_rules(key: Key = reader) -> Any:
        return kept.listed(key)

    @router.post("", response_model=StoredView, status_code=201, summary="Store a rule")
    def create_rule(body: StoredRuleBody, key: Key = writer) -> Any:
        kept.check(key, PolicyBody(detectionRules=[body.rule]))
        return kept.create(key, body.name, body.rule.model_copy(update={"name": body.rule.name or body.name}))

    @router.get("/{rule_id}", response_model=StoredView, summary="One stored rule")
    def show_rule(rule_id: UUID, key: Key = reader) -> Any:
        return kept.show(key, rule_id)

    @router.put("/{rule_id}", response_model=StoredView, summary="Replace a stored rule")
    def replace_rule(rule_id: UUID, body: StoredRuleBody, key: Key = writer) -> Any:
        kept.check(key, PolicyBody(detectionRules=[body.rule]))
        named = body.rule.model_copy(update={"name": body.rule.name or body.name})
        return kept.replace(key, rule_id, body.name, named, revision=body.revision)

    @router.delete("/{rule_id}", status_code=204, summary="Delete a stored rule")
    def delete_rule(rule_id: UUID, key: Key = writer) -> Response:
        return kept.delete(key, rule_id)

    return router


def records_router(platform: Platform) -> APIRouter:
    """Return the endpoints of deliveries, detectors, usage and the request log."""
    router = APIRouter(prefix="/api/v1", tags=["records"])
    reads = Depends(caller(platform.gate, endpoint="deliveries", scope="deliveries:read"))
    scans = Depends(caller(platform.gate, endpoint="detectors", scope="scan"))
    usage = Depends(caller(platform.gate, endpoint="usage", scope="usage:read"))

    @router.get("/deliveries", response_model=DeliveryPage, summary="Inbound webhook deliveries, newest first")
    def list_deliveries(
        connection: Annotated[str, Query(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$")],
        state: Annotated[str | None, Query(pattern="^(accepted|failed|replayed)$")] = None,
        limit: Limit = 50,
        page: Page = None,
        key: Key = reads,
    ) -> Any:
        after = views.after(page)
        rows = platform.database(key).read(
            lambda c: deliveries.listed(
                c, key.residency, tenant=key.tenant, names=(connection,), state=state, before=after, limit=limit + 1
            ),
            stale_ok=True,
        )
        last = rows[limit - 1] if len(rows) > limit else None
        return {
            "deliveries": [_delivery_view(row) for row in rows[:limit]],
            "nextCursor": cursor(last["received_at"], last["id"]) if last is not None else None,
        }

    @router.get("/detectors", response_model=DetectorList, summary="Built-in detectors")
    def list_detectors(key: Key = scans) -> Any:
        del key
        shown = [
            {"name": name, "uuid": uuid, "detectors": [d.id for d in catalog.resolve(name)]}
            for name, uuid in rules.names().items()
        ]
        return {"detectors": shown}

    @router.get("/usage", response_model=UsageAnswer, summary="Usage by day, and the quota")
    def show_usage(
        since: Annotated[str, Query(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")] = "2000-01-01", key: Key = usage
    ) -> Any:
        return _usage(platform, key, since)

    @router.get("/requests", response_model=RequestPage, summary="The request log, newest first")
    def list_requests(limit: Limit = 50, page: Page = None, key: Key = usage) -> Any:
        rows = platform.database(key).read(
            lambda c: requests.latest(
                c, residency=key.residency, tenant=key.tenant, limit=limit + 1, before=views.after(page)
            ),
            stale_ok=True,
        )
        last = rows[limit - 1] if len(rows) > limit else None
        return {
            "requests": [_request_view(row) for row in rows[:limit]],
            "nextCursor": cursor(last.at, last.id) if last is not None else None,
        }

    return router


class Kept:
    """Stored policies or rules of the calling key's tenant."""

    def __init__(self, platform: Platform, kind: str) -> None:
        self._platform = platform
        self._kind = kind

    def check(self, key: Key, policy: PolicyBody) -> None:
        """Refuse a policy that could not be used. Raises `ApiError`."""
        runtime = self._platform.runtime
        found = self._platform.policies.stored_rules(self._platform.database(key), key, policy)
        alerts.check(runtime, rules.compiled(policy, found))

    def listed(self, key: Key) -> dict[str, Any]:
        """Return all of them."""
        rows = self._platform.database(key).read(
            lambda c: stored_rules.listed(c, residency=key.residency, tenant=key.tenant, kind=self._kind)
        )
        return {"items": [self._view(row) for row in rows]}

    def show(self, key: Key, which: UUID) -> dict[str, Any]:
        """Return one. Raises `ApiError`."""
        rows = self._platform.database(key).read(
            lambda c: stored_rules.load(c, residency=key.residency, tenant=key.tenant, kind=self._kind, ids=[which])
        )
        if which not in rows:
            raise ApiError(40400, f"there is no {self._kind} with this UUID")
        return self._view(rows[which])

    def create(self, key: Key, name: str, body: PolicyBody | RuleBody) -> dict[str, Any]:
        """Store a new one."""
        row = self._row(key, uuid4(), name, body, revision=1)
        database = self._platform.database(key)

        def work(connection: sa.Connection) -> None:
            there = stored_rules.count(connection, residency=key.residency, tenant=key.tenant, kind=self._kind)
            if there >= MOST_STORED:
                raise ApiError(42200, f"At most {MOST_STORED} are kept; delete some first.")
            stored_rules.add(connection, database, row)

        database.run(work)
        return self._view(row)

    def replace(
        self, key: Key, which: UUID, name: str, body: PolicyBody | RuleBody, *, revision: int | None
    ) -> dict[str, Any]:
        """Replace one that nobody changed meanwhile. Raises `ApiError`, `NotFound` or `Conflict`."""
        if revision is None:
            raise ApiError(40002, data={"revision": "send the revision that was read"})
        row = self._row(key, which, name, body, revision=revision)
        self._platform.database(key).run(lambda c: stored_rules.replace(c, row, revision=revision))
        return self.show(key, which)

    def delete(self, key: Key, which: UUID) -> Response:
        """Delete one. Raises `NotFound`."""
        self._platform.database(key).run(
            lambda c: stored_rules.remove(c, residency=key.residency, tenant=key.tenant, kind=self._kind, which=which)
        )
        return Response(status_code=204)

    def _row(self, key: Key, which: UUID, name: str, body: PolicyBody | RuleBody, *, revision: int) -> Stored:
        now = self._platform.runtime.now()
        return Stored(
            residency=key.residency,
            id=which,
            tenant=key.tenant,
            kind=self._kind,
            name=name,
            body=sealed(self._platform.runtime.vault, which, body),
            revision=revision,
            created_at=now,
            updated_at=now,
        )

    def _view(self, row: Stored) -> dict[str, Any]:
        return {
            "id": row.id,
            "name": row.name,
            "revision": row.revision,
            "createdAt": row.created_at,
            "updatedAt": row.updated_at,
            "body": opened(self._platform.runtime.vault, row),
        }


def _delivery_view(row: Any) -> dict[str, Any]:
    return {
        "id": row["id"],
        "connection": row["connection"],
        "deliveryId": row["delivery_id"],
        "state": row["state"],
        "reason": row["reason"],
        "events": row["events"],
        "size": row["size"],
        "receivedAt": row["received_at"],
    }


def _request_view(row: Any) -> dict[str, Any]:
    names = ("id", "at", "endpoint", "method", "status", "code", "bytes", "items", "findings", "microseconds")
    return {name: getattr(row, name) for name in names} | {"keyId": row.key_id}


def _usage(platform: Platform, key: Key, since: str) -> dict[str, Any]:
    now = platform.runtime.now()

    def look(connection: sa.Connection) -> tuple[Any, int, list[Any]]:
        owner = tenants.load(connection, residency=key.residency, names={key.tenant})[key.tenant]
        taken = quotas.taken(connection, residency=key.residency, tenant=key.tenant, now=now)
        days = requests.totals(connection, residency=key.residency, tenant=key.tenant, since=since)
        return owner, taken, days

    owner, taken, days = platform.database(key).read(look)
    return {
        "tier": owner.tier,
        "quotaBytes": owner.limits.monthly_bytes,
        "quotaTaken": taken,
        "quotaPeriodEnd": quotas.period_end(now),
        "days": [row._asdict() for row in days],
    }
