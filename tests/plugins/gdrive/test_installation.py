"""The whole house over the fake Drive: history, channels, push hints, deletions, and what the ledger says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.store import findings, ledger
from connectors.testing.company import aws_key
from connectors.testing.fakeapps.gdrive import FakeDrive, service_account
from connectors.testing.installation import Installation

ANA, BEN = "ana@acme.example", "ben@acme.example"


@pytest.fixture
def house(url: str, tmp_path: Path) -> Iterator[Installation]:
    """Gateway, database and a worker that is driven by hand."""
    (tmp_path / "key.json").write_text(service_account(url))
    config = f"""
gateway: {{public_url: "https://dlp.example"}}
connections:
  acme-drive:
    connector: gdrive
    config:
      service_account: ${{file:key.json}}
      users: [{ANA}, {BEN}]
      webhook_secret: shared-by-nobody-else
      api_url: {url}
policies:
  - {{name: credentials, detectors: [secret], min_confidence: POSSIBLE}}
outbound: {{allow: [127.0.0.0/8]}}
"""
    house = Installation(config, tmp_path)
    with house.running(worker=False):
        yield house


def _rows(house: Installation, read: Callable[[Any, str], Any]) -> list[Any]:
    databases = house.runtime.databases
    return [
        row
        for residency in databases.residencies
        for row in databases.of(residency).read(lambda c, r=residency: read(c, r))
    ]


@pytest.fixture
def found(house: Installation) -> Callable[[], dict[str, str]]:
    """Return the state of each finding by resource and part, after all work is done."""

    def look() -> dict[str, str]:
        house.worker.drain()
        rows = _rows(house, lambda c, residency: findings.listed(c, residency, limit=500))
        return {f"{row['resource_id']} {row['part']}": row["state"] for row in rows}

    return look


def announce(fake: FakeDrive, house: Installation) -> set[int]:
    """Post what Google would have posted."""
    posted, fake.notifications = fake.notifications, []
    return {house.post("acme-drive", one.headers, one.body).status_code for one in posted}


def test_a_leak_is_found_by_history_and_by_push_and_resolved_when_it_goes(
    fake: FakeDrive, house: Installation, found: Callable[[], dict[str, str]]
) -> None:
    old = fake.add_file("old.txt", f"key {aws_key('old')}")
    assert found() == {f"file:{old} content": "open"}
    assert {channel["feed"] for channel in fake.channels.values()} == {f"user:{ANA}", f"user:{BEN}"}

    new = fake.add_file("new.txt", "nothing yet", owner=BEN)
    comment = fake.add_comment(new, f"the key is {aws_key('new')}")
    assert announce(fake, house) == {200}
    assert found() == {f"file:{old} content": "open", f"file:{new} comment:{comment}": "open"}

    fake.delete_comment(new, comment)
    fake.delete_file(old)
    announce(fake, house)
    assert set(found().values()) == {"resolved"}


def test_a_forged_notification_is_refused(
    fake: FakeDrive, house: Installation, found: Callable[[], dict[str, str]]
) -> None:
    found()
    real = fake.notifications[0]
    forged = {**real.headers, "X-Goog-Channel-Token": real.headers["X-Goog-Channel-Token"][:-2] + "xx"}
    assert house.post("acme-drive", forged, b"").status_code == 401
    assert house.post("acme-drive", real.headers, b"").status_code == 200


def test_the_ledger_says_what_was_not_read(
    fake: FakeDrive, house: Installation, found: Callable[[], dict[str, str]]
) -> None:
    shared = fake.add_file("shared.txt", "plain")
    fake.share(shared, type="user", emailAddress=BEN)
    fake.add_file("survey", mime="form")
    found()
    lines = {line.partition: line.counts for line in _rows(house, ledger.coverage)}
    assert lines[f"user:{ANA}"].skipped == 1
    assert lines[f"user:{BEN}"].skipped == 1
    assert [counts for counts in lines.values() if counts.pending or counts.failed] == []
