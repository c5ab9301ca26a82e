"""Syslog and CEF lines, and that nothing from an app can break out of its field."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.alerts.lines import Sender, cef_messages, syslog_messages
from connectors.model import Container, Severity, Validity

Make = Callable[..., Any]
SENDER = Sender("dlp.acme.example", facility=16, enterprise=32473)
NASTY = st.text(alphabet=st.sampled_from('\\"]=|[ a\n\r\x00\u202e<>ü'), max_size=60)
pure_fixtures = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_a_structured_line_in_full(make_alert: Make) -> None:
    (line,) = syslog_messages(make_alert(), SENDER)
    assert line == (
        "<131>1 2026-03-04T05:06:07.000Z dlp.acme.example connectors - alert "
        '[connectors@32473 alert="alert-0123" tenant="default" policy="cards" app="chat" connection="acme-chat"'
        ' container="#general" resource="message in #general" visibility="internal" author="robin@acme.example"'
        ' url="https://acme.example/archives/C1/p1715" finding="f1" detector="payment_card" family="payment_card"'
        ' confidence="VERY_LIKELY" severity="HIGH" part="body" preview="4242…••42" fingerprint="fp1" places="1"]'
        " [HIGH] 1 finding in message in #general (chat)"
    )


def test_a_cef_line_in_full(make_alert: Make) -> None:
    (line,) = cef_messages(make_alert(), SENDER)
    head, _, cef = line.partition(" - CEF:0|")
    assert head == "<131>1 2026-03-04T05:06:07.000Z dlp.acme.example connectors - alert"
    assert re.sub(r"\|\d+\.\d+\.\d+\|", "|VERSION|", cef) == (
        "connectors|connectors|VERSION|payment_card|[HIGH] 1 finding in message in #general (chat)|8|"
        "rt=1772600767000 externalId=f1 deviceExternalId=alert-0123 cat=payment_card suser=robin@acme.example"
        " fname=message in #general request=https://acme.example/archives/C1/p1715 cnt=1 cs1Label=policy cs1=cards"
        " cs2Label=container cs2=#general cs3Label=connection cs3=acme-chat cs4Label=preview cs4=4242…••42"
        " cs5Label=fingerprint cs5=fp1 cs6Label=part cs6=body"
    )


def test_a_line_says_what_the_vendor_said(make_alert: Make, make_finding: Make) -> None:
    live = make_alert(findings=(make_finding(1, validity=Validity.EXPIRED),))
    assert ' validity="expired"' in next(iter(syslog_messages(live, SENDER)))
    assert " msg=checked: expired" in next(iter(cef_messages(live, SENDER)))


def test_one_line_per_finding_and_one_for_none(make_alert: Make, make_finding: Make) -> None:
    three = make_alert(findings=tuple(make_finding(n) for n in range(3)))
    notice = make_alert(findings=(), message="token revoked", severity=Severity.CRITICAL)
    for written in (syslog_messages, cef_messages):
        assert len(list(written(three, SENDER))) == 3
        (line,) = written(notice, SENDER)
        assert line.startswith("<130>1 ")
        assert "token revoked" in line


@pure_fixtures
@given(text=NASTY)
def test_structured_data_can_be_parsed_back(
    make_alert: Make, make_finding: Make, make_resource: Make, text: str
) -> None:
    where = make_resource(label=text, container=Container("C", text), url=f"https://x.example/{text}")
    finding = make_finding(1, resource=where, preview=text, part=text)
    (line,) = syslog_messages(make_alert(resource=where, findings=(finding,), policy=text), SENDER)
    assert "\n" not in line
    element = re.fullmatch(
        r'<131>1 \S+ \S+ connectors - alert \[connectors@32473((?: \w+="(?:[^"\\\]]|\\.)*")+)\] .*', line
    )
    assert element is not None
    parsed = dict(re.findall(r' (\w+)="((?:[^"\\\]]|\\.)*)"', element[1]))
    assert parsed["finding"] == "f1"
    assert set(parsed) <= {
        "alert", "tenant", "policy", "app", "connection", "container", "resource", "visibility", "author", "url",
        "finding", "detector", "family", "confidence", "severity", "part", "preview", "fingerprint", "places",
    }  # fmt: skip


@pure_fixtures
@given(text=NASTY)
def test_cef_fields_can_be_told_apart(make_alert: Make, make_finding: Make, make_resource: Make, text: str) -> None:
    where = make_resource(label=text, container=Container("C", text), url=f"https://x.example/{text}")
    finding = make_finding(1, resource=where, preview=text, part=text, detector=f"d{text}")
    (line,) = cef_messages(make_alert(resource=where, findings=(finding,), policy=text), SENDER)
    assert "\n" not in line
    cef = line.partition(" - alert - ")[2]
    header = re.fullmatch(r"CEF:0\|((?:[^|\\]|\\.)*\|){5}8\|(.*)", cef)
    assert header is not None
    keys = re.findall(r"(?:^| )(\w+)(?<!\\)=", header[2])
    assert len(keys) == len(set(keys))
    assert {"rt", "externalId", "deviceExternalId"} <= set(keys)
    assert set(keys) <= {
        "rt", "externalId", "deviceExternalId", "cat", "suser", "fname", "request", "msg", "cnt",
        *(f"cs{n}" for n in range(1, 7)), *(f"cs{n}Label" for n in range(1, 7)),
    }  # fmt: skip


def test_an_odd_host_name_does_not_break_the_header(make_alert: Make) -> None:
    (line,) = syslog_messages(make_alert(), Sender("dlp ü\n", 0, 1))
    assert line.startswith("<3>1 2026-03-04T05:06:07.000Z dlp connectors - alert [connectors@1 ")
