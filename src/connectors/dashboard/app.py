"""The routes of the dashboard."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from connectors.dashboard import (
    accounts,
    acting,
    coverage,
    findings,
    firewall,
    oidc,
    operating,
    overview,
    signing,
    words,
)
from connectors.dashboard.people import Permission
from connectors.dashboard.visit import Dashboard, Endpoint, Page, Visit
from connectors.errors import NotFound
from connectors.runtime import Runtime

HERE = Path(__file__).parent


def routes(runtime: Runtime) -> list[BaseRoute]:
    """Return every page of the dashboard, its static files, and nothing else. Mounted last: it owns `/`."""
    dashboard = Dashboard(runtime, environment())
    firewall.link_alerts(runtime)

    def page(
        path: str, shown: Page | None = None, posted: Page | None = None, needs: Permission | None = None
    ) -> list[BaseRoute]:
        made: list[BaseRoute] = []
        if shown is not None:
            made.append(Route(path, Endpoint(dashboard, shown, _to_read(needs)), methods=["GET"]))
        if posted is not None:
            made.append(Route(path, Endpoint(dashboard, posted, needs), methods=["POST"]))
        return made

    view, triage, operate, admin = Permission.VIEW, Permission.TRIAGE, Permission.OPERATE, Permission.ADMIN
    return [
        *page("/signin", signing.sign_in_page, signing.sign_in),
        *page("/signin/code", signing.code_page, signing.code),
        *page("/oidc/start", oidc.start),
        *page("/oidc/callback", oidc.callback),
        *page("/signout", None, signing.sign_out),
        *page("/setup/{token}", signing.setup_page, signing.setup),
        *page("/password/{token}", signing.setup_page, signing.setup),
        *page("/", overview.overview, needs=view),
        *page("/coverage", coverage.coverage, needs=view),
        *page("/findings", findings.finding_list, needs=view),
        *page("/findings/new", findings.new_since, needs=view),
        *page("/findings/{id}", findings.detail, needs=view),
        *page("/views", None, findings.save_view, needs=view),
        *page("/views/{id}/drop", None, findings.drop_view, needs=view),
        *page("/findings/{id}/state", None, acting.set_state, triage),
        *page("/findings/{id}/undo", None, acting.undo, triage),
        *page("/findings/{id}/confirm", None, acting.confirm_value, triage),
        *page("/findings/{id}/act", None, acting.act, Permission.ACT),
        *page("/findings/{id}/reveal", None, acting.reveal, Permission.REVEAL),
        *page("/bulk", acting.list_bulk, acting.start_bulk, triage),
        *page("/bulk/new", None, acting.new_bulk, triage),
        *page("/bulk/{id}", acting.show_bulk, needs=view),
        *page("/bulk/{id}/undo", None, acting.undo_bulk, triage),
        *page("/bulk/{id}/stop", None, acting.stop_bulk, triage),
        *page("/connections", operating.connections, needs=view),
        *page("/connections/{name}", operating.connection, needs=view),
        *page("/connections/{name}/sync", None, operating.start_sync, operate),
        *page("/deliveries/{id}/replay", None, operating.replay, operate),
        *page("/events/{id}/revive", None, operating.revive, operate),
        *page("/policies", operating.policies, needs=view),
        *page("/policies/try", None, operating.try_policy, view),
        *page("/policies/text", None, operating.try_text, view),
        *page("/account", accounts.account, needs=view),
        *page("/account/password", None, accounts.change_password, view),
        *page("/account/totp", None, accounts.offer_totp, view),
        *page("/account/totp/keep", None, accounts.keep_totp, view),
        *page("/account/totp/drop", None, accounts.drop_totp, view),
        *page("/tenant", None, accounts.choose_tenant, view),
        *page("/users", accounts.list_users, accounts.save_user, admin),
        *page("/audit", accounts.audit, needs=view),
        *page("/review/{token}", firewall.page, firewall.decide),
        Mount("/static", StaticFiles(directory=HERE / "static")),
        *page("/{rest:path}", nowhere),
    ]


def nowhere(_visit: Visit) -> Response:
    """Say that there is no such page."""
    raise NotFound("there is no such page")


def _to_read(needs: Permission | None) -> Permission | None:
    """Return what looking at a page takes: users are seen by admins only, the rest by everybody signed in."""
    return needs if needs in (None, Permission.ADMIN) else Permission.VIEW


def environment() -> Environment:
    """Return the templates: everything is escaped, and a name that is not there is an error."""
    # Every template is HTML, whatever its name: nothing is ever put into a page unescaped.
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    made.filters.update(words.FILTERS)
    made.globals.update(ago=words.ago, term=words.term, search_url=words.search_url)
    return made
