"""Text of any encoding, tables, JSON and XML: read as they stand, with what a detector needs to know."""

from __future__ import annotations

import codecs
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.extraction import Extraction, Text, charset
from connectors.model import Gap


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"plain", "plain"),
        (codecs.BOM_UTF8 + "größer".encode(), "größer"),
        ("größer".encode("utf-16"), "größer"),
        ("a wide text".encode("utf-16-le"), "a wide text"),
        ("a wide text".encode("utf-16-be"), "a wide text"),
        (codecs.BOM_UTF32_LE + "wider".encode("utf-32-le"), "wider"),
        ("Überweisung für Frau Müller, Köln".encode("cp1252"), "Überweisung für Frau Müller, Köln"),
        (
            "Секретный пароль находится здесь, в этом файле".encode("cp1251"),
            "Секретный пароль находится здесь, в этом файле",
        ),
        ("ordinary words, ünd one bad byte ".encode() * 9 + b"\xff", "ordinary words, ünd one bad byte " * 9 + "�"),
    ],
)
def test_every_encoding_becomes_the_same_text(read, data, text):
    assert read(data) == ({"": text}, {})


@given(st.text())
def test_utf8_comes_back_unchanged(text):
    assert charset.decode(text.encode("utf-8", "replace")).lstrip("\ufeff") == text.encode(
        "utf-8", "replace"
    ).decode().lstrip("\ufeff")


@given(st.binary(max_size=400))
def test_any_bytes_end_in_texts_and_gaps(data):
    for item in Extraction(sandbox=False).extract_bytes(data):
        assert isinstance(item, Text) or item.reason in Gap


def test_binary_is_a_gap_that_names_the_type(read):
    assert read(b"\x7fELF\x02\x01\x01" + bytes(60))[1] == {"": Gap.UNSUPPORTED_TYPE}


def test_nothing_is_nothing(read):
    assert read(b"") == ({}, {})


@pytest.mark.parametrize(
    "data",
    [
        b"age-encryption.org/v1\n-> X",
        b"Salted__12345678",
        b"\x03\xd9\xa2\x9a" + bytes(20),
        b"-----BEGIN PGP MESSAGE-----\n\nabc",
    ],
)
def test_encrypted_files_say_so(read, data):
    assert read(data)[1] == {"": Gap.ENCRYPTED}


def test_table_has_header_rows_and_cells():
    data = b'name,note,card\nAnn,"two, ""lines""\nhere",4111\nBob,x,4222\n'
    [text] = Extraction(sandbox=False).extract_bytes(data, "people.csv")
    assert isinstance(text, Text)
    assert text.columns == ("name", "note", "card")
    assert [text.text[start:][:3] for start in text.rows] == ["nam", "Ann", "Bob"]
    assert text.cell(text.text.index("4111")) == (2, 3)
    assert text.cell(text.text.index("4222")) == (3, 3)
    assert text.cell(0) == (1, 1)


def test_numbers_are_no_header():
    [text] = Extraction(sandbox=False).extract_bytes(b"1,2,3\n4,5,6\n7,8,9\n")
    assert isinstance(text, Text)
    assert text.columns == ()
    assert text.rows == (0, 6, 12)


@pytest.mark.parametrize(
    "prose", ["Dear Ann, hello\nfine, thanks\nbye, Bob\n", "one\ntwo\nthree\n", "f(a,b);\ng(c,d);\nh(e,f);\n"]
)
def test_prose_and_code_are_no_table(prose):
    [text] = Extraction(sandbox=False).extract_bytes(prose.encode())
    assert isinstance(text, Text)
    assert text.rows == ()
    assert text.cell(3) is None


def test_json_shows_escaped_strings_once_more(read):
    texts, gaps = read(rb'{"plain": "abc", "card": "4111\u0020\u0031", "lone": "\ud800"}')
    assert texts["#strings"].splitlines()[0] == "4111 1"
    assert texts[""].startswith("{")
    assert not gaps


def test_json_without_escapes_is_one_text(read):
    assert list(read(b'{"a": "b"}')[0]) == [""]


def test_xml_keeps_names_and_decodes_references(read):
    texts, _ = read(b"<?xml version='1.0'?><c><password>a&amp;b&#x41;&#66;&bad;&#xD800;</password></c>")
    assert texts[""].endswith("<password>a&bAB&bad;&#xD800;</password></c>")


def test_words_split_by_tags_are_joined(read):
    assert read(b"<?xml version='1.0'?><c>41<b>11</b> x</c>")[0]["#text"] == "4111 x"


@pytest.mark.parametrize(
    ("data", "name", "claim"),
    [
        (b"just words", "photo.png", "named as image/png, is text/plain"),
        (b"%PDF-1.4", "report.docx", "named as word, is application/pdf"),
        (b"just words", "notes.txt", ""),
        (b"just words", "noextension", ""),
        (b"a,b,c\n1,2,3\n4,5,6", "table.txt", ""),
    ],
)
def test_a_false_name_is_noticed(data, name, claim):
    found = [item.mismatch for item in Extraction(sandbox=False).extract_bytes(data, name) if isinstance(item, Text)]
    assert all(mismatch == claim for mismatch in found)


def test_a_false_media_type_is_noticed():
    [text] = Extraction(sandbox=False).extract_bytes(b"just words", "", "image/jpeg; q=1")
    assert isinstance(text, Text)
    assert text.mismatch == "declared as image/jpeg, is text/plain"


def test_equal_names_are_no_header():
    [text] = Extraction(sandbox=False).extract_bytes(b"yes,no,yes\nno,no,yes\nyes,yes,no\n")
    assert isinstance(text, Text)
    assert text.columns == ()


_SAID = {
    "ru": "Добрый день! Пароль от сервера: tr0ub4dor77. Пожалуйста, не пересылайте его никому.",
    "ja": "お世話になっております。新しいパスワードは tr0ub4dor77 です。よろしくお願いいたします。",
    "zh": "大家好，服务器的密码是 tr0ub4dor77，请不要转发给别人，谢谢大家的配合。",
    "de": "Schöne Grüße aus Köln, das Passwort für den Server lautet tr0ub4dor77, bitte nicht weitergeben.",
    "ko": "안녕하세요, 서버 비밀번호는 tr0ub4dor77 입니다. 다른 사람에게 알려주지 마세요.",
}


@pytest.mark.parametrize(
    ("language", "encodings"),
    [
        ("ru", ("windows-1251", "koi8-r", "cp866", "iso8859-5")),
        ("ja", ("shift_jis", "euc-jp", "iso2022_jp")),
        ("zh", ("gb18030", "gbk")),
        ("de", ("cp1252", "cp850")),
        ("ko", ("euc-kr",)),
    ],
)
def test_any_encoding_is_read_without_a_mark(language, encodings):
    text = _SAID[language]
    for encoding in (*encodings, "utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"):
        data = text.encode(encoding)
        assert (encoding, charset.decode(data), charset.is_text(data)) == (encoding, text, True)


def test_bytes_that_are_no_text_are_not_taken_for_wide_ones():
    rng = random.Random(3)
    for size in (16, 40, 200, 3000):
        assert not charset.is_text(b"\0\1" + rng.randbytes(size))
    assert not charset.is_text(bytes(400))
    assert not charset.is_text(b"\x7fELF\2\1\1\0" + bytes(8) + b"\3\0\x3e\0\1\0\0\0\x80\x10\0\0\0\0\0\0" * 4)
