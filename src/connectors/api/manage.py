"""The management API: findings and violations, listed, searched, judged and acted on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID, uuid4

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Query

from connectors.api import views
from connectors.api.errors import ApiError
from connectors.api.gate import caller
from connectors.api.platform import Platform
from connectors.api.views import (
    ActionAnswer,
    ActionRequest,
    Annotation,
    AnnotationAnswer,
    FindingDetail,
    FindingPage,
    FindingView,
    StateChange,
    ViolationAction,
    ViolationPage,
    ViolationView,
    cursor,
    finding_view,
    violation_view,
)
from connectors.store import actions, findings, review
from connectors.store.jobs import enqueue
from connectors.store.keys import Key
from connectors.store.review import Actor, Row
from connectors.store.search import search
from connectors.work import acting

Search = Annotated[str, Query(alias="q", max_length=1000, description="state:open severity:>=high -app:slack")]
Limit = Annotated[int, Query(ge=1, le=100)]
LIVING = ("open", "acknowledged")


def findings_router(platform: Platform) -> APIRouter:
    """Return the endpoints of findings."""
    router = APIRouter(prefix="/api/v1/findings", tags=["findings"])
    reader = Depends(caller(platform.gate, endpoint="findings", scope="findings:read"))
    writer = Depends(caller(platform.gate, endpoint="findings", scope="findings:write"))
    now = platform.runtime.now

    @router.get("", response_model=FindingPage, summary="List and search findings")
    def list_findings(
        q: Search = "",
        limit: Limit = 50,
        page: Annotated[str | None, Query(alias="cursor", max_length=300)] = None,
        key: Key = reader,
    ) -> Any:
        where = search(q, now())
        rows = platform.database(key).read(
            lambda c: review.listed(
                c, residency=key.residency, tenant=key.tenant, where=where, limit=limit + 1, after=views.after(page)
            ),
            stale_ok=True,
        )
        return {"findings": [finding_view(row) for row in rows[:limit]], "nextCursor": _next(rows, limit)}

    @router.get("/{finding_id}", response_model=FindingDetail, summary="One finding with its history")
    def show_finding(finding_id: UUID, key: Key = reader) -> Any:
        def look(connection: sa.Connection) -> tuple[Row, list[Row]]:
            row = review.find(connection, residency=key.residency, tenant=key.tenant, which=finding_id)
            return row, findings.history(connection, key.residency, finding_id)

        row, history = platform.database(key).read(look)
        return finding_view(row) | {"history": history, "possibleActions": _possible(platform, row)}

    @router.post("/{finding_id}/state", response_model=FindingView, summary="Change the state")
    def change_state(finding_id: UUID, body: StateChange, key: Key = writer) -> Any:
        database = platform.database(key)
        row = database.run(
            lambda c: review.set_state(
                c, database, _actor(key), finding_id, body.state,
                comment=body.comment, now=now(), revision=body.revision,
            )
        )  # fmt: skip
        return finding_view(row)

    @router.get("/{finding_id}/annotation", response_model=AnnotationAnswer, summary="What was said of it")
    def show_annotation(finding_id: UUID, key: Key = reader) -> Any:
        def look(connection: sa.Connection) -> Row | None:
            row = review.find(connection, residency=key.residency, tenant=key.tenant, which=finding_id)
            return review.annotation(
                connection, residency=key.residency, tenant=key.tenant, fingerprint=row["fingerprint"]
            )

        return {"annotation": platform.database(key).read(look), "changed": []}

    @router.post("/{finding_id}/annotation", response_model=AnnotationAnswer, summary="Annotate")
    def annotate(finding_id: UUID, body: Annotation, key: Key = writer) -> Any:
        database, at = platform.database(key), now()
        moved = database.run(
            lambda c: review.annotate(
                c, database, _actor(key), finding_id, body.verdict,
                comment=body.comment, everywhere=body.applyToAll, now=at,
            )
        )  # fmt: skip
        said = {"verdict": body.verdict, "actor": _actor(key).name, "comment": body.comment, "at": at}
        return {"annotation": said, "changed": [row["id"] for row in moved]}

    @router.delete("/{finding_id}/annotation", response_model=AnnotationAnswer, summary="Take it back")
    def unannotate(finding_id: UUID, key: Key = writer) -> Any:
        database = platform.database(key)
        moved = database.run(lambda c: review.unannotate(c, database, _actor(key), finding_id, comment="", now=now()))
        return {"annotation": None, "changed": [row["id"] for row in moved]}

    @router.post("/{finding_id}/actions", response_model=ActionAnswer, status_code=202, summary="Act in the app")
    def act(finding_id: UUID, body: ActionRequest, key: Key = writer) -> Any:
        row = platform.database(key).read(
            lambda c: review.find(c, residency=key.residency, tenant=key.tenant, which=finding_id)
        )
        return {"runs": _act(platform, key, [row], body.action, why=body.why, dry_run=body.dryRun)}

    return router


def violations_router(platform: Platform) -> APIRouter:
    """Return the endpoints of violations: resources that have findings."""
    router = APIRouter(prefix="/api/v1/violations", tags=["violations"])
    reader = Depends(caller(platform.gate, endpoint="violations", scope="findings:read"))
    writer = Depends(caller(platform.gate, endpoint="violations", scope="findings:write"))

    @router.get("", response_model=ViolationPage, summary="List and search violations")
    def list_violations(
        q: Search = "",
        limit: Limit = 50,
        page: Annotated[str | None, Query(alias="pageToken", max_length=300)] = None,
        key: Key = reader,
    ) -> Any:
        where = search(q, platform.runtime.now())
        rows = platform.database(key).read(
            lambda c: review.violations(
                c, residency=key.residency, tenant=key.tenant, where=where, limit=limit + 1,
                after=views.after(page, field="pageToken"),
            ),
            stale_ok=True,
        )  # fmt: skip
        shown = [violation_view(row, _possible(platform, row)) for row in rows[:limit]]
        return {"violations": shown, "nextPageToken": _next(rows, limit) or ""}

    @router.get("/{violation_id}", response_model=ViolationView, summary="One violation")
    def show_violation(violation_id: UUID, key: Key = reader) -> Any:
        rows = _violation(platform, key, violation_id)
        return violation_view(rows[0], _possible(platform, rows[0]))

    @router.get("/{violation_id}/findings", response_model=FindingPage, summary="Its findings")
    def show_findings(violation_id: UUID, key: Key = reader) -> Any:
        rows = _violation(platform, key, violation_id)
        return {"findings": [finding_view(row) for row in rows], "nextCursor": None}

    @router.post("/actions", response_model=ActionAnswer, status_code=202, summary="Act on violations")
    def act(body: ViolationAction, key: Key = writer) -> Any:
        rows = [row for which in dict.fromkeys(body.violationIds) for row in _violation(platform, key, which)]
        living = [row for row in rows if row["state"] in LIVING]
        return {"runs": _act(platform, key, living, body.action, why=body.why, dry_run=body.dryRun)}

    return router


def _violation(platform: Platform, key: Key, which: UUID) -> list[Row]:
    return platform.database(key).read(
        lambda c: review.of_violation(c, residency=key.residency, tenant=key.tenant, which=which)
    )


def _next(rows: Sequence[Row], limit: int) -> str | None:
    return cursor(rows[limit - 1]["last_seen"], rows[limit - 1]["id"]) if len(rows) > limit else None


def _actor(key: Key) -> Actor:
    return Actor(f"key:{key.name}", key.residency, key.tenant)


def _possible(platform: Platform, row: Row) -> list[str]:
    """Return the names of the actions that the connector offers for a finding's resource."""
    connector = platform.runtime.host.connectors.get(row["app"])
    if connector is None or not isinstance(connector, type) or not hasattr(connector, "act"):
        return []
    offered = getattr(connector, "actions", ())
    return [spec.name for spec in offered if not spec.kinds or row["resource_kind"] in spec.kinds]


def _act(platform: Platform, key: Key, rows: Sequence[Row], action: str, *, why: str, dry_run: bool) -> list[UUID]:
    """Record an action on findings and ask for it, all in one transaction. Raises `ApiError`."""
    for row in rows:
        if action not in _possible(platform, row):
            offered = ", ".join(_possible(platform, row)) or "none"
            raise ApiError(42200, data={"action": f"not offered for this resource; offered: {offered}"})
    database, runtime, batch = platform.database(key), platform.runtime, uuid4()
    at, actor = runtime.now(), _actor(key).name

    def work(connection: sa.Connection) -> list[UUID]:
        runs = []
        for row in rows:
            run = actions.plan(
                database, connection, row, action, actor=actor, why=why, dry_run=dry_run, now=at, batch=batch
            )
            job = acting.request(run, residency=key.residency, tenant=key.tenant, connection=row["connection"])
            enqueue(database, connection, [job], vault=runtime.vault, now=at)
            runs.append(run)
        return runs

    return database.run(work)
