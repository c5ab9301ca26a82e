"""Connections, deliveries and policies: how they are, and what may be started or tried."""

from __future__ import annotations

from collections import Counter
from typing import Any

import sqlalchemy as sa
from starlette.responses import Response

from connectors.config.models import PolicySettings
from connectors.dashboard.coverage import LINES
from connectors.dashboard.health import health
from connectors.dashboard.visit import Visit
from connectors.detection import preview
from connectors.errors import ConfigError, ConnectorsError, NotFound
from connectors.gateway.replay import replay_delivery
from connectors.host import validated
from connectors.model import Confidence, Severity, Validity, Visibility
from connectors.policy import Policies, Whereabouts
from connectors.store import deliveries, jobs, ledger, letters
from connectors.store.dashboard import pages
from connectors.store.search import search
from connectors.work import sync
from connectors.work.stream import busy

MOST_TRIED = 20_000
"""Findings that a policy is tried against: the latest ones."""
LONGEST_TEXT = 50_000


def connections(visit: Visit) -> Response:
    """List the connections with their health, the deliveries that failed, and what was given up."""
    own = set(visit.own_connections)

    def look(c: sa.Connection) -> dict[str, Any]:
        return {
            "health": health(c, visit),
            "failed": deliveries.listed(c, visit.residency, names=own, state="failed"),
            "dead": [row for row in _dead(c, visit) if _theirs(visit, row)],
        }

    return visit.render("connections.html", **visit.read(look))


def connection(visit: Visit) -> Response:
    """Show one connection: configuration without secrets, partitions, deliveries."""
    name = _own(visit)

    def look(c: sa.Connection) -> dict[str, Any]:
        return {
            "health": health(c, visit, [name])[0],
            "lines": ledger.partitions(c, visit.residency, [name], limit=LINES),
            "deliveries": deliveries.listed(c, visit.residency, names=(name,), limit=20),
            "busy": busy(visit.runtime, c, visit.runtime.owner(name)),
        }

    settings = visit.runtime.config.connections[name]
    plugin = visit.runtime.host.plugins.get(settings.connector)
    return visit.render("connection.html", name=name, settings=settings, plugin=plugin, **visit.fresh(look))


def start_sync(visit: Visit) -> Response:
    """Ask for a sync; workers do it."""
    name, database = _own(visit), visit.database
    full = visit.value("full") == "yes"
    wanted = sync.request(name, residency=visit.residency, tenant=visit.tenant, from_start=full)

    def ask(c: sa.Connection) -> None:
        jobs.enqueue(database, c, [wanted], vault=visit.runtime.vault, now=visit.now)
        visit.audit(c, "sync", f"connection:{name}", "asked for", {"from_start": full})

    database.run(ask)
    return visit.go(f"/connections/{name}", told="Asked for. This page shows how far it is.")


def replay(visit: Visit) -> Response:
    """Take a failed delivery up again."""
    identity, own = visit.uuid(), set(visit.own_connections)
    row = visit.fresh(lambda c: deliveries.failed(c, visit.residency, str(identity)))
    if row is None or row["connection"] not in own:
        raise NotFound("there is no such delivery")
    try:
        said = replay_delivery(visit.runtime, str(identity))
    except ConnectorsError as error:
        said = str(error)
    visit.database.run(lambda c: visit.audit(c, "replay", f"delivery:{identity}", "done", {"said": said}))
    return visit.go("/connections", told=said)


def revive(visit: Visit) -> Response:
    """Take up again an event or a job that was given up."""
    identity = visit.uuid()
    rows = visit.fresh(lambda c: _dead(c, visit, limit=1000))
    found = next((row for row in rows if row["id"] == identity and _theirs(visit, row)), None)
    if found is None:
        raise NotFound("there is no such event or job")

    def do(c: sa.Connection) -> None:
        letters.revive(visit.database, c, visit.residency, [str(identity)], now=visit.now)
        visit.audit(c, "revive", f"{'job' if 'queue' in found else 'event'}:{identity}", "done")

    visit.database.run(do)
    return visit.go("/connections", told="It will be tried again.")


def _dead(c: sa.Connection, visit: Visit, *, limit: int = 100) -> list[Any]:
    events = letters.dead_events(c, visit.residency, limit=limit)
    return [*events, *jobs.listed(c, visit.residency, state="dead", limit=limit)]


