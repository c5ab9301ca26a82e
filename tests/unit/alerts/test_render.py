"""What people read, and that nothing from an app can break out of it."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.alerts import render
from connectors.model import Container, Person, Place, Severity, Validity

Make = Callable[..., Any]
HOSTILE = "<!channel> <script>alert(1)</script> \"'`|& {{7*7}}\r\nBcc: x@evil.example\u202e\x00"


def every_text(blocks: Any) -> str:
    return json.dumps(blocks, ensure_ascii=False)


def test_every_fact_is_in_every_format(make_alert: Make, make_finding: Make) -> None:
    alert = make_alert(findings=(make_finding(1, places=(Place(0, 4), Place(9, 13))),))
    wanted = [
        "High", "chat", "#general", "message in #general", "internal", "Robin Example", "cards",
        "payment_card", "4242…••42", "very likely", "Cards never belong in chat.", "revoke it first",
        "2 times", "alert-0123",
        "https://acme.example/archives/C1/p1715", "https://dlp.acme.example/f/1",
    ]  # fmt: skip
    for format_ in (render.text(alert), render.html(alert), every_text(render.slack_blocks(alert))):
        assert [each for each in wanted if each not in format_] == []


def test_what_the_vendor_said_is_told_where_it_was_asked(make_alert: Make, make_finding: Make) -> None:
    live = make_alert(findings=(make_finding(1, validity=Validity.ACTIVE),))
    for format_ in (render.text, render.html, render.slack_blocks):
        assert "checked: active" in every_text(format_(live))
        assert "checked" not in every_text(format_(make_alert()))
    assert [each["validity"] for each in render.data(live)["findings"]] == ["active"]


def test_the_title_says_how_bad_how_many_and_where(make_alert: Make, make_finding: Make) -> None:
    assert render.title(make_alert()) == "[HIGH] 1 finding in message in #general (chat)"
    two = make_alert(findings=(make_finding(1), make_finding(2)), severity=Severity.LOW)
    assert render.title(two) == "[LOW] 2 findings in message in #general (chat)"
    assert render.title(make_alert(findings=())) == "[HIGH] message in #general"


@pytest.mark.parametrize("count", [10, 11, 500])
def test_no_more_than_the_bound_is_written_out(make_alert: Make, make_finding: Make, count: int) -> None:
    alert = make_alert(findings=tuple(make_finding(n, preview=f"seen-{n:03}") for n in range(count)))
    for told in (render.text(alert), render.html(alert), every_text(render.slack_blocks(alert))):
        assert told.count("seen-") == 10
        assert (f"and {count - 10} more" in told) == (count > 10)
    data = render.data(alert)
    assert len(data["findings"]) == min(count, 25)
    assert data["findings_total"] == count


def test_the_link_that_decides_reaches_only_the_author(make_alert: Make) -> None:
    alert = make_alert()
    review = alert.links["review"]
    for told in (render.text, render.html, render.slack_blocks):
        assert review not in every_text(told(alert))
        assert review in every_text(told(alert, to_author=True))
    assert review not in every_text(render.data(alert))


class Tags(HTMLParser):
    """Collects the elements and attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found |= {tag, *(f"{tag}.{name}" for name, _ in attrs)}


def hostile(make_alert: Make, make_finding: Make, make_resource: Make, text: str) -> Any:
    where = make_resource(
        label=text, container=Container("C", text), url=f"https://x.example/{text}", kind=text, id=text
    )
    return make_alert(
        resource=where,
        findings=(make_finding(1, resource=where, preview=text, part=text, detector=text),),
        policy=text,
        message=text,
        author=Person(text, text, text),
        links={"review": f"javascript:{text}", "dashboard": f"https://x.example/?{text}"},
        stands_for=3,
    )


texts = st.one_of(st.just(HOSTILE), st.text(alphabet=st.sampled_from("<>&|!@#`\"'\r\n{}%\u202e\x00a ")), st.text())
pure_fixtures = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pure_fixtures
@given(text=texts)
def test_hostile_texts_stay_text_in_html(make_alert: Make, make_finding: Make, make_resource: Make, text: str) -> None:
    plain, hostile_tags = Tags(), Tags()
    plain.feed(render.html(hostile(make_alert, make_finding, make_resource, "a"), to_author=True))
    page = render.html(hostile(make_alert, make_finding, make_resource, text), to_author=True)
    hostile_tags.feed(page)
    assert hostile_tags.found <= plain.found
    assert "javascript:" not in page.partition("<body")[2] or 'href="javascript' not in page


