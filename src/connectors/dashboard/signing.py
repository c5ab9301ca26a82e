"""Signing in and out: passwords, second factor, one-time links. Every attempt is audited."""

from __future__ import annotations

import secrets as random
import sys
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from starlette.responses import Response

from connectors.dashboard import secrets
from connectors.dashboard.visit import Dashboard, Denied, SignedOut, Visit, cookie_name, local_path
from connectors.errors import Unverified
from connectors.runtime import Runtime
from connectors.store.actions import note
from connectors.store.dashboard import users
from connectors.store.dashboard.users import User

SETUP_LASTS = timedelta(hours=24)
HALF_SESSION = timedelta(minutes=10)
"""How long a second factor may take."""


def announce(runtime: Runtime, *, base: str = "") -> str | None:
    """Print the one-time set-up link when nobody can administer yet; return it. Called when serving starts."""
    home = runtime.config.residency
    if not runtime.config.dashboard.enabled:
        return None
    if runtime.databases.of(home).read(lambda c: users.has_admin(c, home)):
        return None
    link = one_time_link(runtime, "setup", "admin", base=base, lasts=SETUP_LASTS)
    # Not to the log: whoever holds this link becomes the admin.
    print(f"No admin yet. Set up the dashboard, once, within 24 hours:\n  {link}", file=sys.stderr, flush=True)
    return link


def one_time_link(runtime: Runtime, purpose: str, name: str, *, base: str = "", lasts: timedelta) -> str:
    """Return a link that works once: `setup` makes the first admin, `password` sets a user's password."""
    values = {"name": name, "key": random.token_urlsafe(12)}
    token = secrets.make_link(runtime.vault, f"dashboard-{purpose}", values, runtime.now() + lasts)
    return f"{base.rstrip('/') or runtime.config.gateway.base_url}/{purpose}/{token}"


def sign_in_page(visit: Visit) -> Response:
    """Show the sign-in form."""
    if visit.person is not None:
        return visit.go("/")
    return visit.render(
        "signin.html", next=local_path(visit.value("next", "/")), oidc=visit.runtime.config.dashboard.oidc
    )


def sign_in(visit: Visit) -> Response:
    """Check name and password; the same answer for a wrong name, a wrong password and a locked name."""
    name, password = visit.value("name").strip().lower()[:255], visit.value("password")
    home, database = visit.dashboard.home, visit.dashboard.home_database
    locked = database.read(lambda c: users.locked_until(c, home, name, now=visit.now))
    user = database.read(lambda c: users.named(c, home, name))
    known = user is not None and not user.disabled and locked is None
    good = secrets.check_password(user.password if user and known else "", password)
    if not good or user is None:
        return _refused(visit, name, locked)
    begin_session(visit, user, complete=user.totp is None)
    wanted = local_path(visit.value("next", "/"))
    return visit.go(wanted if user.totp is None else f"/signin/code?next={wanted}")


def _refused(visit: Visit, name: str, locked: datetime | None) -> Response:
    home, database = visit.dashboard.home, visit.dashboard.home_database

    def refuse(c: sa.Connection) -> None:
        if locked is None:
            users.fail(database, c, home, name, now=visit.now)
        audit_sign_in(visit, c, name, "locked" if locked else "refused")

    database.run(refuse)
    error = "Name or password is wrong, or the name is locked for some minutes after several wrong tries."
    return visit.render("signin.html", 401, error=error, name=name, next=local_path(visit.value("next", "/")))


def code_page(visit: Visit) -> Response:
    """Ask for the second factor."""
    if visit.session is None:
        raise SignedOut("sign in first")
    return visit.render("code.html", next=local_path(visit.value("next", "/")))


def code(visit: Visit) -> Response:
    """Check the second factor; a code counts once, and wrong ones lock the name."""
    home, database = visit.dashboard.home, visit.dashboard.home_database
    session = visit.session
    user = database.read(lambda c: users.get(c, home, session.user_id)) if session else None
    if session is None or user is None or user.totp is None:
        raise SignedOut("sign in first")
    owner, sealed = user, user.totp

    def check(c: sa.Connection) -> bool:
        locked = users.locked_until(c, home, owner.name, now=visit.now)
        step = secrets.totp_step(open_totp(visit.runtime, owner, sealed), visit.value("code"), visit.now)
        if locked or step is None or not users.use_step(c, home, owner.id, step):
            users.fail(database, c, home, owner.name, now=visit.now)
            audit_sign_in(visit, c, owner.name, "wrong code")
            return False
        users.close_sessions(c, home, ids=[session.id])
        return True

    if not database.run(check):
        return visit.render("code.html", 401, error="That code is not right, or was used before.")
    begin_session(visit, owner, complete=True)
    return visit.go(local_path(visit.value("next", "/")))


