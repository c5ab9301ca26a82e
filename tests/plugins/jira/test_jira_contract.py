"""Jira held to the contract, Cloud and Data Center."""

from __future__ import annotations

import hashlib
import hmac
from copy import deepcopy
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar

from connectors.model import Delivery
from connectors.testing.contract import Bench, ConnectorContract
from connectors.testing.fakeapps.jira import FakeJira
from connectors_jira.connector import JiraConnector


class CloudBench(Bench):
    signature = ("x-hub-signature",)
    cloud: ClassVar[bool] = True
    fake: FakeJira

    def __init__(self) -> None:
        self.fake = FakeJira(cloud=self.cloud)
        self.fake.webhook_secret = self.secret
        self.fake.add_project("OPS")

    def config(self, url: str) -> dict[str, Any]:
        login = {"email": self.fake.email, "token": self.fake.token} if self.cloud else {"pat": self.fake.pat}
        return {"url": url, "cloud": self.cloud, "webhook_secret": self.secret, "changelog": False, **login}

    def create(self, text: str) -> tuple[str, Delivery | None]:
        issue = self.fake.add_issue("OPS", "a task", text=text)
        return issue["id"], self._posted("jira:issue_created", issue["id"])

    def edit(self, key: str, text: str) -> Delivery | None:
        changelog = self.fake.edit_issue(key, description=self.fake.rich(text))
        return self._posted("jira:issue_updated", key, changelog=changelog)

    def delete(self, key: str) -> Delivery | None:
        issue = self.fake.delete_issue(key)
        self.fake.pass_time(seconds=1)
        return self._posted("jira:issue_deleted", issue)

    def _posted(self, event: str, issue: Any, **parts: Any) -> Delivery:
        headers, body = self.fake.signed(event, issue=issue, **parts)
        return Delivery("kit", headers, body)

    def sign(self, body: bytes, like: Delivery) -> Delivery:
        digest = hmac.new(self.secret.encode(), body, hashlib.sha256).hexdigest()
        return replace(like, body=body, headers={**like.headers, "x-hub-signature": f"sha256={digest}"})

    def small_pages(self) -> None:
        self.fake.page_limit = 2

    def show(self, key: str) -> object:
        return deepcopy(self.fake.issues.get(key))

    def now(self) -> datetime:
        return self.fake.now


class DataCenterBench(CloudBench):
    cloud = False


class TestJiraCloud(ConnectorContract):
    connector = JiraConnector
    bench = CloudBench


class TestJiraDataCenter(ConnectorContract):
    connector = JiraConnector
    bench = DataCenterBench
