"""Groups, alert ids, throttling and summaries."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from connectors.alerts.grouping import (
    Throttle,
    alert_id,
    group,
    make_alert,
    notice,
    summarize,
)
from connectors.model import Confidence, Container, Severity

Make = Callable[..., Any]
ROUTES = {"cards": ("slack", "siem"), "secrets": ("slack",)}
NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


def routes(policy: str) -> tuple[str, ...]:
    return ROUTES.get(policy, ())


def test_one_group_per_policy_destination_and_resource(make_finding: Make, make_resource: Make) -> None:
    elsewhere = make_resource(id="C1/172.0")
    groups = group(
        [
            make_finding(1),
            make_finding(2, policies=("cards", "secrets")),
            make_finding(3, resource=elsewhere),
            make_finding(4, policies=("silent",)),
        ],
        routes,
    )
    told = {(g.policy, g.destination, g.resource.id): [f.id for f in g.findings] for g in groups}
    assert told == {
        ("cards", "siem", "C1/171.5"): ["f1", "f2"],
        ("cards", "siem", "C1/172.0"): ["f3"],
        ("cards", "slack", "C1/171.5"): ["f1", "f2"],
        ("cards", "slack", "C1/172.0"): ["f3"],
        ("secrets", "slack", "C1/171.5"): ["f2"],
    }


def test_the_same_resource_id_in_two_connections_is_two_groups(make_finding: Make) -> None:
    groups = group([make_finding(1), make_finding(2, connection="other-chat")], lambda _: ("slack",))
    assert len(groups) == 2
    assert len({alert_id("default", g) for g in groups}) == 2


@given(st.permutations(range(5)))
def test_order_and_doubles_change_nothing(order: list[int]) -> None:
    from connectors.model import Finding, Place, Resource

    place = Resource("r", "message", Container("c"))
    findings = [
        Finding(
            id=f"f{n}", connection="c", app="chat", resource=place, part="body", detector="d", family="d",
            confidence=Confidence.LIKELY, severity=Severity(n % 5 + 1), fingerprint=str(n), preview="x",
            places=(Place(0, 1),), policies=("cards",),
        )
        for n in range(5)
    ]  # fmt: skip
    straight = group(findings, routes)
    mixed = group([findings[n] for n in order] + findings[:2], routes)
    assert straight == mixed
    assert [alert_id("t", g) for g in straight] == [alert_id("t", g) for g in mixed]


def test_the_worst_finding_comes_first_and_names_the_severity(make_finding: Make) -> None:
    (one,) = group(
        [make_finding(1, severity=Severity.LOW), make_finding(2, severity=Severity.CRITICAL)],
        lambda _: ["slack"],
    )
    assert [f.id for f in one.findings] == ["f2", "f1"]
    assert one.severity is Severity.CRITICAL


def test_an_alert_is_named_by_tenant_destination_findings_and_version(make_finding: Make) -> None:
    base = group([make_finding(1)], lambda _: ["slack"])[0]
    names = {
        alert_id("default", base),
        alert_id("other", base),
        alert_id("default", dataclasses.replace(base, destination="siem")),
        alert_id("default", dataclasses.replace(base, policy="secrets")),
        alert_id("default", dataclasses.replace(base, findings=(make_finding(2),))),
        alert_id("default", dataclasses.replace(base, findings=(make_finding(1, version=8),))),
    }
    assert len(names) == 6
    assert alert_id("default", base) == alert_id("default", group([make_finding(1)], lambda _: ["slack"])[0])


def test_make_alert_takes_everything_from_the_group(make_finding: Make) -> None:
    base = group([make_finding(1)], lambda _: ["slack"])[0]
    alert = make_alert(base, tenant="default", now=NOW, message="Please remove it.")
    assert alert.id == alert_id("default", base)
    assert (alert.app, alert.connection, alert.policy) == ("chat", "acme-chat", "cards")
    assert alert.findings == base.findings


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
    held = group([make_finding(1, severity=Severity.LOW), make_finding(2, resource=other)], lambda _: ["slack"])
    alert = summarize(held, tenant="default", window_end=NOW)
    assert alert.stands_for == 2
    assert [f.id for f in alert.findings] == ["f2", "f1"]
    assert alert.severity is Severity.HIGH
    assert (alert.resource.label, alert.resource.container.name) == ("2 resources", "2 places")
    assert alert.author is None
    assert alert.links == {}
    assert alert.id == summarize(held[:1], tenant="default", window_end=NOW).id
    assert alert.id != summarize(held, tenant="default", window_end=NOW + timedelta(hours=1)).id


def test_a_summary_over_several_apps_says_so(make_finding: Make) -> None:
    held = group([make_finding(1), make_finding(2, app="wiki", connection="acme-wiki")], lambda _: ["slack"])
    alert = summarize(held, tenant="default", window_end=NOW)
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
