"""What happens by the clock and by request: delayed actions, readings with a window, how far a reading is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from connectors.model import Page
from connectors.store import jobs, ledger
from connectors.store.tables.findings import audit
from connectors.work import sync


def test_a_policy_acts_after_its_delay_and_says_why(house: Any, thing: Any) -> None:
    house.deliver(thing("a"))
    house.wait(hours=47)
    house.worker.drain()
    assert house.script.acts == []
    house.wait(hours=2)
    house.worker.drain()
    assert house.script.acts == [("remove", "a")]
    (row,) = house.database.read(lambda c: c.execute(sa.select(audit).where(audit.c.act == "action:remove")).all())
    assert (row.actor, row.result, row.detail["why"]) == ("policy", "done", "policy credentials")
    assert row.detail["before_hash"] == "f" * 64


def test_a_policy_leaves_alone_what_was_mended_meanwhile(house: Any, thing: Any) -> None:
    house.deliver(thing("a", version=1))
    house.deliver(thing("a", version=2, text="mended"))
    house.wait(days=3)
    house.worker.drain()
    assert house.script.acts == []


def test_a_window_reaches_the_connector_and_a_windowed_reading_resolves_nothing(house: Any, thing: Any) -> None:
    house.sync(thing("old"), full=True)
    house.script.pages = [Page((thing("new"),), (), {"at": 2}, 1, done=True, reconcile=True)]
    owner, now = house.runtime.owner("acme"), house.script.now
    since = (now - timedelta(days=90)).isoformat()
    wanted = sync.request("acme", residency=owner.residency, tenant=owner.tenant, from_start=True, since=since)
    house.database.run(lambda c: jobs.enqueue(house.database, c, [wanted], vault=house.runtime.vault, now=now))
    for _ in range(3):
        house.worker.drain()
        house.wait(seconds=5)
    assert house.script.read[-1].since == now - timedelta(days=90)
    assert house.states() == {"old": "open", "new": "open"}


def test_every_quarter_of_an_hour_is_read_from_where_the_last_reading_stopped(house: Any) -> None:
    house.script.pages = [Page(cursor={"at": 7}, done=True)]
    house.wait(minutes=16)
    house.worker.drain()
    house.wait(seconds=1)
    before = len(house.script.read)
    house.wait(minutes=14)
    house.worker.drain()
    assert len(house.script.read) == before
    house.wait(minutes=2)
    house.worker.drain()
    assert len(house.script.read) == before + 1


def test_a_reading_tells_when_it_will_be_done(house: Any) -> None:
    counts = ledger.Counts(listed=250)
    line = ledger.Coverage("acme", "all", "everything", "reading", counts, estimate=1000, started_at=house.script.now)
    assert line.eta(house.script.now + timedelta(seconds=50)) == pytest.approx(150)
