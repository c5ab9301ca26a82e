"""Storage format to text with positions, and back after a redaction."""

from __future__ import annotations

import html

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors_confluence.storage import apply, changes_between, flatten


def redacted(raw: str, value: str, instead: str = "***") -> str:
    text = flatten(raw).text
    spans = [(i, i + len(value)) for i in range(len(text)) if text.startswith(value, i)]
    return apply(raw, changes_between(text, text.replace(value, instead), spans))


def test_blocks_are_lines_and_markup_inside_a_line_is_invisible() -> None:
    assert flatten("<p>one <strong>t</strong>wo</p><p>th&rsquo;ree</p>").text.split() == ["one", "two", "th’ree"]


@pytest.mark.parametrize(
    "raw",
    [
        "<p>SECRET</p>",
        "<p>SE<strong>CR</strong>ET</p>",
        "<p>SE<ac:inline-comment-marker ac:ref='1'>CR</ac:inline-comment-marker>ET</p>",
        '<ac:structured-macro ac:name="code"><ac:plain-text-body><![CDATA[SECRET]]></ac:plain-text-body>',
        '<ac:structured-macro ac:name="jira"><ac:parameter ac:name="jql">SECRET</ac:parameter></ac:structured-macro>',
        '<p><a href="https://x/?k=SECRET">link</a></p>',
        '<p><ac:link><ri:attachment ri:filename="SECRET.txt" /></ac:link></p>',
        '<ac:image ac:alt="SECRET"><ri:url ri:value="x" /></ac:image>',
        "<table><tbody><tr><td>a</td><td>SECRET</td></tr></tbody></table>",
        "<ac:task-list><ac:task><ac:task-body>SECRET</ac:task-body></ac:task></ac:task-list>",
        "<ac:future-thing-of-2030 ac:note='SECRET'/>",
        "<p>S&#69;CRET</p>",
        "SECRET < unclosed",
        "<!-- SECRET -->",
        "<![CDATA[SECRET",
    ],
)
def test_every_place_is_read_and_can_be_cleaned(raw: str) -> None:
    assert "SECRET" in flatten(raw).text
    clean = redacted(raw, "SECRET")
    assert "SECRET" not in flatten(clean).text
    assert "***" in flatten(clean).text


def test_a_redaction_keeps_all_markup() -> None:
    raw = "<p>key: SE<strong>CR</strong>ET end &amp; <em>more</em></p>"
    assert redacted(raw, "SECRET") == "<p>key: ***<strong></strong> end &amp; <em>more</em></p>"


def test_what_is_put_in_is_escaped_for_its_place() -> None:
    assert redacted("<p>SECRET</p>", "SECRET", "<&>") == "<p>&lt;&amp;&gt;</p>"
    assert redacted('<p><a href="SECRET">x</a></p>', "SECRET", '"') == '<p><a href="&quot;">x</a></p>'
    assert redacted("<![CDATA[SECRET]]>", "SECRET", "]]>") == "<![CDATA[]]]]><![CDATA[>]]>"


def test_runs_point_at_their_characters() -> None:
    raw = "<p>a&nbsp;b</p><p>c</p>"
    flat = flatten(raw)
    assert [html.unescape(raw[r.raw_start : r.raw_end]) for r in flat.runs] == [
        flat.text[r.start : r.end] for r in flat.runs
    ]


def test_an_entity_of_two_characters_is_replaced_whole() -> None:
    assert len(flatten("&NotEqualTilde;").text.strip()) == 2
    assert apply("a&NotEqualTilde;b", [(1, 2, "#")]) == "a#b"


def test_hostile_markup_takes_linear_time() -> None:
    for piece in ("<!--", "<![CDATA[", "<a '", '<a "', "<", "<a b=", "&", "<a "):
        flatten(piece * 20_000)


MARKUP = st.lists(
    st.sampled_from(
        [
            "<p>",
            "</p>",
            "<b>",
            "</b>",
            "&lt;",
            "&amp;",
            "&bogus;",
            "<a href='u'>",
            "<![CDATA[",
            "]]>",
            "<",
            "\U0001f511",
            "x",
            "y",
        ]
    ),
    max_size=20,
).map("".join)


@settings(max_examples=300, deadline=None)
@given(raw=MARKUP, data=st.data())
def test_the_text_after_a_change_is_the_changed_text(raw: str, data: st.DataObject) -> None:
    flat = flatten(raw)
    solid = [r for r in flat.runs if r.end - r.start]
    if not solid:
        return
    run = data.draw(st.sampled_from(solid))
    wanted = flat.text[: run.start] + "#" + flat.text[run.end :]
    made = apply(raw, [(run.start, run.end, "#")])
    assert flatten(made).text.replace("\n", "") == wanted.replace("\n", "")


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="<>&;'\"=/!-[]CDATApb: \n", max_size=60))
def test_no_text_breaks_it(raw: str) -> None:
    flat = flatten(raw)
    assert all(0 <= r.raw_start < r.raw_end <= len(raw) for r in flat.runs)
