"""ADF to text with pointers, and back after a redaction."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from connectors_jira.adf import apply, changes_between, flatten


def para(*nodes: Any) -> dict[str, Any]:
    return {"type": "paragraph", "content": list(nodes)}


def t(value: str, **mark: Any) -> dict[str, Any]:
    return {"type": "text", "text": value} | ({"marks": [mark]} if mark else {})


def inline(kind: str, **attrs: str) -> dict[str, Any]:
    return {"type": kind, "attrs": {"id": "9", **attrs}}


def doc(*blocks: Any) -> dict[str, Any]:
    return {"type": "doc", "version": 1, "content": list(blocks)}


def at(document: Any, pointer: str) -> Any:
    for step in pointer.split("/")[1:]:
        step = step.replace("~1", "/").replace("~0", "~")
        document = document[int(step) if isinstance(document, list) else step]
    return document


def redacted(document: Any, value: str, instead: str = "***") -> Any:
    text = flatten(document).text
    spans = [(i, i + len(value)) for i in range(len(text)) if text.startswith(value, i)]
    return apply(document, changes_between(text, text.replace(value, instead), spans))


def test_blocks_are_lines_and_inline_nodes_stand_together() -> None:
    document = doc(para(t("one "), t("two", type="strong")), para(t("three")))
    assert flatten(document).text == "one two\nthree"


def test_every_place_that_holds_text_is_read() -> None:
    document = doc(
        para(t("link", type="link", attrs={"href": "https://x/SECRET1"}), inline("mention", text="@SECRET2")),
        {"type": "codeBlock", "attrs": {"language": "sh"}, "content": [t("SECRET3")]},
        {"type": "expand", "attrs": {"title": "SECRET4"}, "content": [para(inline("inlineCard", url="SECRET5"))]},
        {"type": "table", "content": [{"type": "tableRow", "content": [para(t("SECRET6"))]}]},
        {"type": "extension", "attrs": {"parameters": {"macroParams": {"q": {"value": "SECRET7"}}}}},
        {"type": "blockOf2030", "content": [{"type": "inlineOf2030", "text": "SECRET8", "attrs": {"note": "SECRET9"}}]},
        {"type": "mediaSingle", "content": [{"type": "media", "attrs": {"id": "x", "alt": "SECRETA"}}]},
    )  # fmt: skip
    text = flatten(document).text
    assert [n for n in "123456789A" if f"SECRET{n}" not in text] == []


def test_each_run_points_at_its_text() -> None:
    document = doc(para(t("a"), t("b")), {"type": "panel", "content": [para(t("c/d"))]})
    flat = flatten(document)
    assert [(flat.text[r.start : r.end], at(document, r.pointer)) for r in flat.runs] == [
        ("a", "a"),
        ("b", "b"),
        ("c/d", "c/d"),
    ]


def test_a_value_split_over_nodes_goes_and_the_structure_stays() -> None:
    document = doc(para(t("key: 41"), t("11", type="strong"), t("22 end")), para(t("other")))
    assert redacted(document, "411122") == doc(para(t("key: ***"), t(" end")), para(t("other")))
    assert document["content"][0]["content"][1]["text"] == "11"


def test_values_in_links_go_too() -> None:
    document = doc(para(t("SECRET", type="link", attrs={"href": "https://x/SECRET"})))
    assert redacted(document, "SECRET") == doc(para(t("***", type="link", attrs={"href": "https://x/***"})))


def test_several_values_in_one_node() -> None:
    assert redacted(doc(para(t("A1 x A1 y A1"))), "A1") == doc(para(t("*** x *** y ***")))


def test_a_replacement_that_no_span_explains_is_still_made() -> None:
    assert changes_between("hello world", "hello there", []) == ((6, 11, "there"),)


def test_nesting_does_not_exhaust_the_stack() -> None:
    node: Any = t("deep")
    for _ in range(2_000):
        node = {"type": "blockquote", "content": [node]}
    assert flatten(node).text == "deep"
    while node.get("content"):  # taken apart from the top, or freeing it would recurse
        node = node["content"].pop()


PIECES = st.lists(
    st.lists(st.text("ab\U0001f511é", min_size=1, max_size=4), min_size=1, max_size=4), min_size=1, max_size=4
)


@settings(max_examples=200, deadline=None)
@given(pieces=PIECES, data=st.data())
def test_the_text_after_a_change_is_the_changed_text(pieces: list[list[str]], data: st.DataObject) -> None:
    document = doc(*(para(*(t(piece) for piece in line)) for line in pieces))
    flat = flatten(document)
    run = data.draw(st.sampled_from(flat.runs))
    line = [r for r in flat.runs if r.path[:2] == run.path[:2]]
    start = data.draw(st.integers(line[0].start, line[-1].end - 1))
    end = data.draw(st.integers(start + 1, line[-1].end))
    wanted = flat.text[:start] + "#" + flat.text[end:]
    made = apply(document, changes_between(flat.text, wanted, [(start, end)]))
    assert flatten(made).text == wanted
    assert all(node["text"] for block in made["content"] for node in block["content"])


@settings(max_examples=200, deadline=None)
@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["type", "content", "text", "attrs", "marks"]), inner, max_size=4)
        ),
        max_leaves=15,
    )
)
def test_no_shape_breaks_it(document: Any) -> None:
    flat = flatten(document)
    assert all(at(document, run.pointer) == flat.text[run.start : run.end] for run in flat.runs)
