"""The human firewall: whoever wrote it sees what was found, and decides what the policy lets them decide.

The link is signed, expires, is good for one alert, and shows nothing else. Opening it changes nothing: programs
that look at links in messages open them too.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from starlette.responses import Response

from connectors.dashboard import secrets
from connectors.dashboard.visit import Visit
from connectors.errors import ConnectorsError, NotFound, Unverified
from connectors.model import ActionSpec, FindingState
from connectors.runtime import Runtime
from connectors.store import alerts, findings
from connectors.store.actions import note
from connectors.store.alerts import Told
from connectors.work.direct import act_now, offered

PURPOSE = "review"
LIVING = ("open", "acknowledged")
REMOVES = ("redact", "delete", "tombstone", "unshare", "remove", "quarantine")
"""How the names of actions begin that take a value away, the gentlest first."""
WHY = {
    "secret": "Whoever can read it can use it. Taking it out is not enough: rotate it as well.",
    "payment": "Card data may only stand where it is protected for it.",
}
WHY_ELSE = "It tells about people or systems what only few should know."


@dataclass(frozen=True)
class Opened:
    """A good link: the alert that it is for."""

    token: str
    told: Told

    @property
    def actor(self) -> str:
        """Who decides, as histories show it."""
        person = self.told.findings[0].resource.author
        return f"link:{(person.email or person.name or person.id) if person else 'author'}"


def link_alerts(runtime: Runtime) -> None:
    """Let alerts carry links, when the configuration says under which address people reach this server."""
    if not runtime.config.dashboard.enabled or not runtime.config.gateway.public_url:
        return
    base = runtime.config.gateway.base_url

    def links(told: Told) -> dict[str, str]:
        return {
            "review": f"{base}/review/{review_token(runtime, told)}",
            "dashboard": f"{base}/findings/{told.findings[0].id}",
        }

    runtime.links = links


def review_token(runtime: Runtime, told: Told) -> str:
    """Return the signed part of an alert's review link; the same for every delivery of the alert."""
    until = told.created_at + runtime.config.dashboard.links
    return secrets.make_link(runtime.vault, PURPOSE, {"alert": str(told.id), "residency": told.residency}, until)


def open_link(visit: Visit) -> Opened:
    """Return the alert of the link in the path. Raises `Unverified` or `NotFound`."""
    token = str(visit.request.path_params["token"])
    values = secrets.read_link(visit.runtime.vault, PURPOSE, token, visit.now)
    if values["residency"] not in visit.runtime.databases.residencies:
        raise Unverified("this link is not valid")
    database = visit.runtime.databases.of(values["residency"])
    told = database.read(lambda c: alerts.load(c, values["residency"], uuid.UUID(values["alert"])))
    if told is None:
        raise NotFound("what this link was about is no longer kept")
    return Opened(token, told)


def choices(runtime: Runtime, told: Told) -> tuple[str, ...]:
    """Return what the policy lets the author choose; nothing when the policy is gone."""
    policy = runtime.policies.settings.get(told.policy)
    return policy.choices if policy else ()


def removers(runtime: Runtime, row: Mapping[str, Any]) -> list[ActionSpec]:
    """Return the actions that take a value away, the gentlest first; none when the app offers none."""
    if row["connection"] not in runtime.config.connections:
        return []
    try:
        specs = [spec for spec in offered(runtime, row) if spec.destructive]
    except ConnectorsError:
        return []
    ranked = [(place, spec) for spec in specs for place, start in enumerate(REMOVES) if spec.name.startswith(start)]
    return [spec for _, spec in sorted(ranked, key=lambda pair: pair[0])]


def page(visit: Visit, **more: Any) -> Response:
    """Show what was found and the choices."""
    opened = open_link(visit)
    rows = _rows(visit, opened.told)
    _note(visit, opened, "opened", "shown")
    status = int(more.pop("status", 200))
    removable = {row["id"] for row in rows if row["state"] in LIVING and removers(visit.runtime, row)}
    categories = {choice.id: choice.category for choice in visit.runtime.choices}
    why = {row["id"]: WHY.get(categories.get(row["detector"], ""), WHY_ELSE) for row in rows}
    policy = visit.runtime.policies.settings.get(opened.told.policy)
    return visit.render(
        "review.html", status, opened=opened, rows=rows, choices=choices(visit.runtime, opened.told),
        removable=removable, why=why, living=LIVING, message=policy.message if policy else "", **more,
    )  # fmt: skip


def decide(visit: Visit) -> Response:
    """Do what the author chose about one finding of the alert."""
    opened = open_link(visit)
    choice = visit.value("choice")
    row = next((row for row in _rows(visit, opened.told) if str(row["id"]) == visit.value("finding")), None)
    if row is None or choice not in choices(visit.runtime, opened.told):
        _note(visit, opened, choice or "nothing", "refused")
        raise Unverified("this link does not allow that")
    if row["state"] not in LIVING:
        return page(visit, status=409, error="This was decided already.")
    comment = visit.value("comment").strip()
    if choice == "needed" and not comment:
        return page(visit, status=400, error="Say why it is needed.")
    said, result = _remove(visit, opened, row) if choice == "remove" else _keep(visit, opened, row, choice, comment)
    _note(visit, opened, choice, result, finding=str(row["id"]))
    return page(visit, said=said)


def _keep(visit: Visit, opened: Opened, row: Mapping[str, Any], choice: str, comment: str) -> tuple[str, str]:
    state = FindingState.IGNORED if choice == "needed" else FindingState.FALSE_POSITIVE
    database = visit.runtime.databases.of(row["residency"])
    # What an author says of one place does not silence the value elsewhere: analysts decide that.
    database.run(
        lambda c: findings.set_state(
            database, c, row, state, actor=opened.actor, comment=comment or choice, now=visit.now
        )
    )
    return "Thank you. Your answer is with the security team.", "done"


def _remove(visit: Visit, opened: Opened, row: Mapping[str, Any]) -> tuple[str, str]:
    """Take the value away by the gentlest action that changes something: not by one that finds nothing to do."""
    for spec in removers(visit.runtime, row):
        try:
            outcome = act_now(
                visit.runtime, row, spec.name, actor=opened.actor, why="chosen by the author", dry_run=False
            )
        except ConnectorsError as error:
            return f"It could not be removed: {error}", "failed"
        if outcome["state"] == "done":
            left = f" Still there: {outcome['remaining']}." if outcome["remaining"] else ""
            return _sentence(str(outcome["message"])) + left, "done"
    return "Nothing could be changed from here. Please take it out in the app.", "nothing changed"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "."


def _rows(visit: Visit, told: Told) -> list[Mapping[str, Any]]:
    database = visit.runtime.databases.of(told.residency)

    def look(c: sa.Connection) -> list[Mapping[str, Any]]:
        return [findings.get(c, told.residency, uuid.UUID(each.id)) for each in told.findings]

    return database.read(look)


def _note(visit: Visit, opened: Opened, act: str, result: str, **detail: Any) -> None:
    told = opened.told
    database = visit.runtime.databases.of(told.residency)
    client = visit.request.client
    database.run(
        lambda c: note(
            database, c, residency=told.residency, tenant=told.tenant, actor=opened.actor, act=f"review:{act}",
            subject=f"alert:{told.id}", result=result, detail={"address": client.host if client else "", **detail},
            now=visit.now,
        )
    )  # fmt: skip
