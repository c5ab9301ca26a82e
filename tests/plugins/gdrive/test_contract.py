"""Google Drive held to the contract."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from connectors.contract import Connector
from connectors.model import Delivery
from connectors.testing.contract import Bench, ConnectorContract
from connectors.testing.fakeapps.gdrive import FakeDrive, service_account
from connectors_gdrive.connector import DriveConnector


class DriveBench(Bench):
    signature = ("x-goog-channel-token", "x-goog-channel-id")
    signs_body = False
    stale_after = timedelta(days=8, seconds=5)

    def __init__(self) -> None:
        self.fake = FakeDrive(users=["ana@acme.example"])

    def config(self, url: str) -> dict[str, Any]:
        return {
            "service_account": service_account(url),
            "users": ["ana@acme.example"],
            "webhook_secret": self.secret,
            "act": True,
            "quarantine_folder": self.folder(),
            "api_url": url,
        }

    def folder(self) -> str:
        for file in self.fake.files.values():
            if file.entry["name"] == "Quarantine":
                return file.id
        return self.fake.add_file("Quarantine", mime="folder")

    def prepare(self, connector: Connector[Any]) -> None:
        if not self.fake.channels:
            connector.subscribe("https://dlp.example/webhooks/kit", None)  # type: ignore[attr-defined]  # a power

    def create(self, text: str) -> tuple[str, Delivery | None]:
        key = self.fake.add_file("a.txt", text)
        return key, self._posted()

    def edit(self, key: str, text: str) -> Delivery | None:
        self.fake.edit_file(key, text)
        return self._posted()

    def delete(self, key: str) -> Delivery | None:
        self.fake.delete_file(key)
        return self._posted()

    def _posted(self) -> Delivery | None:
        if not self.fake.notifications:
            return None
        last = self.fake.notifications[-1]
        return Delivery("kit", {name.lower(): value for name, value in last.headers.items()}, last.body)

    def small_pages(self) -> None:
        self.fake.page_size = 2

    def show(self, key: str) -> object:
        entry = {name: value for name, value in self.fake.files[key].entry.items() if name != "version"}
        return repr(entry), self.fake.files[key].content

    def expose(self, key: str, action: str) -> None:
        self.fake.share(key, type="anyone")
        self.fake.share(key, type="user", emailAddress="eve@other.example")


class TestDrive(ConnectorContract):
    connector = DriveConnector
    bench = DriveBench
