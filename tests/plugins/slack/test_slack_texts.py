"""From messages to texts: what a reader sees, and what hides in blocks and attachments."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors_slack import texts


def units(message: dict[str, Any]) -> dict[str, str]:
    return {unit.part: unit.text or "" for unit in texts.message_units(message)}


@pytest.mark.parametrize(
    ("mrkdwn", "expected"),
    [
        ("plain", "plain"),
        ("a &lt;b&gt; &amp;c", "a <b> &c"),
        ("<https://x.example|label>", "label https://x.example"),
        ("<https://x.example>", "https://x.example"),
        ("<mailto:ann@x.example|ann@x.example>", "ann@x.example"),
        ("<tel:+49301234|+49301234>", "+49301234"),
        ("<@U1> <#C1|general> <!here>", "@U1 general #C1 !here"),
        ("pw is a&amp;b&lt;c", "pw is a&b<c"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ("https://x.example/?a=1&amp;copy=2", "https://x.example/?a=1&copy=2"),
        ("vector<int> and <b>", "vector<int> and <b>"),
    ],
)
def test_mrkdwn_as_a_reader_sees_it(mrkdwn: str, expected: str) -> None:
    assert texts.plain(mrkdwn) == expected


def test_value_that_is_half_bold_is_one_text() -> None:
    runs = [{"type": "text", "text": "AKIA"}, {"type": "text", "text": "REST", "style": {"bold": True}}]
    block = {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": runs}]}
    assert "AKIAREST" in units({"text": "AKIA*REST*", "blocks": [block]})["body"]


def test_blocks_that_repeat_the_text_are_not_scanned_twice() -> None:
    section = {"type": "rich_text_section", "elements": [{"type": "text", "text": "the same"}]}
    message = {"text": "the same", "blocks": [{"type": "rich_text", "elements": [section]}]}
    assert units(message) == {"body": "the same"}


BLOCKS: list[dict[str, Any]] = [
    {"type": "section", "text": {"type": "mrkdwn", "text": "MARK"}},
    {"type": "section", "fields": [{"type": "plain_text", "text": "MARK"}]},
    {"type": "section", "accessory": {"type": "button", "text": {"type": "plain_text", "text": "go"}, "value": "MARK"}},
    {"type": "header", "text": {"type": "plain_text", "text": "MARK"}},
    {"type": "context", "elements": [{"type": "mrkdwn", "text": "MARK"}]},
    {"type": "markdown", "text": "MARK"},
    {"type": "image", "image_url": "https://x.example/?t=MARK", "alt_text": "a"},
    {"type": "image", "image_url": "https://x.example/", "alt_text": "MARK"},
    {"type": "video", "title": {"type": "plain_text", "text": "t"}, "video_url": "https://x.example/MARK"},
    {"type": "input", "label": {"type": "plain_text", "text": "l"}, "element": {"initial_value": "MARK"}},
    {"type": "actions", "elements": [{"type": "button", "url": "https://x.example/MARK"}]},
    {"type": "table", "rows": [[{"type": "raw_text", "text": "a"}, {"type": "raw_text", "text": "MARK"}]]},
    {
        "type": "rich_text",
        "elements": [{"type": "rich_text_preformatted", "elements": [{"type": "text", "text": "MARK"}]}],
    },
    {"type": "rich_text", "elements": [{"type": "rich_text_quote", "elements": [{"type": "link", "url": "MARK"}]}]},
    {
        "type": "rich_text",
        "elements": [
            {
                "type": "rich_text_list",
                "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": "MARK"}]}],
            }
        ],
    },
    {"type": "kind_of_tomorrow", "contents": {"deep": [{"words": "MARK"}]}},
]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: json.dumps(block)[:60])
def test_every_block_is_read_and_so_are_unknown_ones(block: dict[str, Any]) -> None:
    assert "MARK" in units({"text": "", "blocks": [block]})["body"]


@pytest.mark.parametrize(
    "field",
    ["fallback", "pretext", "title", "title_link", "text", "author_name", "footer", "from_url", "service_name"],
)
def test_every_text_of_an_attachment_is_read(field: str) -> None:
    assert "MARK" in units({"text": "", "attachments": [{"id": 7, field: "MARK"}]})["attachment:7"]


def test_fields_and_blocks_of_an_attachment_are_read() -> None:
    attachment = {
        "fields": [{"title": "k", "value": "MARK1", "short": True}],
        "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "MARK2"}}],
    }
    text = units({"text": "", "attachments": [attachment]})["attachment:1"]
    assert "MARK1" in text
    assert "MARK2" in text


def test_metadata_is_read() -> None:
    assert units({"text": "x", "metadata": {"event_type": "t", "event_payload": {"k": "MARK"}}})["metadata"] == "MARK"


def test_empty_message_has_no_units() -> None:
    assert units({"text": "", "blocks": [], "attachments": []}) == {}


def test_deep_nesting_is_read_to_the_end() -> None:
    block: Any = "MARK"
    for _ in range(20_000):
        block = {"inner": block}
    assert "MARK" in units({"text": "", "blocks": [block]})["body"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "text", "elements", "url", "id", "blocks", "x"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.fixed_dictionaries({"text": JSON, "blocks": JSON, "attachments": JSON, "metadata": JSON}))
def test_no_shape_of_a_message_raises(message: dict[str, Any]) -> None:
    for unit in texts.message_units(message):
        assert unit.text


@given(st.dictionaries(st.sampled_from(["mode", "title", "name", "initial_comment", "url_private"]), JSON))
def test_no_shape_of_a_file_raises(file: dict[str, Any]) -> None:
    list(texts.file_texts(file))
    texts.file_gap(file)
    texts.is_canvas(file)
