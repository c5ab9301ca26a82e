"""Users, their sessions, and the bookkeeping that makes guessing slow and links good for once."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from connectors.errors import NotFound
from connectors.store.columns import natural_id
from connectors.store.engine import Database
from connectors.store.tables.dashboard import dashboard_session, dashboard_user, sign_in_attempt, used_link

ALLOWED_FAILURES = 5
"""Wrong answers in a row before a name is locked."""
LOCK = timedelta(minutes=1)
LONGEST_LOCK = timedelta(hours=1)
FORGET = timedelta(hours=24)


@dataclass(frozen=True)
class User:
    """Somebody who may sign in. `connections` and `tenants` are wildcards of what they see."""

    id: uuid.UUID
    name: str
    role: str
    password: str = field(default="", repr=False)
    totp: bytes | None = field(default=None, repr=False)
    totp_step: int = 0
    may_reveal: bool = False
    connections: tuple[str, ...] = ("*",)
    tenants: tuple[str, ...] = ("*",)
    disabled: bool = False
    created_at: datetime | None = None
    last_sign_in: datetime | None = None


def user_id(residency: str, name: str) -> uuid.UUID:
    """Return the id of a user's row."""
    return natural_id("user", residency, name.strip().lower())


def get(connection: sa.Connection, residency: str, identity: uuid.UUID) -> User | None:
    """Return one user."""
    query = sa.select(dashboard_user).where(dashboard_user.c.residency == residency, dashboard_user.c.id == identity)
    row = connection.execute(query).first()
    return _user(row._asdict()) if row else None


def named(connection: sa.Connection, residency: str, name: str) -> User | None:
    """Return the user of a name, in any case."""
    return get(connection, residency, user_id(residency, name))


def listed(connection: sa.Connection, residency: str) -> list[User]:
    """Return all users by name."""
    query = sa.select(dashboard_user).where(dashboard_user.c.residency == residency).order_by(dashboard_user.c.name)
    return [_user(row._asdict()) for row in connection.execute(query.limit(1000))]


def has_admin(connection: sa.Connection, residency: str) -> bool:
    """Tell whether anybody can administer; until then the set-up link works."""
    query = sa.select(dashboard_user.c.id).where(
        dashboard_user.c.residency == residency, dashboard_user.c.role == "admin", dashboard_user.c.disabled.is_(False)
    )
    return connection.execute(query.limit(1)).first() is not None


def put(database: Database, connection: sa.Connection, residency: str, user: User, *, now: datetime) -> None:
    """Make a user, or overwrite one of the same name."""
    row = {
        "residency": residency,
        "id": user_id(residency, user.name),
        "tenant": "",
        "name": user.name.strip().lower()[:255],
        "password": user.password,
        "totp": user.totp,
        "totp_step": user.totp_step,
        "role": user.role,
        "may_reveal": user.may_reveal,
        "connections": list(user.connections),
        "tenants": list(user.tenants),
        "disabled": user.disabled,
        "created_at": user.created_at or now,
        "last_sign_in": user.last_sign_in,
    }
    kept = ("residency", "id", "tenant", "created_at")
    database.upsert(connection, dashboard_user, [row], update=[name for name in row if name not in kept])


def change(connection: sa.Connection, residency: str, identity: uuid.UUID, **values: Any) -> None:
    """Set columns of a user. Raises `NotFound`."""
    statement = (
        sa.update(dashboard_user)
        .where(dashboard_user.c.residency == residency, dashboard_user.c.id == identity)
        .values(**values)
        .returning(dashboard_user.c.id)
    )
    if connection.execute(statement).first() is None:
        raise NotFound("there is no such user")


def use_step(connection: sa.Connection, residency: str, identity: uuid.UUID, step: int) -> bool:
    """Mark a time step of the second factor as used; False when it, or a later one, was used before."""
    statement = (
        sa.update(dashboard_user)
        .where(dashboard_user.c.residency == residency, dashboard_user.c.id == identity)
        .where(dashboard_user.c.totp_step < step)
        .values(totp_step=step)
        .returning(dashboard_user.c.id)
    )
    return connection.execute(statement).first() is not None


def locked_until(connection: sa.Connection, residency: str, name: str, *, now: datetime) -> datetime | None:
    """Return until when a name may not be tried, or None."""
    query = sa.select(sign_in_attempt.c.locked_until).where(
        sign_in_attempt.c.residency == residency, sign_in_attempt.c.id == _attempt_id(residency, name)
    )
    until = connection.execute(query).scalar()
    return until if until is not None and until > now else None


