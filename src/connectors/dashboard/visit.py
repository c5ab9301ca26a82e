"""One request by one person: who it is, what they see, and how a page answers. Handlers are sync and run in threads."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit
from uuid import UUID

import sqlalchemy as sa
from jinja2 import Environment
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from connectors.dashboard.people import Permission, Person
from connectors.errors import Conflict, ConnectorsError, NotFound, StoreUnavailable, Unverified
from connectors.runtime import Runtime
from connectors.store.actions import note
from connectors.store.dashboard import users
from connectors.store.dashboard.users import Session
from connectors.store.engine import Database

T = TypeVar("T")

SAFE = frozenset({"GET", "HEAD"})
FORM_LIMIT = 256 * 1024
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Denied(ConnectorsError):
    """The person has not the permission."""

    code = "denied"


class SignedOut(ConnectorsError):
    """Nobody is signed in."""

    code = "signed_out"


@dataclass(frozen=True)
class Dashboard:
    """What all pages share."""

    runtime: Runtime
    pages: Environment

    @property
    def home(self) -> str:
        """The residency in which users and sessions live."""
        return self.runtime.config.residency

    @property
    def home_database(self) -> Database:
        """The database of users and sessions."""
        return self.runtime.databases.of(self.home)


@dataclass
class Visit:
    """One request. `person` and `session` are set on pages that ask for a permission."""

    dashboard: Dashboard
    request: Request
    form: FormData
    person: Person | None = None
    session: Session | None = None
    cookies: list[tuple[str, str, int]] = field(default_factory=list)

    @property
    def runtime(self) -> Runtime:
        """The running installation."""
        return self.dashboard.runtime

    @property
    def who(self) -> Person:
        """The person; on pages that ask for a permission there always is one."""
        if self.person is None:
            raise SignedOut("sign in first")
        return self.person

    @cached_property
    def now(self) -> datetime:
        """The time of the request."""
        return self.runtime.now()

    @cached_property
    def tenants(self) -> tuple[str, ...]:
        """The tenants that the person sees."""
        config, here = self.runtime.config, self.runtime.databases.residencies
        return tuple(each for each in self.who.tenants(config) if config.residency_of(each) in here)

    @cached_property
    def tenant(self) -> str:
        """The tenant that the person looks at."""
        chosen = self.session.tenant if self.session else ""
        if chosen in self.tenants:
            return chosen
        if not self.tenants:
            raise Denied("you see no tenant", hint="ask an admin for one")
        return self.tenants[0]

    @property
    def residency(self) -> str:
        """Where the tenant's rows live."""
        return self.runtime.config.residency_of(self.tenant)

    @property
    def database(self) -> Database:
        """The database of the tenant."""
        return self.runtime.databases.of(self.residency)

    @cached_property
    def connections(self) -> list[str] | None:
        """The connections that the person sees; None is all of the tenant."""
        return self.who.connections(list(self.runtime.config.connections))

    @cached_property
    def own_connections(self) -> list[str]:
        """The configured connections of the tenant that the person sees."""
        configured = self.runtime.config.connections
        return [name for name, each in configured.items() if each.tenant == self.tenant and self.who.sees(name)]

    def read(self, work: Callable[[sa.Connection], T]) -> T:
        """Read from the tenant's database, a few seconds stale where that is cheaper."""
        return self.database.read(work, stale_ok=True)

    def fresh(self, work: Callable[[sa.Connection], T]) -> T:
        """Read what stands in the tenant's database right now: before a decision."""
        return self.database.read(work)

    def audit(
        self, connection: sa.Connection, act: str, subject: str, result: str, detail: Mapping[str, Any] | None = None
    ) -> None:
        """Write an audit row of the person in the tenant's database."""
        note(
            self.database, connection, residency=self.residency, tenant=self.tenant, actor=self.who.name,
            act=act, subject=subject, result=result, detail=detail or {}, now=self.now,
        )  # fmt: skip

    def value(self, name: str, default: str = "") -> str:
        """Return a field of the form, or of the query where there is no such field."""
        given = self.form.get(name)
        return given if isinstance(given, str) else self.request.query_params.get(name, default)

    def values(self, name: str) -> list[str]:
        """Return every value of a field of the form."""
        return [value for value in self.form.getlist(name) if isinstance(value, str)]

    def uuid(self, name: str = "id") -> UUID:
        """Return an id from the path. Raises `NotFound` when it is none."""
        try:
            return UUID(str(self.request.path_params[name]))
        except ValueError:
            raise NotFound("there is no such page") from None

    @property
    def csrf(self) -> str:
        """The token that forms of this session carry."""
        return self.runtime.vault.sign("csrf", str(self.session.id).encode()) if self.session else ""

    def render(self, template: str, status: int = 200, **values: Any) -> Response:
        """Answer with a page."""
        page = self.dashboard.pages.get_template(template)
        shared = {
            "visit": self,
            "person": self.person,
            "now": self.now,
            "csrf": self.csrf,
            "path": self.request.url.path,
        }
        return HTMLResponse(page.render({**shared, **values}), status)

    def go(self, where: str, *, told: str = "") -> Response:
        """Answer with a redirect; `told` is shown on the page that follows."""
        mark = "&" if "?" in where else "?"
        return RedirectResponse(f"{where}{mark}told={quote(told)}" if told else where, 303)


