"""The routes of the dashboard."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from connectors.dashboard import findings, overview, signing, words
from connectors.dashboard.people import Permission
from connectors.dashboard.visit import Dashboard, Endpoint, Page
from connectors.runtime import Runtime

HERE = Path(__file__).parent


def routes(runtime: Runtime) -> list[BaseRoute]:
    """Return every page of the dashboard, its static files, and nothing else. Mounted last: it owns `/`."""
    dashboard = Dashboard(runtime, environment())

    def page(
        path: str, shown: Page | None = None, posted: Page | None = None, needs: Permission | None = None
    ) -> list[BaseRoute]:
        made: list[BaseRoute] = []
        if shown is not None:
            made.append(Route(path, Endpoint(dashboard, shown, needs and Permission.VIEW), methods=["GET"]))
        if posted is not None:
            made.append(Route(path, Endpoint(dashboard, posted, needs), methods=["POST"]))
        return made

    view = Permission.VIEW
    return [
        *page("/signin", signing.sign_in_page, signing.sign_in),
        *page("/signin/code", signing.code_page, signing.code),
        *page("/signout", None, signing.sign_out),
        *page("/setup/{token}", signing.setup_page, signing.setup),
        *page("/password/{token}", signing.setup_page, signing.setup),
        *page("/", overview.overview, needs=view),
        *page("/coverage", overview.coverage, needs=view),
        *page("/findings", findings.finding_list, needs=view),
        *page("/findings/{id}", findings.detail, needs=view),
        *page("/views", None, findings.save_view, needs=view),
        *page("/views/{id}/drop", None, findings.drop_view, needs=view),
        Mount("/static", StaticFiles(directory=HERE / "static")),
    ]


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
