"""What workers do for the developer platform: scan uploaded files, and tell about results."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import structlog

from connectors.alerts.destination import Alert
from connectors.api import alerts, answers, files, results, rules
from connectors.api.errors import ApiError
from connectors.api.platform import detectors_of
from connectors.api.policies import PolicyBook
from connectors.api.results import Result
from connectors.api.rules import Policy
from connectors.api.wire import FileScanBody
from connectors.errors import ConfigError, Conflict, NotFound, Transient, Unsupported
from connectors.model import (
    Confidence,
    Container,
    Finding,
    Place,
    Resource,
    Severity,
    UnitFailure,
)
from connectors.net import Limits, Session, connect
from connectors.runtime import Runtime
from connectors.store import keys, tenants, uploads
from connectors.store.columns import natural_id
from connectors.store.jobs import enqueue
from connectors.store.uploads import Upload
from connectors.work.job import Ended, Handler, JobRun

MOST_FINDINGS = 10_000
"""Findings that one result holds; that there were more stands in its errors."""

log = structlog.get_logger(__name__)


def scan_file(run: JobRun) -> Ended:
    """Scan an uploaded file, keep the result for a day, delete the file, and ask for the alerts."""
    runtime, which = run.runtime, UUID(run.arguments["upload"])
    found, sealed = _upload(run, which)
    if found is None or sealed is None or found.state != "scanning":
        return Ended()
    request = runtime.vault.open(sealed, context=f"upload:{which}")
    asked = FileScanBody.model_validate(request)
    key = run.database.read(lambda c: keys.load(c, residency=run.residency, ids=[found.key_id])).get(found.key_id)
    if key is None:
        return Ended(lambda c: _fail(c, run, found, "the key is gone"))
    wanted = asked.policy if asked.policy is not None else asked.policyUUID
    assert wanted is not None  # noqa: S101 (the model saw to it)
    book = PolicyBook(runtime.vault)
    try:
        policy = book.known(key, wanted) or book.stored(run.database, key, wanted)
        findings, errors = _scanned(runtime, policy, found)
    except ApiError as error:
        policy, findings, errors = None, [], [error.body()]
    previews = [alerts.shown(finding) for finding in findings[:100]]
    result = Result(run.residency, found.tenant, natural_id("result", str(which)), findings, errors, previews)
    extra = {"upload": str(which), "metadata": asked.requestMetadata, "present": bool(findings)}
    told, webhook = (policy.alerts, policy.webhook) if policy else (None, "")
    wanted_jobs = list(alerts.jobs(key, told, webhook, result=result.id, base=request["base"], extra=extra))
    body, now = results.sealed(runtime.vault, result), run.now()

    def effects(connection: sa.Connection) -> None:
        try:
            uploads.move(
                connection, found, before=("scanning",), after="done", now=now, result_id=result.id, request=None
            )
        except Conflict:
            return  # Done before, by a worker that was taken for dead.
        uploads.keep_result(
            connection,
            run.database,
            residency=run.residency,
            tenant=found.tenant,
            which=result.id,
            body=body,
            now=now,
        )
        uploads.drop(connection, found)
        enqueue(run.database, connection, wanted_jobs, vault=runtime.vault, now=now)

    return Ended(effects)


def tell(run: JobRun) -> Ended:
    """Tell one of those who wanted to know about a result."""
    wanted = run.arguments
    which = UUID(wanted["result"])
    try:
        result = results.load(run.runtime, residency=run.residency, which=which)
    except NotFound:
        return Ended()  # Nobody took it within a day.
    if wanted["kind"] == "url":
        _post(run, wanted, result)
    elif result["findings"]:
        _deliver(run, wanted, result)
    return Ended()


HANDLERS: Mapping[str, Handler] = {files.QUEUE: scan_file, alerts.QUEUE: tell}
"""Job handlers by queue."""


def _upload(run: JobRun, which: UUID) -> tuple[Upload | None, bytes | None]:
    def look(connection: sa.Connection) -> tuple[Upload | None, bytes | None]:
        tenant = str(run.row["tenant"])
        try:
            found = uploads.find(connection, residency=run.residency, tenant=tenant, which=which, now=run.now())
        except NotFound:
            return None, None
        return found, uploads.request_of(connection, found)

    return run.database.read(look)


def _fail(connection: sa.Connection, run: JobRun, found: Upload, reason: str) -> None:
    uploads.move(connection, found, before=("scanning",), after="failed", now=run.now(), reason=reason)
    uploads.drop(connection, found)


def _scanned(runtime: Runtime, policy: Policy, found: Upload) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the findings of a file, and what of it was not read."""
    findings: list[dict[str, Any]] = []
    errors: list[dict[str, Any]] = []
    for part in _parts(runtime, policy, found):
        if isinstance(part, UnitFailure):
            errors.append({"path": part.part, "reason": str(part.reason), "detail": part.detail})
            continue
        findings.extend(part[: MOST_FINDINGS + 1 - len(findings)])
        if len(findings) > MOST_FINDINGS:
            errors.append({"path": "", "reason": "too_many", "detail": f"the first {MOST_FINDINGS} are shown"})
            return findings[:MOST_FINDINGS], errors
    return findings, errors


