"""Deciding about findings, one by one or in bulk: states, feedback, actions, undo, reveal."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from starlette.responses import Response

from connectors.dashboard import findings as pages_of_findings
from connectors.dashboard.findings import detail, load, where
from connectors.dashboard.people import Permission
from connectors.dashboard.rereading import reread
from connectors.dashboard.visit import Denied, Visit, chosen
from connectors.errors import Conflict, ConnectorsError, NotFound, Unsupported
from connectors.model import FindingState
from connectors.store import findings, review
from connectors.store.dashboard import bulk, pages
from connectors.store.dashboard.bulk import Wish
from connectors.work.direct import act_now

MOST_COUNTED = 100_000
SHOWN = 20
"""Findings that the page before a run shows."""


def set_state(visit: Visit) -> Response:
    """Change a finding's state, if it still is as the person saw it."""
    row = _as_seen(visit)
    if isinstance(row, Response):
        return row
    wanted = FindingState(chosen(visit.value("state"), list(FindingState), row["state"]))
    return _changed(visit, row, wanted, visit.value("comment").strip(), suppress=True)


def undo(visit: Visit) -> Response:
    """Take back the last change of a finding's state."""
    row = _as_seen(visit)
    if isinstance(row, Response):
        return row
    last = visit.fresh(lambda c: findings.history(c, visit.residency, row["id"]))[-1:]
    if not last or not last[0]["before"] or last[0]["revision"] != row["revision"]:
        raise Unsupported("there is nothing to undo")
    return _changed(visit, row, FindingState(last[0]["before"]), "undone", suppress=True)


def confirm_value(visit: Visit) -> Response:
    """Keep that an analyst says it is real: for detection to learn from."""
    row = load(visit, fresh=True)
    actor = review.Actor(visit.who.name, visit.residency, visit.tenant)
    visit.database.run(
        lambda c: review.annotate(
            c,
            visit.database,
            actor,
            row["id"],
            "confirmed",
            comment=visit.value("comment"),
            everywhere=True,
            now=visit.now,
        )
    )
    return visit.go(f"/findings/{row['id']}", told="Kept: this is a true finding.")


def _as_seen(visit: Visit) -> Mapping[str, Any] | Response:
    """Return the finding, or the page that tells who was first."""
    row = load(visit, fresh=True)
    if visit.value("revision") != str(row["revision"]):
        return _conflict(visit)
    return row


def _conflict(visit: Visit) -> Response:
    last = visit.fresh(lambda c: findings.history(c, visit.residency, visit.uuid()))[-1:]
    who = f"{last[0]['actor']} changed this finding first" if last else "Somebody changed this finding first"
    return detail(visit, status=409, conflict=f"{who}; your change was not made.")


def _changed(visit: Visit, row: Mapping[str, Any], state: FindingState, comment: str, *, suppress: bool) -> Response:
    def change(c: sa.Connection) -> None:
        findings.set_state(
            visit.database, c, row, state, actor=visit.who.name, comment=comment, suppress=suppress, now=visit.now
        )
        detail_of = {"before": row["state"], "after": str(state), "comment": comment}
        visit.audit(c, "state", f"finding:{row['id']}", str(state), detail_of)

    try:
        visit.database.run(change)
    except Conflict:
        return _conflict(visit)
    return visit.go(f"/findings/{row['id']}", told=f"Now {str(state).replace('_', ' ')}.")


def act(visit: Visit) -> Response:
    """Try an action, or do it after it was tried; the app is asked, and the result is recorded."""
    row = load(visit, fresh=True)
    action, why, real = visit.value("action"), visit.value("why").strip(), visit.value("real") == "yes"
    known = {spec.name: spec for spec in pages_of_findings.offers(visit, row)}
    if action not in known:
        raise Unsupported(f"{row['app']} offers no such action for this")
    try:
        outcome = act_now(visit.runtime, row, action, actor=visit.who.name, why=why, dry_run=not real)
    except ConnectorsError as error:
        return detail(visit, status=502, failed=str(error))
    return detail(visit, tried=outcome, spec=known[action], why=why)


def reveal(visit: Visit) -> Response:
    """Show the value as it stands in the app now; the audit row is written before anything is shown."""
    row = load(visit, fresh=True)

    def note(result: str) -> None:
        visit.database.run(lambda c: visit.audit(c, "reveal", f"finding:{row['id']}", result))

    note("asked for")
    try:
        shown = reread(visit.runtime, row)
    except ConnectorsError as error:
        return detail(visit, status=502, failed=str(error))
    if not shown:
        return detail(
            visit, failed="The value is not in the current content, or the app offers no way to read it again."
        )
    return detail(visit, revealed=shown)