@pure_fixtures
@given(text=texts)
def test_hostile_texts_stay_text_in_slack(make_alert: Make, make_finding: Make, make_resource: Make, text: str) -> None:
    blocks = render.slack_blocks(hostile(make_alert, make_finding, make_resource, text), to_author=True)
    for mrkdwn in mrkdwn_texts(blocks):
        for tag in re.findall(r"<([^>]*)>?", mrkdwn):
            assert tag.startswith("https://x.example/")
    assert all(len(each) <= 3000 for each in mrkdwn_texts(blocks))
    assert len(blocks[0]["text"]["text"]) <= 150
    assert all(len(each["text"]) <= 2000 for each in blocks[1]["fields"])
    assert len(blocks[1]["fields"]) <= 10
    assert len(blocks) <= 50


def mrkdwn_texts(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for each in node:
            yield from mrkdwn_texts(each)
    elif isinstance(node, dict):
        if node.get("type") == "mrkdwn":
            yield node["text"]
        for each in node.values():
            yield from mrkdwn_texts(each)


@pure_fixtures
@given(text=texts)
def test_plain_text_and_headers_have_no_control_or_direction_characters(
    make_alert: Make, make_finding: Make, make_resource: Make, text: str
) -> None:
    alert = hostile(make_alert, make_finding, make_resource, text)
    told = render.text(alert, to_author=True).replace("\n", "")
    assert not [c for c in told + render.header(text) if unicodedata.category(c) in {"Cc", "Cf", "Cs"}]
    told.encode()


@given(st.text(), st.integers(1, 50))
def test_clean_is_one_bounded_line(text: str, limit: int) -> None:
    line = render.clean(text, limit)
    assert len(line) <= limit
    assert line == render.clean(line, limit)
    assert "\n" not in line


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "", "//host/x", "ftp://host/", "http://[bad", "x" * 10]
)
def test_only_web_urls_become_links(url: str) -> None:
    assert render.safe_url(url) == ""


def test_urls_cannot_close_markup() -> None:
    assert render.safe_url("https://h.example/a|b>c<d\"e f'g") == "https://h.example/a%7Cb%3Ec%3Cd%22e%20f%27g"
    assert render.safe_url("https://h.example/a%20b?c=d&e=f#g") == "https://h.example/a%20b?c=d&e=f#g"
    assert render.safe_url("https://h.example/" + "x" * 3000) == ""


def test_machine_data_is_json_and_under_twenty_kilobytes(
    make_alert: Make, make_finding: Make, make_resource: Make
) -> None:
    long = "wörds " * 500
    where = make_resource(label=long, container=Container(long, long), url="https://x.example/" + "y" * 900, id=long)
    alert = make_alert(
        resource=where,
        findings=tuple(make_finding(n, resource=where, preview=long, part=long) for n in range(200)),
        message=long,
    )
    assert len(json.dumps(render.data(alert), ensure_ascii=False).encode()) < 20_000


def test_our_own_slack_messages_can_be_recognised(make_alert: Make) -> None:
    metadata = render.slack_metadata(make_alert())
    assert metadata["event_type"] == "connectors_alert"
    assert metadata["event_payload"]["id"] == "alert-0123"


def test_a_summary_says_where_each_finding_is(make_alert: Make, make_finding: Make) -> None:
    told = render.text(make_alert(stands_for=4, author=None))
    assert "4 alerts in one" in told
    assert "message in #general, body" in told


def test_a_notice_has_no_findings_and_no_advice_about_them(make_alert: Make) -> None:
    alert = make_alert(findings=(), author=None, message="Put a new token into the configuration.")
    for told in (render.text(alert), render.html(alert), every_text(render.slack_blocks(alert))):
        assert "Put a new token" in told
        assert "revoke" not in told
