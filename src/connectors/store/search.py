"""The search language of findings: `state:open severity:>=high container:#gen* -detector:email last_seen:<7d`

`parse` is pure and knows no table; `conditions` compiles terms into expressions over the finding table. Terms
are joined by AND, the comma-separated values of one term by OR, and a minus before a term negates it.

    field:value   field:"two words"   field:a,b   -field:value   severity:>=high   last_seen:<7d   name*
"""

from __future__ import annotations

import difflib
import operator as operators
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from connectors.errors import ConnectorsError
from connectors.model import Confidence, FindingState, Severity, Validity, Visibility
from connectors.store.tables.findings import finding

LONGEST = 1_000
"""Characters of a query."""
MOST_TERMS = 20
MOST_VALUES = 50

QUOTED = r'"(?:[^"\\]|\\.)*"'
TOKEN = re.compile(rf'(?:{QUOTED}|[^\s"])+')
HEAD = re.compile(r"(-?)(?:([A-Za-z_]+):)?")
VALUE = re.compile(rf'(<=|>=|<|>)?(?:({QUOTED})|([^",]+))')
AGE = re.compile(r"(\d{1,5})([smhdw])")
AGE_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


class QueryError(ConnectorsError):
    """A search that cannot be understood: names the place (a code point) and what to write instead."""

    code = "query"

    def __init__(self, message: str, *, at: int, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.at = at


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a term; `operator` is one of `=`, `<`, `<=`, `>`, `>=`."""

    text: str
    operator: str = "="
    prefix: bool = False


@dataclass(frozen=True, slots=True)
class Term:
    """One condition: any of `values`, negated or not. `field` is empty for a bare word. `at` is its place."""

    field: str
    values: tuple[Value, ...]
    negated: bool = False
    at: int = 0


def parse(query: str) -> tuple[Term, ...]:
    """Read a query into terms. Raises `QueryError`."""
    if len(query) > LONGEST:
        raise QueryError(f"the query is longer than {LONGEST} characters", at=LONGEST)
    if "\x00" in query:
        raise QueryError("the query holds a NUL character", at=query.index("\x00"))
    terms: list[Term] = []
    at = _skip(query, 0)
    while at < len(query):
        found = TOKEN.match(query, at)
        if not found:
            raise QueryError("a quotation mark is not closed", at=at)
        terms.append(_term(found[0], at))
        at = _skip(query, found.end())
    if len(terms) > MOST_TERMS:
        raise QueryError(f"more than {MOST_TERMS} terms", at=terms[MOST_TERMS].at)
    return tuple(terms)


def conditions(terms: Sequence[Term], now: datetime) -> list[sa.ColumnElement[bool]]:
    """Compile terms into conditions over `finding`, to be joined by AND. Raises `QueryError`."""
    return [_condition(term, now) for term in terms]


def search(query: str, now: datetime) -> list[sa.ColumnElement[bool]]:
    """Parse and compile in one step. Raises `QueryError`."""
    return conditions(parse(query), now)


def _skip(query: str, at: int) -> int:
    while at < len(query) and query[at].isspace():
        at += 1
    return at


def _term(token: str, at: int) -> Term:
    head = HEAD.match(token)
    assert head is not None  # noqa: S101 (the pattern matches the empty string)
    values: list[Value] = []
    place = head.end()
    while place < len(token) or not values:
        found = VALUE.match(token, place)
        if not found or (found.end() < len(token) and token[found.end()] != ","):
            raise QueryError("this part cannot be read", at=at, hint='write field:value or field:"two words"')
        values.append(_value(found))
        place = found.end() + 1
    if len(values) > MOST_VALUES:
        raise QueryError(f"more than {MOST_VALUES} values", at=at)
    return Term(field=(head[2] or "").lower(), values=tuple(values), negated=head[1] == "-", at=at)


def _value(found: re.Match[str]) -> Value:
    operator, quoted, plain = found[1] or "=", found[2], found[3]
    if quoted is not None:
        return Value(re.sub(r"\\(.)", r"\1", quoted[1:-1], flags=re.DOTALL), operator)
    if plain.endswith("*") and len(plain) > 1:
        return Value(plain[:-1], operator, prefix=True)
    return Value(plain, operator)


Compile = Callable[[Value, datetime], sa.ColumnElement[bool]]


class _RefusedError(ValueError):
    """Why a value does not fit its field."""


def _text(column: sa.Column[Any]) -> Compile:
    def compiled(value: Value, _now: datetime) -> sa.ColumnElement[bool]:
        if value.operator != "=":
            raise _RefusedError("cannot be compared with < or >")
        return column.startswith(value.text, autoescape=True) if value.prefix else column == value.text

    return compiled


def _level(column: sa.Column[Any], levels: type[Severity | Confidence]) -> Compile:
    def compiled(value: Value, _now: datetime) -> sa.ColumnElement[bool]:
        name = value.text.upper().replace(" ", "_").replace("-", "_")
        if name not in levels.__members__ or value.prefix:
            raise _RefusedError("is one of " + ", ".join(member.lower() for member in levels.__members__))
        return _compare(column, value.operator, int(levels[name]))

    return compiled


def _member(column: sa.ColumnElement[Any], allowed: type[FindingState | Visibility | Validity]) -> Compile:
    def compiled(value: Value, _now: datetime) -> sa.ColumnElement[bool]:
        known = [str(member) for member in allowed]
        if value.text.lower() not in known or value.operator != "=" or value.prefix:
            raise _RefusedError("is one of " + ", ".join(known))
        return column == value.text.lower()

    return compiled


def _time(column: sa.Column[Any]) -> Compile:
    def compiled(value: Value, now: datetime) -> sa.ColumnElement[bool]:
        age = AGE.fullmatch(value.text)
        if age:
            # `<7d` is younger than seven days: later than the time seven days ago.
            moment = now - timedelta(seconds=int(age[1]) * AGE_UNITS[age[2]])
            turned = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": ">="}
            return _compare(column, turned[value.operator], moment)
        return _date(column, value)

    return compiled


def _date(column: sa.Column[Any], value: Value) -> sa.ColumnElement[bool]:
    try:
        moment = datetime.fromisoformat(value.text)
    except ValueError:
        raise _RefusedError("is a date (2026-11-23), a time (2026-11-23T10:00Z) or an age (7d, 12h)") from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if value.operator != "=":
        return _compare(column, value.operator, moment)
    if len(value.text) > len("2026-11-23"):
        return column == moment
    try:
        return sa.and_(column >= moment, column < moment + timedelta(days=1))
    except OverflowError:
        raise _RefusedError("is out of range") from None


def _number(column: sa.Column[Any]) -> Compile:
    def compiled(value: Value, _now: datetime) -> sa.ColumnElement[bool]:
        if not re.fullmatch(r"[0-9]{1,9}", value.text) or value.prefix:
            raise _RefusedError("is a whole number")
        return _compare(column, value.operator, int(value.text))

    return compiled


def _uuid(column: sa.Column[Any]) -> Compile:
    def compiled(value: Value, _now: datetime) -> sa.ColumnElement[bool]:
        try:
            return _compare(column, "=", UUID(value.text))
        except ValueError:
            raise _RefusedError("is a UUID") from None

    return compiled


def _either(*compilers: Compile) -> Compile:
    return lambda value, now: sa.or_(*(compiled(value, now) for compiled in compilers))


def _compare(column: sa.Column[Any], operator: str, value: Any) -> sa.ColumnElement[bool]:
    condition: sa.ColumnElement[bool] = OPERATORS[operator](column, value)
    return condition


OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    "=": operators.eq, "<": operators.lt, "<=": operators.le, ">": operators.gt, ">=": operators.ge,
}  # fmt: skip

FIELDS: Mapping[str, tuple[str, Compile]] = {
    "id": ("the finding's UUID", _uuid(finding.c.id)),
    "state": ("open, acknowledged, resolved, ignored, false_positive", _member(finding.c.state, FindingState)),
    "severity": ("info, low, medium, high or critical; takes < and >", _level(finding.c.severity, Severity)),
    "confidence": ("very_unlikely to very_likely; takes < and >", _level(finding.c.confidence, Confidence)),
    "detector": ("id of the detector", _text(finding.c.detector)),
    "family": ("family of the detector", _text(finding.c.family)),
    "app": ("name of the connector", _text(finding.c.app)),
    "connection": ("name of the connection", _text(finding.c.connection)),
    "container": ("channel, drive, repository, project or space, by id or name",
                  _either(_text(finding.c.container), _text(finding.c.container_name))),
    "kind": ("kind of the resource: message, file, issue ...", _text(finding.c.resource_kind)),
    "resource": ("the app's id of the resource", _text(finding.c.resource_id)),
    "violation": ("UUID of the violation: all findings of one resource", _uuid(finding.c.resource_key)),
    "author": ("id, name or e-mail address of the author",
               _either(_text(finding.c.author_id), _text(finding.c.author), _text(finding.c.author_email))),
    "visibility": ("private, internal, external, link, public, unknown",
                   _member(finding.c.visibility, Visibility)),
    "validity": ("active, expired or unverified: what the vendor said of a token",
                 _member(sa.func.coalesce(finding.c.validity, ""), Validity)),
    "fingerprint": ("the keyed identity of the value", _text(finding.c.fingerprint)),
    "count": ("places in the part; takes < and >", _number(finding.c.count)),
    "first_seen": ("a date, time or age; takes < and >", _time(finding.c.first_seen)),
    "last_seen": ("a date, time or age; takes < and >", _time(finding.c.last_seen)),
    "resolved_at": ("a date, time or age; takes < and >", _time(finding.c.resolved_at)),
}  # fmt: skip
"""Every field, with what it takes. Each condition narrows a range of an index that tenant and time lead."""

_WORD = _either(
    _text(finding.c.container_name),
    _text(finding.c.detector),
    _text(finding.c.connection),
    _text(finding.c.label),
)


def _condition(term: Term, now: datetime) -> sa.ColumnElement[bool]:
    if term.field and term.field not in FIELDS:
        close = difflib.get_close_matches(term.field, FIELDS, n=1)
        hint = f"did you mean {close[0]}?" if close else "fields: " + ", ".join(FIELDS)
        raise QueryError(f"there is no field {term.field!r}", at=term.at, hint=hint)
    compiled = FIELDS[term.field][1] if term.field else _WORD
    try:
        any_of = sa.or_(*(compiled(value, now) for value in term.values))
    except _RefusedError as error:
        raise QueryError(f"{term.field or 'a word'} {error}", at=term.at) from None
    except OverflowError:
        raise QueryError(f"{term.field} is out of range", at=term.at) from None
    return sa.not_(any_of) if term.negated else any_of