def _theirs(visit: Visit, row: Any) -> bool:
    """Tell whether a dead event or job is the person's to see; one of no connection takes a person who sees all."""
    if not row["connection"]:
        return row["tenant"] in ("", visit.tenant) and visit.connections is None
    return row["connection"] in visit.own_connections


def _own(visit: Visit) -> str:
    name = str(visit.request.path_params["name"])
    if name not in visit.own_connections:
        raise NotFound("there is no such connection")
    return name


def policies(visit: Visit, **more: Any) -> Response:
    """Show the running policies, and what is wrong with them."""
    config, compiled = visit.runtime.config, visit.runtime.policies
    problems = [
        f"policy {name}: no detector is called {unknown!r}"
        for name in compiled.settings
        for unknown in compiled.unknown(name)
    ]
    problems += [
        f"policy {policy.name}: there is no destination {name!r}"
        for policy in config.policies for name in policy.alert if name not in config.destinations
    ]  # fmt: skip
    problems += [f"plugin {each.name}: {each.problem}" for each in visit.runtime.host.plugins.values() if each.problem]
    return visit.render(
        "policies.html", config=config, problems=problems, severities=list(Severity), levels=list(Confidence),
        visibilities=list(Visibility), form=visit.form, tried=more.get("tried"), scanned=more.get("scanned"),
        error=more.get("error"),
    )  # fmt: skip


def try_policy(visit: Visit) -> Response:
    """Judge the findings of the last days by a policy that does not run yet, and say what it would have told."""
    try:
        settings = _asked(visit)
        days = min(max(int(visit.value("days", "30") or 30), 1), 365)
    except (ConfigError, ValueError) as error:
        return policies(visit, error=str(error))
    judge = Policies([settings], visit.runtime.choices)
    if unknown := judge.unknown(settings.name):
        return policies(visit, error=f"no detector is called {', '.join(unknown)}")
    scope = pages.scope(visit.residency, visit.tenant, visit.connections)
    since = [*scope, *search(f"last_seen:<{days}d", visit.now)]
    rows = visit.read(lambda c: pages.to_judge(c, since, limit=MOST_TRIED))
    hits = [row for row in rows if _judged(judge, row)]
    tried = {
        "days": days,
        "looked": len(rows),
        "cut": len(rows) == MOST_TRIED,
        "findings": len(hits),
        # One alert is one resource and one destination, as alerts are grouped.
        "alerts": len({row["resource_key"] for row in hits}) * max(1, len(settings.alert)),
        "detectors": Counter(row["detector"] for row in hits).most_common(10),
    }
    return policies(visit, tried=tried)


def _asked(visit: Visit) -> PolicySettings:
    names = {"detectors": "detectors", "containers": "containers", "connections": "connections"}
    values: dict[str, Any] = {"name": "trial", "enabled": True}
    for field, name in names.items():
        given = [word for word in visit.value(name).replace(",", " ").split() if word]
        if given:
            values[field] = given
    values["min_confidence"] = visit.value("min_confidence") or "LIKELY"
    values["visibility"] = visit.values("visibility")
    asked: PolicySettings = validated(PolicySettings, values, at=("policies", "trial"))
    return asked


def _judged(judge: Policies, row: Any) -> bool:
    where = Whereabouts(
        row["tenant"], row["connection"], row["container"], row["container_name"], Visibility(row["visibility"])
    )
    validity = Validity(row["validity"]) if row["validity"] else None
    verdict = judge.judge(row["detector"], Confidence(row["confidence"]), where, count=row["count"], validity=validity)
    return verdict is not None


def try_text(visit: Visit) -> Response:
    """Run the detectors over a text; neither the text nor what is found in it is kept."""
    text = visit.value("text")[:LONGEST_TEXT]
    matches = sorted(visit.runtime.engine.scan(text), key=lambda match: match.start)
    scanned = [
        {
            "detector": match.detector,
            "confidence": int(match.confidence),
            "preview": preview(match),
            "start": match.start,
            "end": match.end,
        }
        for match in matches[:200]
    ]  # fmt: skip
    return policies(visit, scanned=scanned)
