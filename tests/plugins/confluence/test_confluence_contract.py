"""Confluence held to the contract: Cloud with a relay app, Data Center with its webhooks."""

from __future__ import annotations

import hashlib
import hmac
from copy import deepcopy
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar

from connectors.model import Delivery
from connectors.testing.contract import CANARY, Bench, ConnectorContract
from connectors.testing.fakeapps.confluence import FakeConfluence
from connectors_confluence.connector import ConfluenceConnector


class CloudBench(Bench):
    signature = ("x-hub-signature",)
    cloud: ClassVar[bool] = True
    fake: FakeConfluence

    def __init__(self) -> None:
        self.fake = FakeConfluence(cloud=self.cloud)
        self.fake.webhook_secret = self.secret
        self.fake.add_space("ENG")

    def config(self, url: str) -> dict[str, Any]:
        login = {"email": self.fake.email, "token": self.fake.token} if self.cloud else {"pat": self.fake.pat}
        return {"url": url, "cloud": self.cloud, "webhook_secret": self.secret, **login}

    def create(self, text: str) -> tuple[str, Delivery | None]:
        page = self.fake.add_page("ENG", "a page", f"<p>{text}</p>")
        return page, self.posted("created", page)

    def edit(self, key: str, text: str) -> Delivery | None:
        self.fake.edit(key, body=f"<p>{text}</p>")
        if CANARY not in text:  # the value is gone only when no old version holds it
            del self.fake.contents[key]["versions"][:-1]
        return self.posted("updated", key)

    def delete(self, key: str) -> Delivery | None:
        self.fake.trash(key)
        return self.posted("trashed", key)

    def posted(self, verb: str, key: str) -> Delivery:
        return Delivery("kit", *self.fake.relayed(verb, key))

    def sign(self, body: bytes, like: Delivery) -> Delivery:
        digest = hmac.new(self.secret.encode(), body, hashlib.sha256).hexdigest()
        return replace(like, body=body, headers={**like.headers, "x-hub-signature": f"sha256={digest}"})

    def small_pages(self) -> None:
        self.fake.page_limit = 2

    def show(self, key: str) -> object:
        return deepcopy(self.fake.contents.get(key))

    def expose(self, key: str, action: str) -> None:
        if action == "remove_old_versions":  # the value in an old version as well as in the current one
            self.fake.edit(key, body=self.fake.text_of(key) + "<p>more</p>")

    def now(self) -> datetime:
        return self.fake.now


class DataCenterBench(CloudBench):
    cloud = False

    def posted(self, verb: str, key: str) -> Delivery:
        return Delivery("kit", *self.fake.posted(f"page_{verb}", key))


class TestConfluenceCloud(ConnectorContract):
    connector = ConfluenceConnector
    bench = CloudBench


class TestConfluenceDataCenter(ConnectorContract):
    connector = ConfluenceConnector
    bench = DataCenterBench