def new_bulk(visit: Visit) -> Response:
    """Ask what is to be done with the chosen findings, or with everything that fits the search."""
    query, ids = visit.value("q").strip(), _ids(visit) if visit.value("scope") == "chosen" else []
    if visit.value("scope") == "chosen" and not ids:
        return visit.go(f"/findings?q={query}", told="Choose some findings first.")
    condition = _condition(visit, query, ids)
    total = visit.fresh(lambda c: pages.count_to(c, condition, limit=MOST_COUNTED))
    some = visit.fresh(lambda c: _some(visit, c, query, condition if ids else None))
    specs = {spec.name: spec for row in some for spec in pages_of_findings.offers(visit, row)}
    return visit.render(
        "bulk_new.html", query=query, ids=ids, total=total, rows=some, states=list(FindingState), specs=specs.values()
    )


def _some(
    visit: Visit, c: sa.Connection, query: str, chosen_ones: list[sa.ColumnElement[bool]] | None
) -> list[Mapping[str, Any]]:
    """Return the latest of what a run will be about: of those chosen, or of a search."""
    if chosen_ones is not None:
        return pages.page(c, chosen_ones, sort=pages.SORTS["recent"], limit=SHOWN)
    return pages_of_findings.newest(visit, c, query, SHOWN)


def start_bulk(visit: Visit) -> Response:
    """Start a bulk run: of states, or of an action, which is tried first unless it was tried already."""
    query, ids = visit.value("q").strip(), _ids(visit)
    kind = chosen(visit.value("kind"), ("state", "action"), "state")
    if kind == "action" and not visit.who.may(Permission.ACT):
        raise Denied("you may not act in apps")
    what = visit.value("action") if kind == "action" else chosen(visit.value("state"), list(FindingState), "")
    if not what:
        raise Unsupported("choose what is to be done")
    condition = _condition(visit, query, ids)
    total = visit.fresh(lambda c: pages.count_to(c, condition, limit=MOST_COUNTED))
    wish = Wish(
        residency=visit.residency, tenant=visit.tenant, actor=visit.who.name, kind=kind, what=what, query=query,
        connections=visit.connections, chosen=ids, dry_run=visit.value("real") != "yes",
        comment=visit.value("comment"), total=total,
    )  # fmt: skip
    return _start(visit, wish)


def undo_bulk(visit: Visit) -> Response:
    """Take back the state changes of a run, where nobody changed the finding since."""
    row = _bulk(visit)
    if row["kind"] == "action" or row["dry_run"]:
        raise Unsupported("only changes of state can be undone")
    wish = Wish(
        residency=visit.residency, tenant=visit.tenant, actor=visit.who.name, kind="undo", what=str(row["id"]),
        query=row["query"], connections=visit.connections, comment="undone", total=row["changed"],
    )  # fmt: skip
    return _start(visit, wish)


def _start(visit: Visit, wish: Wish) -> Response:
    identity = visit.database.run(
        lambda c: bulk.start(visit.database, c, wish, vault=visit.runtime.vault, now=visit.now)
    )
    return visit.go(f"/bulk/{identity}")


def stop_bulk(visit: Visit) -> Response:
    """Stop a run where it is."""
    row = _bulk(visit)
    visit.database.run(lambda c: bulk.stop(c, visit.residency, row["id"], now=visit.now))
    return visit.go(f"/bulk/{row['id']}")


def show_bulk(visit: Visit) -> Response:
    """Show how far a run is, and what came of it."""
    row = _bulk(visit)
    results, runs = visit.fresh(
        lambda c: (bulk.results(c, visit.residency, row["id"]), bulk.runs(c, visit.residency, row["id"]))
    )
    going = row["state"] in ("waiting", "running") or results.get("pending", 0) > 0
    ended = sum(count for state, count in results.items() if state != "pending")
    done = ended if row["kind"] == "action" else row["looked"]
    return visit.render("bulk.html", run=row, results=results, runs=runs, going=going, done=done)


def list_bulk(visit: Visit) -> Response:
    """List the latest runs."""
    rows = visit.read(lambda c: bulk.listed(c, visit.residency, visit.tenant))
    return visit.render("bulks.html", rows=[row for row in rows if not _hidden(visit, row)])


def _bulk(visit: Visit) -> Mapping[str, Any]:
    identity = visit.uuid()
    row = visit.fresh(lambda c: bulk.load(c, visit.residency, identity))
    if row is None or row["tenant"] != visit.tenant or _hidden(visit, row):
        raise NotFound("there is no such run")
    return row


def _hidden(visit: Visit, row: Mapping[str, Any]) -> bool:
    """Tell whether a run may show findings that the person does not see."""
    seen, by_actor = visit.connections, row["connections"]
    return seen is not None and (by_actor is None or not set(by_actor) <= set(seen))


def _ids(visit: Visit) -> list[uuid.UUID]:
    try:
        return [uuid.UUID(value) for value in visit.values("id")]
    except ValueError:
        raise NotFound("there is no such finding") from None


def _condition(visit: Visit, query: str, ids: list[uuid.UUID]) -> list[sa.ColumnElement[bool]]:
    if ids:
        from connectors.store.tables.findings import finding

        return [*pages.scope(visit.residency, visit.tenant, visit.connections), finding.c.id.in_(ids)]
    return where(visit, query)