def _parts(runtime: Runtime, policy: Policy, found: Upload) -> Iterator[list[dict[str, Any]] | UnitFailure]:
    detectors = detectors_of(runtime)
    for text in runtime.extraction.extract_bytes(_content(runtime, found), media_type=found.media_type):
        if isinstance(text, UnitFailure):
            yield text
            continue
        matches = detectors.table(policy, text)
        shown, _ = answers.findings(policy, text.text, rules.counted(policy, text.text, matches))
        for finding in shown:
            # Only texts are redacted: there is no redacted file that this could be a place in.
            finding.pop("redactedLocation", None)
            finding["path"] = text.path
        yield shown


def _content(runtime: Runtime, found: Upload) -> bytes:
    database = runtime.databases.of(found.residency)
    parts = database.read(lambda c: list(uploads.pieces(c, found)))
    content = b"".join(
        runtime.vault.decrypt(part.body, context=files.piece_context(found.id, part.start)) for part in parts
    )
    if len(content) != found.size:
        raise ConfigError("an uploaded file is not whole any more")
    return content


def _post(run: JobRun, wanted: Mapping[str, Any], result: Mapping[str, Any]) -> None:
    """Challenge an address, then post the result to it, signed."""
    runtime, now = run.runtime, run.now()
    secret = _signing_secret(run)
    until = now + timedelta(hours=24)
    body = {
        "findingsURL": results.signed_url(
            runtime.vault, wanted["base"], residency=run.residency, which=UUID(wanted["result"]), until=until
        ),
        "validUntil": results.utc(until),
        "uploadID": wanted["upload"],
        "findingsPresent": bool(wanted["present"]),
        "requestMetadata": wanted["metadata"],
        "errors": list(result["errors"]),
    }
    with _session(runtime) as session:
        challenge = secrets.token_urlsafe(24)
        answer = _send(session, wanted["target"], {"challenge": challenge}, secret, int(now.timestamp()))
        if not secrets.compare_digest(answer.strip().encode(), challenge.encode()):
            raise Transient("the webhook did not answer the challenge with the challenge")
        _send(session, wanted["target"], body, secret, int(run.now().timestamp()))
    log.info("scan_result_posted", result=wanted["result"], upload=wanted["upload"])


def _send(session: Session, url: str, body: Mapping[str, Any], secret: str, timestamp: int) -> str:
    raw = json.dumps(body, separators=(",", ":")).encode()
    headers = {
        "Content-Type": "application/json",
        "X-Nightfall-Timestamp": str(timestamp),
        "X-Nightfall-Signature": results.signature(secret, timestamp, raw),
    }
    response = session.post(url, data=raw, headers=headers, allow_redirects=False)
    if response.status_code != 200:
        raise Transient(f"the webhook answered {response.status_code}")
    return response.text


def _session(runtime: Runtime) -> Session:
    limits = Limits(read=runtime.config.outbound.timeout, attempts=1, max_bytes=64 * 1024, redirects=0)
    return connect(guard=alerts.guard(runtime), limits=limits)


def _signing_secret(run: JobRun) -> str:
    tenant = str(run.row["tenant"])
    sealed = run.database.read(lambda c: tenants.signing_secret(c, residency=run.residency, name=tenant))
    if sealed is None:
        raise Unsupported(f"there is no tenant {tenant!r} any more")
    return run.runtime.vault.decrypt(sealed, context=tenants.secret_context(tenant)).decode()


def _deliver(run: JobRun, wanted: Mapping[str, Any], result: Mapping[str, Any]) -> None:
    """Tell by Slack or e-mail, with redacted previews only."""
    aimed = alerts.destination(run.runtime, wanted["kind"], wanted["target"])
    if aimed is None:
        raise Unsupported(f"no destination of kind {wanted['kind']} is configured any more")
    resource = Resource(
        id=f"scan:{wanted['result']}",
        kind="scan",
        container=Container("api", "developer API"),
        label=f"upload {wanted['upload']}" if wanted["upload"] else f"scan {wanted['result']}",
    )
    findings = tuple(_as_finding(resource, number, *each) for number, each in enumerate(result["previews"]))
    alert = Alert(
        id=str(natural_id("scan alert", wanted["result"], wanted["kind"], wanted["target"])),
        tenant=str(run.row["tenant"]),
        policy="developer API",
        severity=Severity.MEDIUM,
        app="api",
        connection="api",
        resource=resource,
        findings=findings,
        created_at=run.now(),
    )
    aimed.deliver(alert)


def _as_finding(resource: Resource, number: int, detector: str, confidence: str, preview: str) -> Finding:
    return Finding(
        id=f"{resource.id}:{number}",
        connection="api",
        app="api",
        resource=resource,
        part="payload",
        detector=detector,
        family=detector,
        confidence=Confidence[confidence],
        severity=Severity.MEDIUM,
        fingerprint="",
        preview=preview,
        places=(Place(0, 0),),
    )
