"""What waits, until when, and the alert that tells it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from connectors.alerts.throttle import Group, Throttle, notice, summarize
from connectors.model import Container, Severity

Make = Callable[..., Any]
NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


def held(*findings: Any) -> list[Group]:
    return [Group("cards", "slack", (finding,)) for finding in findings]


def test_alerts_over_the_limit_wait_for_the_end_of_the_window() -> None:
    throttle = Throttle(limit=2, per=timedelta(hours=1))
    assert throttle.hold_until(1, NOW) is None
    assert throttle.hold_until(2, NOW) == datetime(2026, 3, 4, 6, 0, tzinfo=UTC)


@given(
    st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 (the strategy adds the zone)
    st.integers(1, 100_000),
)
def test_a_window_holds_its_moment_and_touches_the_next(moment: datetime, seconds: int) -> None:
    throttle = Throttle(1, timedelta(seconds=seconds))
    start, end = throttle.window(moment)
    assert start <= moment < end
    assert end - start == timedelta(seconds=seconds)
    assert throttle.window(end)[0] == end


def test_a_summary_tells_all_that_was_held(make_finding: Make, make_resource: Make) -> None:
    other = make_resource(id="C2/1", container=Container("C2", "#random"))
    groups = held(make_finding(1, severity=Severity.LOW), make_finding(2, resource=other))
    alert = summarize(groups, tenant="default", window_end=NOW)
    assert alert.stands_for == 2
    assert [f.id for f in alert.findings] == ["f2", "f1"]
    assert alert.severity is Severity.HIGH
    assert (alert.resource.label, alert.resource.container.name) == ("2 resources", "2 places")
    assert alert.author is None
    assert alert.links == {}
    assert alert.id == summarize(groups[:1], tenant="default", window_end=NOW).id
    assert alert.id != summarize(groups, tenant="default", window_end=NOW + timedelta(hours=1)).id


def test_a_summary_over_several_apps_says_so(make_finding: Make) -> None:
    groups = held(make_finding(1), make_finding(2, app="wiki", connection="acme-wiki"))
    alert = summarize(groups, tenant="default", window_end=NOW)
    assert (alert.app, alert.connection) == ("several apps", "several connections")


def test_a_notice_is_named_by_its_occurrence() -> None:
    def told(key: str) -> str:
        return notice(
            key,
            tenant="t",
            connection="acme-chat",
            app="chat",
            title="broken",
            message="",
            now=NOW,
        ).id

    assert told("broken since 1") == told("broken since 1")
    assert told("broken since 1") != told("broken since 2")