def fail(database: Database, connection: sa.Connection, residency: str, name: str, *, now: datetime) -> None:
    """Count a wrong answer; from the fifth on the name is locked, each time for twice as long."""
    identity = _attempt_id(residency, name)
    where = [sign_in_attempt.c.residency == residency, sign_in_attempt.c.id == identity]
    failures = int(connection.execute(sa.select(sign_in_attempt.c.failures).where(*where)).scalar() or 0) + 1
    over = failures - ALLOWED_FAILURES
    row = {
        "residency": residency,
        "id": identity,
        "tenant": "",
        "failures": failures,
        "locked_until": now + min(LOCK * 2 ** min(over, 10), LONGEST_LOCK) if over >= 0 else None,
        "expires_at": now + FORGET,
    }
    database.upsert(connection, sign_in_attempt, [row], update=("failures", "locked_until", "expires_at"))


def forgive(connection: sa.Connection, residency: str, name: str) -> None:
    """Forget the wrong answers of a name."""
    where = [sign_in_attempt.c.residency == residency, sign_in_attempt.c.id == _attempt_id(residency, name)]
    connection.execute(sa.delete(sign_in_attempt).where(*where))


@dataclass(frozen=True)
class Session:
    """Somebody signed in. `complete` is false until a second factor was given."""

    id: uuid.UUID
    user_id: uuid.UUID
    tenant: str
    complete: bool
    created_at: datetime
    expires_at: datetime


def session_id(residency: str, token: str) -> uuid.UUID:
    """Return the row of a token: the token itself is nowhere in the database."""
    return natural_id("session", residency, token)


def open_session(
    database: Database,
    connection: sa.Connection,
    residency: str,
    token: str,
    user: uuid.UUID,
    *,
    complete: bool,
    now: datetime,
    lasts: timedelta,
) -> None:
    """Remember a new session."""
    row = {
        "residency": residency,
        "id": session_id(residency, token),
        "tenant": "",
        "user_id": user,
        "chosen_tenant": "",
        "complete": complete,
        "created_at": now,
        "expires_at": now + lasts,
    }
    database.insert_new(connection, dashboard_session, [row])


def session(connection: sa.Connection, residency: str, token: str, *, now: datetime) -> Session | None:
    """Return the session of a token; None when there is none or it ended."""
    query = sa.select(dashboard_session).where(
        dashboard_session.c.residency == residency,
        dashboard_session.c.id == session_id(residency, token),
        dashboard_session.c.expires_at > now,
    )
    row = connection.execute(query).first()
    if row is None:
        return None
    return Session(row.id, row.user_id, row.chosen_tenant, row.complete, row.created_at, row.expires_at)


def choose_tenant(connection: sa.Connection, residency: str, identity: uuid.UUID, tenant: str) -> None:
    """Remember which tenant a session looks at."""
    where = [dashboard_session.c.residency == residency, dashboard_session.c.id == identity]
    connection.execute(sa.update(dashboard_session).where(*where).values(chosen_tenant=tenant))


def close_sessions(
    connection: sa.Connection, residency: str, *, ids: Sequence[uuid.UUID] = (), user: uuid.UUID | None = None
) -> None:
    """End sessions: those named, and all of a user."""
    which: list[sa.ColumnElement[bool]] = [dashboard_session.c.id.in_(ids)]
    if user is not None:
        which.append(dashboard_session.c.user_id == user)
    connection.execute(sa.delete(dashboard_session).where(dashboard_session.c.residency == residency, sa.or_(*which)))


def use_link(
    database: Database,
    connection: sa.Connection,
    residency: str,
    purpose: str,
    key: str,
    *,
    now: datetime,
    until: datetime,
) -> bool:
    """Mark a link as used; False when it was used before."""
    row = {
        "residency": residency,
        "id": natural_id("link", residency, purpose, key),
        "tenant": "",
        "purpose": purpose,
        "at": now,
        "expires_at": until,
    }
    return bool(database.insert_new(connection, used_link, [row]))


def link_used(connection: sa.Connection, residency: str, purpose: str, key: str) -> bool:
    """Tell whether a link was used."""
    query = sa.select(used_link.c.id).where(
        used_link.c.residency == residency, used_link.c.id == natural_id("link", residency, purpose, key)
    )
    return connection.execute(query).first() is not None


def _attempt_id(residency: str, name: str) -> uuid.UUID:
    return natural_id("attempt", residency, name.strip().lower())


def _user(row: dict[str, Any]) -> User:
    names = ("id", "name", "role", "password", "totp", "totp_step", "may_reveal", "disabled", "created_at")
    return User(
        **{name: row[name] for name in names},
        connections=tuple(row["connections"]),
        tenants=tuple(row["tenants"]),
        last_sign_in=row["last_sign_in"],
    )
