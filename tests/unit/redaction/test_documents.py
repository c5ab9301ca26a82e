"""Structured documents: the value is gone, and everything else stands as it stood."""

from __future__ import annotations

import json
import zipfile
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from connectors.extraction import Extraction, Text
from connectors.redaction import (
    Redactor,
    Substitute,
    redact_adf,
    redact_csv,
    redact_json,
    redact_markup,
    redact_office,
    values,
)
from connectors.testing import documents

CARD = "4111 1111"
redactor = Redactor(values(CARD, "41111111"), Substitute("XX"))


def test_json_keeps_its_form():
    before = '{ "a": "card 4111\\u00201111",\n  "n": 41111111, "4111 1111": [1.50, true, "é"] }'
    after = redact_json(before, redactor)
    assert after.content == '{ "a": "card XX",\n  "n": "XX", "XX": [1.50, true, "é"] }'
    assert after.replaced == 3


def test_json_lines_and_what_is_no_json():
    assert redact_json('{"a": "4111 1111"}\n{"b": 2}\n', redactor).content == '{"a": "XX"}\n{"b": 2}\n'
    with pytest.raises(ValueError, match="Expecting"):
        redact_json("no json", redactor)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.just(f"x {CARD}"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(json_values)
def test_any_json_stays_json_without_the_value(value):
    after = redact_json(json.dumps(value), redactor).content
    assert json.dumps(json.loads(after), ensure_ascii=False) == json.dumps(value, ensure_ascii=False).replace(
        CARD, "XX"
    )


def test_json_keys_are_context():
    def find(text):
        return values("hunter2")(text) if text.startswith("password: ") else []

    after = redact_json('{"user": "hunter2", "password": "hunter2"}', Redactor(find, Substitute("XX")))
    assert after.content == '{"user": "hunter2", "password": "XX"}'


def test_csv_keeps_untouched_rows_to_the_letter():
    before = 'name;card\r\n"Ann";4111 1111\r\n"Bob, ""Jr""";"two\r\nlines"\r\n'
    after = redact_csv(before, redactor)
    assert after.content == 'name;card\r\nAnn;XX\r\n"Bob, ""Jr""";"two\r\nlines"\r\n'
    assert after.replaced == 1


def test_csv_quotes_what_needs_it():
    after = redact_csv("a,b,c\n1,4111 1111,x\n", Redactor(values(CARD), Substitute("a,b")))
    assert after.content == 'a,b,c\n1,"a,b",x\n'


def test_storage_format_over_inline_tags_entities_and_macros():
    before = (
        "<p>card&nbsp;41<strong>11 </strong><ac:link>11</ac:link> 11<em>11</em> &amp; 4111 <em>1111</em>&nbsp;end</p>"
        '<ac:structured-macro ac:name="code"><ac:plain-text-body><![CDATA[x = "4111 1111" < 3]]></ac:plain-text-body>'
        '</ac:structured-macro><p><a href="mailto:4111 1111">4111</a></p><p> 1111</p><!-- 4111 1111 -->'
    )
    after = redact_markup(before, redactor)
    assert after.content == (
        "<p>card&nbsp;41<strong>11 </strong><ac:link>11</ac:link> 11<em>11</em> &amp; 4111 <em>1111</em>&nbsp;end</p>"
        '<ac:structured-macro ac:name="code"><ac:plain-text-body><![CDATA[x = "XX" < 3]]></ac:plain-text-body>'
        '</ac:structured-macro><p><a href="mailto:XX">4111</a></p><p> 1111</p><!-- XX -->'
    ).replace(" &amp; 4111 <em>1111</em>&nbsp;end", " &amp; XX<em></em>&nbsp;end")
    assert after.replaced == 4


def test_a_replacement_cannot_leave_its_attribute_or_its_text():
    nasty = Redactor(values(CARD), Substitute('"><&'))
    assert (
        redact_markup(f'<i alt="{CARD}">{CARD}</i>', nasty).content == '<i alt="&quot;&gt;&lt;&amp;">"&gt;&lt;&amp;</i>'
    )
    assert redact_markup(f'<a href="x?{CARD}"/>', nasty).content == '<a href="x?%22%3E%3C&amp;"/>'


def test_markup_without_a_value_comes_back_to_the_letter():
    before = "<p>&nbsp;a &lt; b</p><br/>< loose <x y='1>2'>"
    assert redact_markup(before, redactor).content == before


@given(st.text(alphabet="<>&\"'=ab!-[]/ 41CDAT", max_size=60))
def test_any_markup_without_a_value_is_left_alone(text):
    assert redact_markup(text, redactor).content == text


def test_adf():
    before = {
        "type": "doc",
        "content": [
            {
                "type": "paragraph",
                "content": [
                    {"type": "text", "text": "card 41"},
                    {"type": "text", "text": "11", "marks": [{"type": "strong"}]},
                    {"type": "text", "text": " 1111"},
                    {"type": "hardBreak"},
                    {
                        "type": "text",
                        "text": "x",
                        "marks": [{"type": "link", "attrs": {"href": "https://x.test/41111111"}}],
                    },
                    {"type": "mention", "attrs": {"id": "41111111", "text": "@4111 1111"}},
                ],
            }
        ],
    }
    untouched = json.loads(json.dumps(before))
    after = redact_adf(before, redactor)
    assert before == untouched
    assert after.replaced == 3
    children = after.content["content"][0]["content"]
    assert [child["type"] for child in children] == ["text", "hardBreak", "text", "mention"]
    assert children[0]["text"] == "card XX"
    assert children[2]["marks"][0]["attrs"]["href"] == "https://x.test/XX"
    assert children[3]["attrs"] == {"id": "41111111", "text": "@XX"}


def _all_texts(data: bytes) -> str:
    items = Extraction(sandbox=False).extract_bytes(data)
    return "\n".join(item.text for item in items if isinstance(item, Text))


def _is_whole(data: bytes) -> bool:
    with zipfile.ZipFile(BytesIO(data)) as archive:
        for name in archive.namelist():
            if name.endswith((".xml", ".rels")):
                etree.fromstring(archive.read(name))
        return archive.testzip() is None


def test_word_over_runs_headers_properties_and_links():
    link = '<R><Relationship TargetMode="External" Target="https://x.test/?c=4111 1111"/></R>'
    inner = documents.xlsx({"S": [[CARD]]})
    before = documents.docx(
        documents.paragraph("card 41", "11 11", "11 & more"),
        "keep this",
        extra={
            "word/header1.xml": documents.word(documents.paragraph(CARD)),
            "word/_rels/document.xml.rels": link,
            "word/embeddings/a.xlsx": inner,
            "word/media/i.png": documents.png(texts={"c": CARD}),
        },
    )
    after = redact_office(before, redactor)
    assert _is_whole(after.content)
    texts = _all_texts(after.content)
    assert "card XX & more" in texts
    assert "keep this" in texts
    assert texts.count(CARD) == 1
    assert after.untouched == ("word/media/i.png",)
    assert after.replaced == 4


def test_neighbouring_properties_are_texts_of_their_own():
    def find(text):
        return values(CARD)(text) if text == CARD else []

    part = f"<core xmlns:d='d'><d:other>Ann</d:other><d:another>{CARD}</d:another><d:third>Bob</d:third></core>"
    after = redact_office(documents.docx(extra={"docProps/core.xml": part}), Redactor(find, Substitute("XX")))
    assert _all_texts(after.content) == "Ann\nXX\nBob"


def test_parts_without_a_value_stay_to_the_byte():
    before = documents.docx("nothing here")
    after = redact_office(before, redactor)
    with zipfile.ZipFile(BytesIO(before)) as old, zipfile.ZipFile(BytesIO(after.content)) as new:
        assert [(info.filename, old.read(info)) for info in old.infolist()] == [
            (info.filename, new.read(info)) for info in new.infolist()
        ]
    assert after.replaced == 0


def test_a_number_in_a_sheet_becomes_text():
    sheet = (
        f'<worksheet xmlns="{documents.SHEET}"><sheetData><row r="1"><c r="A1"/>'
        '<c r="B1" s="3"><f>41111110+1</f><v>4.1111111E7</v></c><c r="C1" t="str"><v>4111 1111</v></c>'
        '<c r="D1"><v>7</v></c></row></sheetData></worksheet>'
    )
    before = documents.xlsx({"S": [["kept", CARD]]}, extra={"xl/worksheets/sheet1.xml": sheet})
    after = redact_office(before, redactor)
    assert _is_whole(after.content)
    with zipfile.ZipFile(BytesIO(after.content)) as archive:
        part = archive.read("xl/worksheets/sheet1.xml").decode()
    assert '<c r="B1" s="3" t="inlineStr"><is><t xml:space="preserve">XX</t></is></c>' in part
    assert '<c r="A1"/>' in part
    assert '<c r="D1"><v>7</v></c>' in part
    assert "41111" not in _all_texts(after.content)
    assert after.replaced == 3


@pytest.mark.parametrize("build", [documents.pptx, documents.odt])
def test_slides_and_open_documents(build):
    after = redact_office(build(f"before {CARD} after"), redactor)
    assert _is_whole(after.content)
    assert "before XX after" in _all_texts(after.content)


def test_what_cannot_be_rewritten_says_so():
    with pytest.raises(ValueError, match="BadZipFile"):
        redact_office(b"no document", redactor)
