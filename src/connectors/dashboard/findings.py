"""The list of findings and one finding in full."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from starlette.responses import Response

from connectors.dashboard.visit import Visit
from connectors.dashboard.words import severity, term
from connectors.errors import ConnectorsError, NotFound
from connectors.model import FindingState
from connectors.store import containers, findings, review
from connectors.store.dashboard import pages, views
from connectors.store.dashboard.pages import SORTS, Sort
from connectors.store.search import FIELDS, QueryError, Term, conditions, parse, search

LIMIT = 50
MOST_NEW = 99
"""New findings that the list counts while somebody looks at it."""
FIELD_OF = {"container_name": "container"}
"""Facets whose field in the search language has another name than their column."""


def finding_list(visit: Visit) -> Response:
    """Show a page of findings."""
    query = " ".join(visit.value("q", "").split())
    sort = SORTS.get(visit.value("sort"), SORTS["recent"])
    views_of = visit.fresh(lambda c: views.listed(c, visit.residency, visit.tenant, visit.who.user.id))
    error: QueryError | None = None
    shown: dict[str, Any] = {"rows": [], "facets": {}, "sampled": 0, "after": "", "looked": 0, "chips": []}
    try:
        shown = listed(visit, query, sort)
    except QueryError as refused:
        error = refused
    return visit.render(
        "findings.html", 400 if error else 200,
        query=query, sort=sort, sorts=SORTS.values(), views=views_of, error=error, fields=FIELDS,
        states=list(FindingState), without=dict(shown["chips"]), **shown,
    )  # fmt: skip


def where(visit: Visit, query: str) -> list[sa.ColumnElement[bool]]:
    """Return the condition of a search within what the person sees. Raises `QueryError`."""
    return [*_scope(visit), *search(query, visit.now)]


LEADS = ("id", "violation", "fingerprint", "detector", "container", "connection", "severity")
"""Fields that an index leads to, the fewest findings first: to few, or in the order of what was last seen."""
FEW = frozenset(LEADS[:3])


def split(query: str, sort: Sort) -> tuple[list[Term], list[Term]]:
    """Return the terms that an index leads to in the wanted order, and those that are sifted. Pure.

    One field leads: left to choose between two, a database may walk all of the wrong one.
    """
    terms = parse(query)
    bounds = [each for each in terms if each.field == sort.columns[0] and _plain(each)]
    exact = [each for each in terms if _plain(each) and each.values[0].operator == "=" and not each.values[0].prefix]
    recent = sort.columns[0] == "last_seen"
    leading = sorted((each for each in exact if each.field in (LEADS if recent else FEW)), key=_place)
    led = [*bounds, *(each for each in leading[:1] if each not in bounds)]
    return led, [each for each in terms if each not in led]


def _plain(term_: Term) -> bool:
    return not term_.negated and len(term_.values) == 1


def _place(term_: Term) -> int:
    return LEADS.index(term_.field)


def _by_name(visit: Visit, c: sa.Connection, led: list[Term]) -> list[sa.ColumnElement[bool]] | None:
    """Return the conditions of terms that lead; None when one asks for a container by something else than its name."""
    made = []
    for each in led:
        if each.field != "container":
            made += conditions([each], visit.now)
            continue
        named = pages.named(each.values[0].text)
        ids = containers.known(c, visit.residency, [(name, each.values[0].text) for name in visit.own_connections])
        other = any(known.name not in ("", known.id) for known in ids.values())
        if other or not pages.any_of(c, [*_scope(visit), named]):
            return None
        made.append(named)
    return made


def _bounded(visit: Visit, c: sa.Connection, led: list[Term], rest: list[Term]) -> tuple[list[Any], list[Any]]:
    """Return the condition that an index leads to, and the one that is sifted."""
    leading = _by_name(visit, c, led)
    sifted = conditions(rest if leading is not None else [*led, *rest], visit.now)
    return [*_scope(visit), *(leading or ())], sifted


def newest(visit: Visit, c: sa.Connection, query: str, limit: int) -> list[Mapping[str, Any]]:
    """Return the latest findings of a search, as far as a page looks for them."""
    condition, sifted = _bounded(visit, c, *split(query, SORTS["recent"]))
    return pages.page(c, condition, sort=SORTS["recent"], limit=limit, sifted=sifted)


def _scope(visit: Visit) -> list[sa.ColumnElement[bool]]:
    return pages.scope(visit.residency, visit.tenant, visit.connections)


def listed(visit: Visit, query: str, sort: Sort) -> dict[str, Any]:
    """Return one page with its facets and the place of the next."""
    led, rest = split(query, sort)
    after = open_place(visit.value("after"), sort)
    conditions([*led, *rest], visit.now)

    def look(c: sa.Connection) -> tuple[list[Any], list[Any], Any]:
        condition, sifted = _bounded(visit, c, led, rest)
        sampled = pages.sample(c, condition, sifted=sifted, enough=LIMIT + 1)
        if sifted and after is None and sort.name == "recent":
            # The sample begins with this very page: what no index leads to is looked for once.
            rows = pages.of_ids(c, visit.residency, [row["id"] for row in sampled[: LIMIT + 1]])
        else:
            rows = pages.page(c, condition, sort=sort, limit=LIMIT + 1, after=after, sifted=sifted)
        short = sifted and len(rows) <= LIMIT
        last = pages.last_looked(c, condition, sort=sort, after=after) if short else None
        return rows, sampled, last

    rows, sampled, last = visit.read(look)
    counted = pages.facets(sampled)
    end = rows[LIMIT - 1] if len(rows) > LIMIT else last
    return {
        "rows": rows[:LIMIT],
        "facets": {FIELD_OF.get(name, name): _facet(name, values) for name, values in counted.items() if values},
        "sampled": len(sampled),
        "chips": chips(query),
        "after": place_of(end, sort) if end else "",
        "looked": pages.LOOKED if last else 0,
    }


def new_since(visit: Visit) -> Response:
    """Say how many findings of a search were seen since a page was shown: a piece of the list, which polls it."""
    query = " ".join(visit.value("q", "").split())
    since = _moment(visit.value("since"))
    count = 0
    if since is not None:
        newer = _seen_after(visit, query, since)
        count = visit.fresh(lambda c: pages.count_to(c, newer, limit=MOST_NEW + 1))
    again = {"q": query, "sort": visit.value("sort") or "recent"}
    return visit.render("new.html", count=min(count, MOST_NEW), more=count > MOST_NEW, since=since, again=again)


def _seen_after(visit: Visit, query: str, since: datetime) -> list[sa.ColumnElement[bool]]:
    """Return the condition of a search within what was seen after a time: an index leads to those few."""
    return [*where(visit, query), pages.seen_after(since)]


def _moment(said: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(said)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def chips(query: str) -> list[tuple[str, str]]:
    """Return each term of a search as it is written, with the search that is left without it. Pure."""
    places = pairwise([*(term_.at for term_ in parse(query)), len(query)])
    return [
        (query[start:end].strip(), " ".join([*query[:start].split(), *query[end:].split()])) for start, end in places
    ]


def _facet(name: str, values: Sequence[tuple[Any, int]]) -> list[tuple[str, int, str]]:
    field = FIELD_OF.get(name, name)
    named = [(severity(value) if name == "severity" else str(value), count) for value, count in values]
    return [(value, count, term(field, value)) for value, count in named if value]


def place_of(row: Mapping[str, Any], sort: Sort) -> str:
    """Return where the next page starts, as an opaque word."""
    values = [row[name].isoformat() if isinstance(row[name], datetime) else row[name] for name in sort.columns]
    return base64.urlsafe_b64encode(json.dumps([sort.name, *values], default=str).encode()).decode().rstrip("=")


def open_place(place: str, sort: Sort) -> list[Any] | None:
    """Return the sort columns that a place holds; None for the first page or a place that cannot be read."""
    try:
        name, *values = json.loads(base64.urlsafe_b64decode(place + "=" * (-len(place) % 4)))
        if name != sort.name or len(values) != len(sort.columns):
            return None
        return [_typed(column, value) for column, value in zip(sort.columns, values, strict=True)]
    except (ValueError, TypeError):
        return None


def _typed(column: str, value: Any) -> Any:
    if column == "id":
        return UUID(value)
    if column in ("last_seen", "first_seen"):
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError("a time without a zone")
        return moment
    if column == "severity":
        return int(value)
    return str(value)


def load(visit: Visit, *, fresh: bool = False) -> Mapping[str, Any]:
    """Return the finding of the path, when the person sees it. Raises `NotFound`."""
    identity = visit.uuid()
    reading = visit.fresh if fresh else visit.read
    row = reading(lambda c: review.find(c, residency=visit.residency, tenant=visit.tenant, which=identity))
    if not visit.who.sees(row["connection"]):
        raise NotFound("there is no such finding")
    return row


def detail(visit: Visit, **more: Any) -> Response:
    """Show one finding."""
    row = load(visit, fresh=True)

    def look(c: sa.Connection) -> dict[str, Any]:
        others = [each for each in findings.same_value(c, row) if visit.who.sees(each["connection"])]
        return {
            "history": findings.history(c, visit.residency, row["id"]),
            "others": others,
            "alerts": pages.alerts_of(c, row),
            "runs": pages.runs_of(c, visit.residency, row["id"]),
            "audit": pages.audit_of(c, visit.residency, f"finding:{row['id']}"),
            "said": review.annotation(
                c, residency=visit.residency, tenant=visit.tenant, fingerprint=row["fingerprint"]
            ),
        }

    status = int(more.pop("status", 200))
    return visit.render(
        "finding.html",
        status,
        row=row,
        states=list(FindingState),
        offers=offers(visit, row),
        **visit.fresh(look),
        **more,
    )


def offers(visit: Visit, row: Mapping[str, Any]) -> Sequence[Any]:
    """Return the actions that the finding's app offers; none when the connection is gone from the configuration."""
    from connectors.work.direct import offered

    if row["connection"] not in visit.runtime.config.connections:
        return ()
    try:
        return offered(visit.runtime, row)
    except ConnectorsError:
        return ()


def save_view(visit: Visit) -> Response:
    """Keep the search under a name."""
    name, query, sort = visit.value("name").strip(), visit.value("q"), visit.value("sort", "recent")
    search(query, visit.now)
    where = visit.residency, visit.tenant, visit.who.user.id
    if name:
        visit.database.run(
            lambda c: views.save(visit.database, c, *where, name=name, query=query, sort=sort, now=visit.now)
        )
    return visit.go(_back(query, sort), told=f"View “{name[:100]}” is kept." if name else "A view needs a name.")


def drop_view(visit: Visit) -> Response:
    """Forget a view."""
    identity = visit.uuid()
    visit.database.run(lambda c: views.drop(c, visit.residency, visit.who.user.id, identity))
    return visit.go("/findings", told="View removed.")


def _back(query: str, sort: str) -> str:
    from urllib.parse import urlencode

    return "/findings?" + urlencode({"q": query, "sort": sort})
