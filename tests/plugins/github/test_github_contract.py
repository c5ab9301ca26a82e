"""GitHub held to the contract, by its issues."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

from connectors.model import Delivery
from connectors.testing.contract import Bench, ConnectorContract
from connectors.testing.fakeapps import Request, Response
from connectors.testing.fakeapps.github import FakeGitHub
from connectors_github.connector import GitHubConnector


class PagedGitHub(FakeGitHub):
    """Gives pages of at most `page_cap`."""

    page_cap = 100

    def _paged(
        self, request: Request, items: list[Any], wrap: Callable[[list[Any]], Any] = lambda page: page
    ) -> Response:
        size = min(self.page_cap, int(request.query.get("per_page", "30")))
        return super()._paged(replace(request, query={**request.query, "per_page": str(size)}), items, wrap)


class GitHubBench(Bench):
    signature = ("x-hub-signature-256",)
    fake: PagedGitHub

    def __init__(self) -> None:
        self.fake = PagedGitHub(webhook_secret=self.secret)
        self.login = self.fake.add_user("ana", name="Ana Reyes", email="ana@acme.example")
        self.repo = self.fake.add_repo("orders")
        self.fake.commit(self.repo, {"README.md": "orders"}, login=self.login)

    def config(self, url: str) -> dict[str, Any]:
        return {
            "token": self.fake.token,
            "webhook_secret": self.secret,
            "api_url": url,
            "raw_url": f"{url}/raw",
        }

    def create(self, text: str) -> tuple[str, Delivery | None]:
        webhook = self.fake.open_issue(self.repo, self.login, "a task", text)
        return str(self.fake.last_number), Delivery("kit", *webhook)

    def edit(self, key: str, text: str) -> Delivery | None:
        return Delivery("kit", *self.fake.edit_issue(self.repo, int(key), login=self.login, body=text))

    def delete(self, key: str) -> Delivery | None:
        return Delivery("kit", *self.fake.delete_issue(self.repo, int(key), login=self.login))

    def sign(self, body: bytes, like: Delivery) -> Delivery:
        headers, _ = self.fake.sign(body, name=like.headers["x-github-event"])
        return replace(like, headers=headers, body=body)

    def small_pages(self) -> None:
        self.fake.page_cap = 2

    def show(self, key: str) -> object:
        repo = self.fake.repos[self.repo]
        return deepcopy((repo.issues.get(int(key)), repo.issue_comments))


class TestGitHub(ConnectorContract):
    connector = GitHubConnector
    bench = GitHubBench
