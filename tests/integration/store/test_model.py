"""Whatever arrives in whatever order, however often, and whoever dies: the end is what the newest events say."""

from __future__ import annotations

import shutil
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from connectors.model import EventKind
from connectors.store import ledger
from connectors.store.engine import Database
from connectors.store.leases import LostLease

RESOURCES = st.sampled_from(["m1", "m2", "m3"])
VALUES = st.lists(st.sampled_from("abc"), max_size=2, unique=True)


class Inbox(RuleBasedStateMachine):
    """Deliveries, workers, crashes and zombies; the model is only what the newest event of each resource says."""

    make_rig: ClassVar[Any]
    template: ClassVar[Path]

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        shutil.copyfile(self.template, self.folder / "store.db")
        self.database = Database(f"sqlite:///{self.folder}/store.db", pool_size=1)
        self.rig = self.make_rig(self.database)
        self.versions: dict[str, int] = {}
        self.newest: dict[str, set[str]] = {}
        self.deleted: set[str] = set()
        self.posted: list[tuple[str, Any]] = []
        self.late: list[tuple[str, Any]] = []
        self.held: list[tuple[Any, list[Any]]] = []

    @rule(name=RESOURCES, values=VALUES, late=st.booleans())
    def change(self, name: str, values: list[str], late: bool) -> None:
        if name in self.deleted:
            return
        version = self.versions[name] = self.versions.get(name, 0) + 1
        self.newest[name] = set(values)
        self._post(self.rig.event(name, version=version, parts={"body": values}), late)

    @rule(name=RESOURCES, late=st.booleans())
    def delete(self, name: str, late: bool) -> None:
        if name in self.deleted:
            return
        version = self.versions[name] = self.versions.get(name, 0) + 1
        self.newest[name] = set()
        self.deleted.add(name)
        self._post(self.rig.event(name, version=version, kind=EventKind.DELETED), late)

    def _post(self, event: Any, late: bool) -> None:
        delivery = (f"d{len(self.posted) + len(self.late)}-{event.resource.id}-{event.version}", event)
        if late:
            self.late.append(delivery)
        else:
            self._deliver(delivery)

    def _deliver(self, delivery: tuple[str, Any]) -> None:
        assert self.rig.accept(delivery[1], delivery=delivery[0]) == 1
        self.posted.append(delivery)

    @precondition(lambda self: self.late)
    @rule(data=st.data())
    def arrive_late(self, data: Any) -> None:
        self._deliver(self.late.pop(data.draw(st.integers(0, len(self.late) - 1))))

    @precondition(lambda self: self.posted)
    @rule(data=st.data())
    def redeliver(self, data: Any) -> None:
        name, event = data.draw(st.sampled_from(self.posted))
        assert self.rig.accept(event, delivery=name) == 0

    @rule(limit=st.integers(1, 5))
    def claim(self, limit: int) -> None:
        rows = self.rig.claim(limit=limit)
        if rows:
            self.held.append((self.rig.now, rows))

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def record(self, data: Any) -> None:
        since, rows = self.held.pop(data.draw(st.integers(0, len(self.held) - 1)))
        try:
            self.rig.record(rows)
        except LostLease:
            assert self.rig.now - since > timedelta(minutes=2)  # only a worker that was too slow loses a lease

    @rule(lose=st.booleans())
    def time_passes(self, lose: bool) -> None:
        """Every lease ends; workers die with what they held, or turn up later as zombies."""
        self.rig.now += timedelta(minutes=3)
        if lose:
            self.held.clear()

    @rule()
    def overtake(self) -> None:
        """A worker that was taken for dead wakes up after its heir has claimed, and before it has recorded."""
        self.time_passes(lose=False)
        zombie = self.rig.claim()
        self.time_passes(lose=False)
        self.held.append((self.rig.now, self.rig.claim()))
        if zombie:
            with pytest.raises(LostLease):
                self.rig.record(zombie)

    def teardown(self) -> None:
        try:
            for delivery in self.late:
                self._deliver(delivery)
            self.rig.now += timedelta(minutes=3)
            while rows := self.rig.claim():
                self.rig.record(rows)
            self._check()
        finally:
            self.database.close()
            shutil.rmtree(self.folder)

    def _check(self) -> None:
        prints = {self.rig.draft("body", value).fingerprint: value for value in "abc"}
        found: dict[str, set[str]] = {}
        rows = self.rig.rows("finding")
        for row in rows:
            assert row["state"] in ("open", "resolved")
            if row["state"] == "open":
                found.setdefault(row["resource_id"], set()).add(prints[row["fingerprint"]])
        assert found == {name: values for name, values in self.newest.items() if values}
        assert all(line.holds for line in self.database.read(lambda c: ledger.coverage(c, "eu")))
        opened = [str(c["finding_id"]) for c in self.rig.rows("finding_change") if c["after"] == "open"]
        told = [identity for alert in self.rig.rows("alert") for identity in alert["findings"]]
        assert sorted(told) == sorted(opened)
        assert len(self.rig.rows("job", queue="alert")) == len(self.rig.rows("alert"))
        assert self.rig.counts()[0] == len(self.posted)


def test_the_end_is_what_the_newest_events_say(rig_class: Any, migrated_sqlite: Path) -> None:
    run_state_machine_as_test(
        type("Machine", (Inbox,), {"make_rig": rig_class, "template": migrated_sqlite}),
        settings=settings(
            max_examples=30, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