def sign_out(visit: Visit) -> Response:
    """End the session."""
    session = visit.session
    if session is not None:
        visit.dashboard.home_database.run(lambda c: users.close_sessions(c, visit.dashboard.home, ids=[session.id]))
    visit.cookies.append(("session", "", 0))
    return visit.go("/signin")


def open_totp(runtime: Runtime, user: User, sealed: bytes) -> str:
    """Return the secret of a user's second factor."""
    return str(runtime.vault.open(sealed, context=f"totp:{user.id}"))


def begin_session(visit: Visit, user: User, *, complete: bool) -> None:
    """Open a session under a fresh token; a token from before the sign-in is never taken over."""
    home, database = visit.dashboard.home, visit.dashboard.home_database
    token = random.token_urlsafe(32)
    lasts = visit.runtime.config.dashboard.session if complete else HALF_SESSION
    old = visit.request.cookies.get(cookie_name(visit), "")

    def begin(c: sa.Connection) -> None:
        if old:
            users.close_sessions(c, home, ids=[users.session_id(home, old)])
        users.open_session(database, c, home, token, user.id, complete=complete, now=visit.now, lasts=lasts)
        if complete:
            users.forgive(c, home, user.name)
            users.change(c, home, user.id, last_sign_in=visit.now)
            audit_sign_in(visit, c, user.name, "done")

    database.run(begin)
    visit.cookies.append(("session", token, int(lasts.total_seconds())))


def audit_sign_in(visit: Visit, connection: sa.Connection, name: str, result: str, **detail: Any) -> None:
    """Write the audit row of an attempt to sign in."""
    client = visit.request.client
    note(
        visit.dashboard.home_database, connection, residency=visit.dashboard.home, tenant="",
        actor=f"user:{name}", act="sign-in", subject=f"user:{name}"[:255], result=result,
        detail={"address": client.host if client else "", **detail}, now=visit.now,
    )  # fmt: skip


def setup_page(visit: Visit) -> Response:
    """Show the form that a one-time link opens: a name (first admin) and a password."""
    purpose, values = _link(visit)
    return visit.render("password.html", purpose=purpose, name="" if purpose == "setup" else values["name"])


def setup(visit: Visit) -> Response:
    """Make the first admin, or set a user's password; the link is used up."""
    purpose, values = _link(visit)
    name = (visit.value("name") if purpose == "setup" else values["name"]).strip().lower()[:255]
    password = visit.value("password")
    problem = secrets.weakness(password, name) or ("write a name" if not name else "")
    if not problem and password != visit.value("again"):
        problem = "the two passwords differ"
    if problem:
        return visit.render("password.html", 400, purpose=purpose, name=name, error=problem)
    user = _keep(visit, purpose, name, secrets.hash_password(password), values)
    if user.totp is not None:
        # The link stands in for the password, not for the second factor.
        return visit.go("/signin", told="Password set. Sign in.")
    begin_session(visit, user, complete=True)
    return visit.go("/")


def _keep(visit: Visit, purpose: str, name: str, hashed: str, values: dict[str, Any]) -> User:
    home, database = visit.dashboard.home, visit.dashboard.home_database
    until = visit.now + SETUP_LASTS

    def keep(c: sa.Connection) -> User:
        if not users.use_link(database, c, home, purpose, values["key"], now=visit.now, until=until):
            raise Unverified("this link was used before")
        user = users.named(c, home, name)
        if purpose == "setup":
            if users.has_admin(c, home):
                raise Denied("there is an admin already", hint="ask them for a link")
            made = User(users.user_id(home, name), name, "admin", hashed, may_reveal=True)
            users.put(database, c, home, made, now=visit.now)
            user = made
        elif user is None or user.disabled:
            raise Denied("there is no such user any more")
        else:
            users.change(c, home, user.id, password=hashed)
            users.close_sessions(c, home, user=user.id)
        users.forgive(c, home, name)
        audit_sign_in(visit, c, name, f"{purpose} link used")
        return user

    return database.run(keep)


def _link(visit: Visit) -> tuple[str, dict[str, Any]]:
    purpose = "setup" if visit.request.url.path.startswith("/setup/") else "password"
    token = str(visit.request.path_params["token"])
    values = secrets.read_link(visit.runtime.vault, f"dashboard-{purpose}", token, visit.now)
    home = visit.dashboard.home
    if visit.dashboard.home_database.read(lambda c: users.link_used(c, home, purpose, values["key"])):
        raise Unverified("this link was used before")
    return purpose, values


def make_dashboard_link(dashboard: Dashboard, path: str) -> str:
    """Return the address of a page for people outside of the dashboard."""
    return dashboard.runtime.config.gateway.base_url + path
