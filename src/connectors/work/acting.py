"""Doing something about a finding, in its app: re-checked right before, and always recorded."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
import structlog

from connectors.contract import Remediates
from connectors.errors import AuthError, NotFound, PluginFault, Unsupported
from connectors.host import wall
from connectors.model import ActionResult, ActionSpec, Match, Outcome, Target, Validity, Visibility
from connectors.policy import Whereabouts
from connectors.redaction import InfoType, redact
from connectors.runtime import Runtime
from connectors.store import actions, jobs
from connectors.store.alerts import finding_of
from connectors.work import rereading
from connectors.work.job import Ended, JobRun

log = structlog.get_logger()

UNTOUCHED = (ActionResult.REFUSED, ActionResult.DRY_RUN)
"""After any other result the content may not be what was scanned: it was changed, by us or by others before us."""


def act(run: JobRun) -> Ended:
    """Run one recorded action. Policy's actions are dropped when people have dealt with the finding meanwhile."""
    planned = run.database.read(lambda c: actions.load(c, run.residency, uuid.UUID(run.row["key"])))
    if planned is None or planned.run["state"] != "pending":
        return Ended()
    if planned.finding is None:
        return _end(run, planned, Outcome(ActionResult.NOTHING_TO_DO, "the finding is no longer kept"))
    if planned.run["actor"] == "policy" and planned.finding["state"] not in ("open", "acknowledged"):
        return _end(run, planned, Outcome(ActionResult.NOTHING_TO_DO, f"the finding is {planned.finding['state']}"))
    try:
        outcome = perform(run, planned.finding, planned.run["action"], dry_run=planned.run["dry_run"])
    except NotFound:
        outcome = Outcome(ActionResult.NOTHING_TO_DO, "the resource is gone from the app")
    except (Unsupported, PluginFault) as error:
        outcome = Outcome(ActionResult.REFUSED, str(error))
    except AuthError as error:
        run.trouble.broke(planned.run["connection"], error)
        outcome = Outcome(ActionResult.REFUSED, str(error))
    return _end(run, planned, outcome, reread=not planned.run["dry_run"] and outcome.result not in UNTOUCHED)


def perform(run: JobRun, finding: Mapping[str, Any], action: str, *, dry_run: bool) -> Outcome:
    """Do one action through the finding's connector. Raises what the connector raises."""
    connector = run.connectors.get(finding["connection"])
    if not isinstance(connector, Remediates):
        raise Unsupported(f"{finding['app']} offers no actions")
    spec = next((spec for spec in connector.actions if spec.name == action), None)
    check_applies(spec, action, finding, tuple(each.name for each in connector.actions))
    target = target_of(run.runtime, finding)
    with wall(run.runtime.host.owners[finding["app"]], f"act {action}"):
        return connector.act(action, target, dry_run=dry_run)


def check_applies(spec: ActionSpec | None, action: str, finding: Mapping[str, Any], known: tuple[str, ...]) -> None:
    """Raise `Unsupported` when there is no such action, or it is not for this kind of resource."""
    if spec is None:
        raise Unsupported(f"there is no action {action!r} for {finding['app']}", hint="known: " + ", ".join(known))
    if spec.kinds and finding["resource_kind"] not in spec.kinds:
        raise Unsupported(f"{action} is for {', '.join(spec.kinds)}, this is a {finding['resource_kind']}")


def target_of(runtime: Runtime, finding: Mapping[str, Any]) -> Target:
    """Return what an action needs to recognise a finding's value again, without the value."""

    def matches(text: str) -> tuple[Match, ...]:
        return tuple(
            match
            for match in runtime.engine.scan(text)
            if match.family == finding["family"] and _fingerprint(runtime, finding, match) == finding["fingerprint"]
        )

    def redacted(text: str) -> str:
        return redact(text, matches(text), InfoType(form="[redacted: {name}]")).text

    return Target(
        resource=finding_of(finding).resource,
        part=finding["part"],
        detector=finding["detector"],
        matches=matches,
        redact=redacted,
        note=f"Sensitive data ({finding['detector']}) was found here. Please remove it.",
    )


def judge_again(run: JobRun) -> Ended:
    """Judge a container's findings again after its visibility changed, and alert what now matters more."""
    container, visibility = str(run.arguments["container"]), Visibility(run.arguments["visibility"])
    policies = run.runtime.policies
    now = run.now()

    def judged(finding: Mapping[str, Any]) -> tuple[str, ...] | None:
        where = Whereabouts(finding["tenant"], run.connection, container, finding["container_name"], visibility)
        named = (policies.settings[name] for name in finding["policies"] if name in policies.settings)
        rules = {rule: finding["confidence"] for policy in named for rule in policy.rules}
        verdict = policies.judge(
            finding["detector"],
            finding["confidence"],
            where,
            count=finding["count"],
            rules=rules,
            validity=Validity(finding["validity"]) if finding["validity"] else None,
        )
        return verdict.policies if verdict else None

    def effects(c: sa.Connection) -> None:
        actions.expose(
            run.database, c, run.residency, run.connection, container, visibility,
            judged=judged, routes=run.runtime.routes, vault=run.runtime.vault, now=now,
        )  # fmt: skip

    return Ended(effects)


def revoke(run: JobRun) -> Ended:
    """Mark a connection broken because its app withdrew the access."""
    run.trouble.broke(run.connection, AuthError("the app withdrew this connection's access", hint="install it again"))
    return Ended()


def request(run_id: uuid.UUID, *, residency: str, tenant: str, connection: str) -> jobs.Job:
    """Return the job that runs a recorded action."""
    return jobs.Job("action", str(run_id), residency, tenant, connection)


def _fingerprint(runtime: Runtime, finding: Mapping[str, Any], match: Match) -> str:
    return runtime.vault.fingerprint(
        tenant=finding["tenant"], family=match.family, value=match.normalized or match.value
    )


def _end(run: JobRun, planned: actions.Planned, outcome: Outcome, *, reread: bool = False) -> Ended:
    """Write how it ended; with `reread` the resource is read again, so that its findings end with what is there now."""
    log.info("action_ended", action=planned.run["action"], result=outcome.result.value, run=str(planned.run["id"]))
    wanted = [rereading.request(planned.finding)] if reread and planned.finding is not None else []

    def effects(c: sa.Connection) -> None:
        actions.end(run.database, c, planned, outcome, now=run.now())
        jobs.enqueue(run.database, c, wanted, now=run.now())

    return Ended(effects)