Page = Callable[[Visit], Response]


class Endpoint:
    """An ASGI endpoint that answers one page: it finds out who asks, checks, and calls the page in a thread."""

    def __init__(self, dashboard: Dashboard, page: Page, needs: Permission | None) -> None:
        self.dashboard = dashboard
        self.page = page
        self.needs = needs

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        if int(request.headers.get("content-length") or 0) > FORM_LIMIT:
            await HTMLResponse("too large", 413)(scope, receive, send)
            return
        if "transfer-encoding" in request.headers:
            # Forms say how long they are; without that the limit could not be held.
            await HTMLResponse("length required", 411)(scope, receive, send)
            return
        form = FormData() if request.method in SAFE else await request.form(max_files=0, max_fields=500)
        visit = Visit(self.dashboard, request, form)
        response = await run_in_threadpool(self.answer, visit)
        await response(scope, receive, send)

    def answer(self, visit: Visit) -> Response:
        """Return the page, or the page that says why not."""
        try:
            response = self._checked(visit)
        except SignedOut:
            wanted = quote(visit.request.url.path) if visit.request.method in SAFE else "/"
            response = RedirectResponse(f"/signin?next={wanted}", 303)
        except ConnectorsError as error:
            response = refusal(visit, error)
        finish(visit, response)
        return response

    def _checked(self, visit: Visit) -> Response:
        recognise(visit)
        if visit.request.method not in SAFE:
            check_origin(visit.request)
            if visit.session is not None:
                check_csrf(visit)
        if self.needs is not None and not visit.who.may(self.needs):
            raise Denied("you may not do this", hint=f"it takes the permission {self.needs!s}")
        return self.page(visit)


STATUS = ((Denied, 403), (Unverified, 403), (NotFound, 404), (Conflict, 409), (StoreUnavailable, 503))


def refusal(visit: Visit, error: ConnectorsError) -> Response:
    """Return the page that says why something was not done."""
    status = next((number for kind, number in STATUS if isinstance(error, kind)), 400)
    return visit.render("refusal.html", status, error=error, number=status)


def finish(visit: Visit, response: Response) -> None:
    """Set the cookies and the headers that every answer carries."""
    for name, value, seconds in visit.cookies:
        set_cookie(visit, response, name, value, seconds)
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)


def secure(visit: Visit) -> bool:
    """Tell whether the person came by HTTPS: directly, or by the proxy that serves the public address."""
    public = urlsplit(visit.runtime.config.gateway.public_url)
    proxied = public.scheme == "https" and visit.request.headers.get("host", "").lower() == public.netloc.lower()
    return proxied or visit.request.url.scheme == "https"


def cookie_name(visit: Visit, name: str = "session") -> str:
    """Return the name of a cookie; browsers hold a `__Host-` cookie to one host and to HTTPS."""
    return f"__Host-connectors-{name}" if secure(visit) else f"connectors-{name}"


def set_cookie(visit: Visit, response: Response, name: str, value: str, seconds: int) -> None:
    """Set a cookie, or delete it when `seconds` is 0."""
    response.set_cookie(
        cookie_name(visit, name), value, max_age=seconds, path="/", secure=secure(visit), httponly=True, samesite="lax"
    )


def recognise(visit: Visit) -> None:
    """Set session and person from the cookie, when they are good."""
    token = visit.request.cookies.get(cookie_name(visit), "")
    if not token:
        return
    home = visit.dashboard.home

    def look(connection: sa.Connection) -> None:
        session = users.session(connection, home, token, now=visit.now)
        user = users.get(connection, home, session.user_id) if session else None
        if session and user and not user.disabled:
            visit.session = session
            visit.person = Person(user) if session.complete else None

    visit.dashboard.home_database.read(look)


def check_origin(request: Request) -> None:
    """Refuse a form that another site sent. Raises `Denied`."""
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    foreign = site is not None and site not in ("same-origin", "none")
    if origin not in (None, "null") and urlsplit(str(origin)).netloc != request.headers.get("host"):
        foreign = True
    if foreign or origin == "null":
        raise Denied("this form came from another site")


def check_csrf(visit: Visit) -> None:
    """Refuse a form without the token of the session. Raises `Denied`."""
    given = visit.form.get("csrf") or visit.request.headers.get("x-csrf-token") or ""
    if not isinstance(given, str) or not hmac.compare_digest(given.encode(), visit.csrf.encode()):
        raise Denied("this form is too old", hint="go back, reload the page, and send it again")


def local_path(wanted: str) -> str:
    """Return a path of this site to go on to; anything else becomes the first page."""
    parts = urlsplit(wanted)
    bad = parts.scheme or parts.netloc or not wanted.startswith("/") or wanted.startswith(("//", "/\\"))
    return "/" if bad or any(ord(character) < 32 for character in wanted) else wanted


def chosen(value: str, known: Sequence[str], default: str) -> str:
    """Return a value when it is one of those known."""
    return value if value in known else default
