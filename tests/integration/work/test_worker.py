"""What a worker does when all goes well, and when apps, plugins and destinations do not."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.errors import AuthError, MissingScope, NotFound, RateLimited, Transient, Unsupported
from connectors.model import EventKind, Gap, Page, Partition, UnitFailure
from connectors.store import letters
from connectors.testing.company import aws_key


def states(house: Any) -> list[str]:
    return sorted(row["state"] for row in house.rows("finding"))


def settled(house: Any) -> bool:
    return all(line.holds for line in house.lines())


def test_a_leak_becomes_a_finding_and_one_alert(house: Any) -> None:
    house.leak()
    house.work()
    (alert,) = house.app.alerts
    assert (alert.policy, alert.message, alert.resource.label) == ("secrets", "Take it out.", "message m1")
    (row,) = house.rows("alert")
    assert row["state"] == "delivered"
    assert [(r["result"], r["recipient"]) for r in house.rows("receipt")] == [("delivered", "#box")]
    assert aws_key("m1") not in repr(alert)
    assert settled(house)


def test_a_fault_of_the_network_is_tried_again_later(house: Any) -> None:
    house.app.troubles["units"] = [Transient("timed out"), Transient("timed out")]
    house.leak()
    house.work()
    assert states(house) == []
    house.app.troubles.clear()
    house.later(minutes=10)
    assert states(house) == ["open"]
    assert settled(house)


def test_a_fault_that_stays_becomes_a_dead_letter_and_a_gap_and_can_be_revived(house: Any) -> None:
    from connectors.store import letters

    house.app.troubles["units"] = [Transient("timed out")]
    house.leak()
    for _ in range(6):
        house.later(hours=1)
    assert house.app.calls.count(("one", "units")) == 4
    assert [row["state"] for row in house.rows("inbox")] == ["dead"]
    assert [(gap["reason"], gap["outcome"]) for gap in house.rows("gap")] == [("gave_up", "failed")]
    assert settled(house)
    house.app.troubles.clear()
    house.database.run(lambda c: letters.revive(house.database, c, "default", now=house.now))
    house.work()
    assert states(house) == ["open"]
    assert house.rows("gap") == []
    assert settled(house)


def test_a_bug_in_a_plugin_is_tried_three_times_and_named(house: Any) -> None:
    house.app.troubles["units"] = [KeyError("swordfish")]
    house.leak("m1")
    for _ in range(5):
        house.later(hours=1)
    assert house.app.calls.count(("one", "units")) == 3
    (gap,) = house.rows("gap")
    assert gap["reason"] == "plugin_fault"
    assert "chat" in gap["detail"]
    assert "swordfish" not in gap["detail"]


def test_one_bad_event_does_not_hold_up_the_others_of_its_batch(house: Any) -> None:
    house.leak("m1")
    house.tell(house.event("m2"))  # the app has no such message: a KeyError in the plugin
    house.leak("m3")
    house.work()
    assert sorted(row["resource_id"] for row in house.rows("finding")) == ["m1", "m3"]


def test_what_no_database_takes_does_not_hold_up_the_others_either(house: Any, monkeypatch: Any) -> None:
    house.leak("m1")
    house.tell(house.event("m2", f"{aws_key('m2')}"))
    house.leak("m3")
    from connectors.store import merging

    real = merging.finding_row

    def poisoned(item: Any, *rest: Any) -> Any:
        row = real(item, *rest)
        return {**row, "count": 2**70} if item.task.event.resource.id == "m2" else row

    monkeypatch.setattr(merging, "finding_row", poisoned)
    for _ in range(6):
        house.later(hours=1)
    assert sorted(row["resource_id"] for row in house.rows("finding")) == ["m1", "m3"]
    assert [(row["state"], row["reason"]) for row in house.rows("inbox")] == [
        ("dead", "it cannot be stored (OverflowError)")
    ]
    assert settled(house)


@pytest.mark.parametrize("after", [30.0, None])
def test_a_throttled_connection_waits_as_told_and_others_go_on(house: Any, after: float | None) -> None:
    house.app.troubles["one/units"] = [RateLimited(after=after)]
    house.leak("m1", connection="one")
    house.leak("m2", connection="two")
    house.work()
    assert [row["resource_id"] for row in house.rows("finding")] == ["m2"]
    house.leak("m3", connection="one")
    calls = len(house.app.calls)
    house.later(seconds=(after or 60) - 6)
    assert len(house.app.calls) == calls
    house.app.troubles.clear()
    house.later(seconds=7)
    assert len(house.rows("finding")) == 3
    assert house.rows("inbox") == []


def test_waiting_as_told_is_no_failed_attempt(house: Any) -> None:
    house.app.troubles["units"] = [RateLimited(after=30)]
    house.leak()
    for _ in range(12):
        house.later(minutes=1)
    assert [(row["state"], row["attempts"]) for row in house.rows("inbox")] == [("ready", 0)]


def test_a_revoked_token_breaks_the_connection_tells_once_and_does_not_loop(house: Any) -> None:
    house.app.troubles["one/units"] = [AuthError("the token was revoked", hint="make a new one")]
    house.app.healthy = False
    for number in range(3):
        house.leak(f"m{number}", connection="one")
    house.leak("x", connection="two")
    house.work()
    for _ in range(30):
        house.later(minutes=1)
    assert house.app.calls.count(("one", "units")) <= 3
    notices = [alert for alert in house.app.alerts if not alert.findings]
    assert len(notices) == 1
    assert "revoked" in notices[0].message
    (broken,) = house.rows("connection", status="broken")
    assert (broken["name"], broken["hint"]) == ("one", "make a new one")
    assert [row["connection"] for row in house.rows("finding")] == ["two"]
    house.app.troubles.clear()
    house.app.healthy = True
    house.later(minutes=15)
    house.later(minutes=2)
    assert house.rows("connection", status="broken") == []
    assert len(house.rows("finding")) == 4


def test_an_app_that_withdraws_the_access_breaks_the_connection(house: Any) -> None:
    house.app.healthy = False
    house.tell(house.event("x", kind=EventKind.REVOKED))
    house.work()
    assert [row["name"] for row in house.rows("connection", status="broken")] == ["one"]
    assert len([alert for alert in house.app.alerts if not alert.findings]) == 1


@pytest.mark.parametrize("error", [MissingScope("files:read is missing"), Unsupported("not in this plan")])
def test_a_refusal_half_way_keeps_what_was_read_and_is_a_gap(house: Any, error: Exception) -> None:
    house.app.troubles["more units"] = [error]
    house.leak()
    house.work()
    assert states(house) == ["open"]
    assert [gap["part"] for gap in house.rows("gap")] == [""]
    house.leak(version=2)
    house.work()
    assert states(house) == ["open"]
    assert settled(house)


def test_a_resource_that_is_gone_resolves_its_findings(house: Any) -> None:
    house.leak()
    house.work()
    house.app.troubles["units"] = [NotFound("gone")]
    house.leak(version=2)
    house.work()
    assert states(house) == ["resolved"]


def test_an_old_event_is_not_even_fetched(house: Any) -> None:
    house.leak(version=5)
    house.work()
    calls = len(house.app.calls)
    house.tell(house.event("m1", version=4))
    house.work()
    assert len(house.app.calls) == calls


def test_events_of_a_connection_that_is_gone_are_buried(house: Any) -> None:
    house.tell(house.event("m1", "x"), connection="was-here")
    house.work()
    assert [(row["state"], row["reason"]) for row in house.rows("inbox")] == [
        ("dead", "the connection is no longer configured")
    ]


def test_an_excluded_container_is_a_skip_in_the_ledger(make_house: Any) -> None:
    house = make_house("")
    house.runtime.config.connections["one"].__dict__["exclude"] = ("#gen*",)
    house.leak()
    house.work()
    assert [(gap["reason"], gap["outcome"]) for gap in house.rows("gap")] == [("excluded", "skipped")]
    assert house.app.calls == []
    assert settled(house)


def test_a_destination_that_is_down_loses_nothing(house: Any) -> None:
    house.app.troubles["deliver"] = [Transient("down")]
    house.leak()
    house.work()
    assert [row["state"] for row in house.rows("alert")] == ["pending"]
    house.app.troubles.clear()
    house.later(minutes=30)
    assert len(house.app.alerts) == 1
    assert sorted(r["result"] for r in house.rows("receipt")) == ["delivered", "retry"]


def test_a_destination_that_refuses_us_breaks_no_connection_and_does_not_loop(house: Any) -> None:
    house.app.troubles["deliver"] = [AuthError("bad token")]
    house.tell(house.event("x", kind=EventKind.REVOKED))  # a notice to the operators
    house.leak("m1", connection="two")
    for _ in range(40):
        house.later(minutes=10)
    assert house.app.calls.count(("", "deliver")) <= 6
    assert [row["name"] for row in house.rows("connection", status="broken")] == []
    assert [row["state"] for row in house.rows("alert")] == ["failed"]


def test_an_alert_that_was_refused_is_told_when_its_dead_letter_is_revived(house: Any) -> None:
    house.app.troubles["deliver"] = [AuthError("bad token")]
    house.leak()
    house.work()
    [dead] = house.rows("job", queue="alert", state="dead")
    assert "bad token" in dead["reason"]
    house.app.troubles.clear()
    house.database.run(lambda c: letters.revive(house.database, c, "default", [str(dead["id"])], now=house.now))
    house.work()
    assert len(house.app.alerts) == 1
    assert [row["state"] for row in house.rows("alert")] == ["delivered"]
    assert house.rows("job", queue="alert") == []


def test_a_flood_becomes_one_summary(make_house: Any) -> None:
    house = make_house(limit=3)
    for number in range(8):
        house.leak(f"m{number}")
    house.work()
    assert len(house.app.alerts) == 3
    house.later(hours=1)
    assert len(house.app.alerts) == 4
    assert house.app.alerts[-1].stands_for == 5
    assert sorted({row["state"] for row in house.rows("alert")}) == ["delivered", "summarized"]


def read(house: Any, **options: Any) -> None:
    from connectors.store import jobs
    from connectors.work.sync import request

    job = request("one", residency="default", tenant="default", **options)
    house.database.run(lambda c: jobs.enqueue(house.database, c, [job], vault=house.runtime.vault, now=house.now))
    house.work()


def history(house: Any, *numbers: int, reconcile: bool = True) -> None:
    pages = []
    for place, number in enumerate(numbers):
        event = house.event(f"h{number}", f"key {aws_key(str(number))}")
        done = place == len(numbers) - 1
        pages.append(Page((event,), cursor={"next": place + 1}, listed=1, done=done, reconcile=done and reconcile))
    house.app.pages["C1"] = pages


def test_history_is_read_page_by_page(house: Any) -> None:
    history(house, 1, 2, 3)
    read(house)
    assert len(house.rows("finding")) == 3
    (line,) = [line for line in house.lines() if line.partition == "C1"]
    assert (line.state, line.pages, line.counts.listed, line.holds) == ("done", 3, 3, True)


@pytest.mark.parametrize("error", [Transient("reset"), RateLimited(after=20), KeyError("bug"), AuthError("revoked")])
def test_a_reading_that_stops_goes_on_from_its_cursor(house: Any, error: Exception) -> None:
    history(house, 1, 2, 3)
    house.app.troubles["read C1"] = [error]
    house.app.pages["C1"].insert(1, house.app.pages["C1"][0])
    house.app.troubles = {}
    calls = []
    real = house.app.does

    def fail_on_third(connection: str, doing: str) -> None:
        real(connection, doing)
        if doing == "read C1":
            calls.append(doing)
            if len(calls) == 3:
                raise error

    house.app.does = fail_on_third
    read(house)
    assert len(house.rows("finding")) == 1
    house.later(minutes=20)
    house.later(minutes=20)
    assert len(house.rows("finding")) == 3
    assert settled(house)


def test_one_partition_that_cannot_be_read_does_not_stop_the_others(house: Any) -> None:
    history(house, 1)
    house.app.pages["secret"] = [Page()]
    house.app.troubles["read secret"] = [MissingScope("groups:history is missing")]
    read(house)
    assert len(house.rows("finding")) == 1
    (line,) = [line for line in house.lines() if line.partition == "secret"]
    assert (line.state, line.counts.skipped, line.holds) == ("failed", 1, True)


def test_what_a_full_reading_no_longer_lists_is_resolved(house: Any) -> None:
    history(house, 1, 2)
    read(house)
    house.later(minutes=1)
    history(house, 2)
    read(house, from_start=True)
    house.later(seconds=2)
    house.later(seconds=2)
    assert states(house) == ["open", "resolved"]


def test_a_page_that_miscounts_is_the_plugins_fault(house: Any) -> None:
    house.app.pages["C1"] = [Page(listed=3, failures=(UnitFailure("", Gap.TOO_LARGE),))]
    read(house)
    (job,) = house.rows("job", queue="sync")
    assert "chat" in job["reason"]


def test_schedules_start_syncs_by_themselves(make_house: Any) -> None:
    house = make_house()
    house.runtime.config.connections["one"].sync.__dict__["enabled"] = True
    history(house, 1)
    house.work()
    assert len(house.rows("finding")) == 1
    house.later(minutes=5)
    assert house.app.calls.count(("one", "partitions")) == 1
    house.later(minutes=11)
    assert house.app.calls.count(("one", "partitions")) == 2


def test_policy_actions_are_done_after_their_delay_and_audited(make_house: Any) -> None:
    house = make_house("")
    _with_action(house)
    house.leak()
    house.work()
    assert house.app.acted == []
    house.later(hours=25)
    assert house.app.acted == [("delete", False)]
    (run,) = house.rows("action_run")
    assert (run["state"], run["actor"]) == ("done", "policy")
    assert [audit["result"] for audit in house.rows("audit")] == ["done"]


def _with_action(house: Any) -> None:
    from datetime import timedelta

    from connectors.config.models import ActionSettings

    house.runtime.policies.settings["secrets"].__dict__["actions"] = (
        ActionSettings(do="delete", after=timedelta(hours=24)),
    )


def test_an_action_is_dropped_when_people_dealt_with_it_first(make_house: Any) -> None:
    house = make_house()
    _with_action(house)
    house.leak()
    house.work()
    house.tell(house.event("m1", "all clean", version=2))
    house.work()
    house.later(hours=25)
    assert house.app.acted == []
    assert [run["state"] for run in house.rows("action_run")] == ["nothing_to_do"]


def test_an_action_now_and_its_dry_run(house: Any) -> None:
    from connectors.work.direct import act_now, offered

    house.leak()
    house.work()
    (row,) = house.rows("finding")
    assert [spec.name for spec in offered(house.runtime, row)] == ["delete"]
    dry = act_now(house.runtime, row, "delete", actor="ana", why="", dry_run=True)
    assert (dry["state"], house.app.acted) == ("dry_run", [])
    house.now = house.now.replace(second=30)
    done = act_now(house.runtime, row, "delete", actor="ana", why="leak", dry_run=False)
    assert (done["state"], len(house.app.acted)) == ("done", 1)
    house.now = house.now.replace(second=31)
    assert act_now(house.runtime, row, "burn", actor="ana", why="", dry_run=False)["state"] == "refused"


def test_threads_stop_when_asked_and_finish_what_they_hold(make_house: Any) -> None:
    house = make_house()
    for number in range(20):
        house.leak(f"m{number}")
    house.worker.start()
    house.worker.stop(timeout=20)
    assert not any(thread.is_alive() for thread in house.worker._threads)
    assert all(row["lease"] is None for row in house.rows("inbox"))


def test_partition_names_reach_the_ledger(house: Any) -> None:
    history(house, 1)
    read(house)
    assert [line.label for line in house.lines()] == ["#C1"]
    assert Partition("C1").label == ""
