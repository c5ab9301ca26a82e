"""One's own account, the users, the audit, and which tenant is looked at."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from starlette.responses import Response

from connectors.dashboard import secrets
from connectors.dashboard.signing import audit_sign_in, one_time_link, open_totp
from connectors.dashboard.visit import Denied, Visit, chosen
from connectors.errors import Unsupported
from connectors.store.dashboard import pages, users
from connectors.store.dashboard.users import User
from connectors.store.tables.dashboard import ROLES

LINK_LASTS = timedelta(hours=48)
AUDIT_PAGE = 100


def choose_tenant(visit: Visit) -> Response:
    """Look at another tenant from now on."""
    wanted, session = chosen(visit.value("tenant"), visit.tenants, visit.tenant), visit.session
    if session is not None:
        visit.dashboard.home_database.run(lambda c: users.choose_tenant(c, visit.dashboard.home, session.id, wanted))
    return visit.go("/")


def account(visit: Visit, **more: Any) -> Response:
    """Show one's own account."""
    return visit.render("account.html", **{"offer": None, "error": "", **more})


def offer_totp(visit: Visit) -> Response:
    """Offer a secret for a second factor; it is kept only when a code of it was given."""
    secret = secrets.new_totp()
    sealed = visit.runtime.vault.seal_text(secret, context=f"totp-offer:{visit.who.user.id}")
    return account(
        visit, offer={"secret": secret, "sealed": sealed, "uri": secrets.totp_uri(secret, visit.who.user.name)}
    )


def keep_totp(visit: Visit) -> Response:
    """Keep the second factor, after a code proved that the app has it; other sessions end."""
    user, vault = visit.who.user, visit.runtime.vault
    secret = str(vault.open_text(visit.value("sealed"), context=f"totp-offer:{user.id}"))
    step = secrets.totp_step(secret, visit.value("code"), visit.now)
    if step is None:
        return account(visit, error="That code was not right; start again.")
    sealed = vault.seal(secret, context=f"totp:{user.id}")
    _change(visit, user, "second factor on", totp=sealed, totp_step=step)
    return visit.go("/account", told="The second factor is on.")


def drop_totp(visit: Visit) -> Response:
    """Take the second factor away, against a code of it."""
    user = visit.who.user
    if user.totp is None:
        return visit.go("/account")
    if secrets.totp_step(open_totp(visit.runtime, user, user.totp), visit.value("code"), visit.now) is None:
        return account(visit, error="That code was not right.")
    _change(visit, user, "second factor off", totp=None)
    return visit.go("/account", told="The second factor is off.")


def change_password(visit: Visit) -> Response:
    """Set another password, against the old one; other sessions end."""
    user, fresh = visit.who.user, visit.value("password")
    problem = secrets.weakness(fresh, user.name)
    if not secrets.check_password(user.password, visit.value("old")):
        problem = "the old password is wrong"
    if problem:
        return account(visit, error=f"{problem.capitalize()}.")
    _change(visit, user, "password changed", password=secrets.hash_password(fresh))
    visit.cookies.append(("session", "", 0))
    return visit.go("/signin", told="Password changed. Sign in again.")


def _change(visit: Visit, user: User, what: str, **values: Any) -> None:
    home, database = visit.dashboard.home, visit.dashboard.home_database

    def change(c: sa.Connection) -> None:
        users.change(c, home, user.id, **values)
        if "password" in values:
            users.close_sessions(c, home, user=user.id)
        audit_sign_in(visit, c, user.name, what)

    database.run(change)


def list_users(visit: Visit, **more: Any) -> Response:
    """List the users."""
    home = visit.dashboard.home
    rows = visit.dashboard.home_database.read(lambda c: users.listed(c, home))
    return visit.render("users.html", rows=rows, roles=ROLES, link=more.get("link"), error=more.get("error"))


def save_user(visit: Visit) -> Response:
    """Make a user, or change role and scope of one; a new one gets a one-time link for the password."""
    name = visit.value("name").strip().lower()[:255]
    if not name or any(character.isspace() for character in name):
        return list_users(visit, error="Write a name without spaces.")
    home, database = visit.dashboard.home, visit.dashboard.home_database
    values = {
        "role": chosen(visit.value("role"), ROLES, "viewer"),
        "may_reveal": visit.value("may_reveal") == "yes",
        "connections": visit.value("connections").replace(",", " ").split() or ["*"],
        "tenants": visit.value("tenants").replace(",", " ").split() or ["*"],
        "disabled": visit.value("disabled") == "yes",
    }
    if name == visit.who.user.name and (values["role"] != "admin" or values["disabled"]):
        raise Unsupported("you cannot take your own admin role away", hint="let another admin do it")

    def save(c: sa.Connection) -> bool:
        known = users.named(c, home, name)
        if known is None:
            users.put(database, c, home, User(users.user_id(home, name), name, "viewer"), now=visit.now)
        users.change(c, home, users.user_id(home, name), **values)
        if values["disabled"]:
            users.close_sessions(c, home, user=users.user_id(home, name))
        audit_sign_in(visit, c, name, "user saved", by=visit.who.name, role=values["role"])
        return known is None

    made = database.run(save)
    link = one_time_link(visit.runtime, "password", name, lasts=LINK_LASTS) if made or visit.value("reset") else None
    return list_users(visit, link=link)


def audit(visit: Visit) -> Response:
    """Show the audit, the latest first: of the tenant, and for admins of sign-ins."""
    if visit.connections is not None and not visit.who.may("admin"):
        raise Denied("the audit tells of every connection", hint="it takes a user who sees them all")
    try:
        before = datetime.fromisoformat(visit.value("before")) if visit.value("before") else None
    except ValueError:
        before = None
    before = before if before is not None and before.tzinfo is not None else None
    rows = list(visit.read(lambda c: pages.audit_page(c, visit.residency, [visit.tenant], before=before)))
    if visit.who.may("admin"):
        # Sign-ins are of no tenant, and stand where users live: that may be another residency's database.
        home = visit.dashboard.home
        rows += visit.dashboard.home_database.read(lambda c: pages.audit_page(c, home, [""], before=before))
    rows = sorted(rows, key=lambda row: row["at"], reverse=True)
    more = rows[AUDIT_PAGE - 1]["at"].isoformat() if len(rows) >= AUDIT_PAGE else ""
    return visit.render("audit.html", rows=rows[:AUDIT_PAGE], more=more)
