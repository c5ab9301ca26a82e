"""Archives, mail, HTML, RTF, PDF, pictures, notebooks and databases."""

from __future__ import annotations

import base64
import bz2
import gzip
import json
import lzma
import plistlib
import sqlite3
import struct
import tarfile
from io import BytesIO

import pytest

from connectors.extraction import Budget, Extraction, Text
from connectors.extraction.outlook import unpack_rtf
from connectors.model import Gap
from connectors.testing import documents


def tar(**files: bytes) -> bytes:
    out = BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, body in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(body)
            archive.addfile(info, BytesIO(body))
    return out.getvalue()


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_archives_in_archives(read, pack):
    inner = documents.zip_of({"q/a.txt": "deep text"})
    texts, gaps = read(pack(tar(one=b"text one", two=inner)))
    assert texts["one"] == "text one"
    assert texts["two/q/a.txt"] == "deep text"
    assert texts["two#names"] == "q/a.txt"
    assert not gaps


def test_links_are_names_and_nothing_else(read):
    out = BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        archive.addfile(link)
    assert read(out.getvalue())[0] == {"#names": "link -> /etc/hostname"}


def test_unix_archive(read):
    member = b"a.txt/".ljust(16) + b"0".ljust(32) + b"5".ljust(10) + b"`\n" + b"inner\n"
    assert read(b"!<arch>\n" + member)[0] == {"a.txt": "inner"}


def test_rar_says_why(read):
    assert read(b"Rar!\x1a\x07\x00" + bytes(50))[1] == {"": Gap.UNSUPPORTED_TYPE}


@pytest.mark.parametrize(
    ("budget", "name"),
    [
        (Budget(depth=1), "depth"),
        (Budget(members=2), "members"),
        (Budget(bytes_out=3_000_000), "bytes_out"),
        (Budget(text=100), "text"),
        (Budget(ratio=2), "ratio"),
    ],
)
def test_each_budget_ends_as_a_gap_with_its_name_and_keeps_what_came_before(budget, name):
    inner = documents.zip_of({f"{n}.txt": "words " * 300_000 for n in range(3)})
    data = documents.zip_of({"first.txt": "first", "in.zip": documents.zip_of({"in.zip": inner})})
    items = list(Extraction(budget, sandbox=False).extract_bytes(data))
    gaps = [item.detail for item in items if not isinstance(item, Text) and item.reason is Gap.BUDGET]
    assert any(detail.endswith(f"for {name}") for detail in gaps)
    assert "first" in [item.text for item in items if isinstance(item, Text)]


def test_bytes_beyond_the_budget_are_named_and_the_rest_is_kept(read):
    texts, gaps = read(b"words " * 100, budget=Budget(bytes_in=60))
    assert texts[""] == "words " * 10
    assert gaps == {"": Gap.BUDGET}


MAIL = b"""From: Ann <ann@example.test>\r\nTo: bob@example.test\r\nSubject: =?utf-8?q?caf=C3=A9?=\r\nMIME-Version: 1.0
Content-Type: multipart/mixed; boundary=XX

--XX
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

gr=FC=DFe
--XX
Content-Type: text/html

<p>in <b>bold</b></p>
--XX
Content-Type: message/rfc822

From: x@example.test
To: y@example.test
Subject: inner one

inner body
--XX
Content-Type: application/octet-stream; name="a.zip"
Content-Transfer-Encoding: base64

%s
--XX--
"""


def test_mail_with_everything_in_it(read):
    texts, gaps = read(MAIL % base64.encodebytes(documents.zip_of({"z.txt": "zipped"})))
    assert not gaps
    assert "Subject: café" in texts["header"]
    assert texts["body 1"].strip() == "grüße"
    assert texts["body 2"] == "in bold"
    assert texts["message 3/body 1"].strip() == "inner body"
    assert texts["a.zip/z.txt"] == "zipped"


def test_mailbox(read):
    fields = b"Subject: one\nFrom: a@example.test\nTo: b@example.test"
    box = b"From a@example.test Mon Jan  1 10:00:00 2024\n" + fields + b"\n\nfirst\n\n"
    texts, _ = read(box + box.replace(b"first", b"second"))
    assert texts["message 2/body 1"].strip() == "second"


def test_page_and_what_it_hides(read):
    texts, _ = read(
        b"<html><head><title>T</title><meta name=k content='meta value'></head><body data-token='abc'>"
        b"<p>4111 <b>1111</b></p><table><tr><td>a<td>b</table><!-- a comment --><script>var key='s'</script>"
        b"<input value='typed'><img src='data:text/plain;base64,aGVsbG8='></body></html>"
    )
    assert "4111 1111" in texts[""]
    assert "\ta\tb" in texts[""]
    assert texts["#attributes"].splitlines() == ["meta value", "data-token: abc", "typed"]
    assert texts["#comments"].strip() == "a comment"
    assert texts["#scripts"] == "var key='s'"
    assert texts["img[1]"] == "hello"


def test_markdown_that_opens_with_a_tag_stays_text(read):
    assert read(b'<p align="center">logo</p>\n\nwrite to <ann@example.test>\n') == (
        {"": '<p align="center">logo</p>\n\nwrite to <ann@example.test>\n'},
        {},
    )


def test_a_piece_of_html_is_shown_raw_too(read):
    texts, _ = read(b"<p>by <b>Ann</b> <ann@example.test></p>")
    assert texts[""].startswith("by Ann")
    assert "<ann@example.test>" in texts["#raw"]


def test_rtf(read):
    native = b"data inside"
    ole1 = (
        struct.pack("<II", 0x0501, 2)
        + struct.pack("<I", 2)
        + b"A\0"
        + bytes(8)
        + struct.pack("<I", len(native))
        + native
    )
    texts, _ = read(
        rb"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Arial;}}gr\'fc\'dfe \u8364? \u-10179?\u-8704?\par 41{\b 11}"
        rb"{\*\annotation a note}{\object{\*\objdata " + ole1.hex().encode() + rb"}}}"
    )
    assert texts[""] == "grüße € \U0001f600\n4111a note"
    assert texts["object 1"] == "data inside"


def test_pdf(read):
    note = "/Annots[<</Type/Annot/Subtype/Text/Rect[0 0 9 9]/Contents(a margin note)>>]"
    texts, gaps = read(documents.pdf("first page", "second", attachment=("in.txt", b"attached"), extra=note))
    assert texts["page 1"] == "first page"
    assert texts["page 2#notes"] == "a margin note"
    assert texts["in.txt"] == "attached"
    assert not gaps


def test_form_fields_that_cannot_be_read_are_a_gap_and_the_pages_are_read(read, monkeypatch):
    def trip(_reader: object) -> None:
        raise RecursionError

    monkeypatch.setattr("pypdfium2.PdfDocument.get_formtype", lambda _document: 1)
    monkeypatch.setattr("pypdf.PdfReader.get_fields", trip)
    texts, gaps = read(documents.pdf("first page"))
    assert texts["page 1"] == "first page"
    assert gaps == {"#fields": Gap.CORRUPT}


def test_pdf_that_pdfium_refuses_is_not_lost(read):
    _, gaps = read(b"%PDF-1.4\nnothing more\n")
    assert gaps == {"": Gap.CORRUPT}


def test_picture_metadata_and_the_picture_itself(read, monkeypatch):
    monkeypatch.setattr("connectors.extraction.ocr.is_available", lambda: False)
    texts, gaps = read(documents.png(texts={"Comment": "in a chunk"}))
    assert texts["#metadata"] == "Comment: in a chunk"
    assert gaps == {"": Gap.NO_TEXT}


def test_photo_position_and_texts(read, monkeypatch):
    monkeypatch.setattr("connectors.extraction.ocr.is_available", lambda: False)
    gps = struct.pack("<HHHII", 1, 2, 5, 3, 64) + bytes(4)
    main = struct.pack("<H", 2) + struct.pack("<HHII", 0x010E, 2, 14, 100) + struct.pack("<HHII", 0x8825, 4, 1, 40)
    data = b"II*\0" + struct.pack("<I", 8) + main
    data = data.ljust(40, b"\0") + gps
    data = data.ljust(64, b"\0") + struct.pack("<6I", 48, 1, 30, 1, 0, 1)
    data = data.ljust(100, b"\0") + b"a description\0"
    assert read(data)[0]["#metadata"] == "a description\nGPS latitude: 48.500000"


def test_icons_are_not_worth_a_gap(read):
    assert read(documents.png(width=16, height=16))[1] == {"": Gap.NO_TEXT}


def test_notebook(read):
    cells = [
        {"source": ["a = 1\n", "b"], "outputs": [{"text": "printed"}, {"data": {"text/html": "<b>shown</b>"}}]},
        {
            "source": "",
            "outputs": [{"data": {"image/png": base64.b64encode(documents.png(texts={"k": "v"})).decode()}}],
        },
    ]
    texts, _ = read(json.dumps({"nbformat": 4, "cells": cells, "metadata": {"a": "b"}}).encode())
    assert texts["cell 1"] == "a = 1\nb"
    assert texts["cell 1 output"] == "printed"
    assert texts["cell 2 output/png#metadata"] == "k: v"


def test_broken_notebook_is_read_as_text(read):
    texts, gaps = read(b'{"nbformat": 4, "cells": [')
    assert texts == {"#raw": '{"nbformat": 4, "cells": ['}
    assert gaps == {"": Gap.CORRUPT}


def test_database():
    with sqlite3.connect(":memory:") as database:
        database.execute("CREATE TABLE people (name, card, raw)")
        database.execute("INSERT INTO people VALUES ('Ann', 4111, ?), ('Bob', NULL, 1.5)", (b"in a blob",))
    items = [item for item in Extraction(sandbox=False).extract_bytes(database.serialize()) if isinstance(item, Text)]
    database.close()
    assert items[0].text == "CREATE TABLE people (name, card, raw)"
    assert items[1].columns == ("name", "card", "raw")
    assert items[1].text.splitlines()[1:] == ["Ann\t4111\tin a blob", "Bob\t\t1.5"]


def test_property_list(read):
    assert read(plistlib.dumps({"a": ["b", {"c": "d"}]}, fmt=plistlib.FMT_BINARY))[0][""] == "a: b\nc: d"


def test_outlook_message(read):
    streams = {
        "__properties_version1.0": b"",
        "__substg1.0_0037001F": "a subject".encode("utf-16-le"),
        "__substg1.0_1000001F": "the body".encode("utf-16-le"),
        "__substg1.0_10130102": b"<p>html <b>body</b></p>".ljust(4096),
    }
    texts, _ = read(documents.ole(streams))
    assert texts["message"].splitlines() == ["a subject", "the body"]
    assert texts["body.html"] == "html body"


def test_outlook_attachments(read):
    place = "__attach_version1.0_#00000000"
    streams = {
        "__properties_version1.0": b"",
        f"{place}/__substg1.0_3707001F": "notes.txt".encode("utf-16-le"),
        f"{place}/__substg1.0_37010102": b"attached words ".ljust(5000, b"."),
    }
    texts, _ = read(documents.ole(streams))
    assert texts[f"{place}/notes.txt"].startswith("attached words")


def test_ocr_reads_standard_input(read, tmp_path, monkeypatch):
    program = tmp_path / "tesseract"
    program.write_text("#!/bin/sh\nhead -c 4 >/dev/null; cat >/dev/null; echo words in the picture\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert read(documents.png()) == ({"": "words in the picture\n"}, {})


def test_compressed_rtf_of_the_specification():
    # The first example of [MS-OXRTFCP] 3.1.
    packed = bytes.fromhex(
        "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320a f3206865 6c090020627705b06c647d0a800fa0".replace(
            " ", ""
        )
    )
    assert unpack_rtf(packed) == b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"


class Shout:
    """An extractor as a plugin would bring it."""

    media_types = ("text/plain",)

    def extract(self, stream, name, budget):
        yield Text(stream.read().decode().upper(), "shouted")


def test_a_plugins_extractor_comes_first(read):
    assert read(b"quiet", extractors=(Shout(),))[0] == {"shouted": "QUIET"}


@pytest.mark.parametrize(("width", "expected"), [(600, {"page 1": Gap.NO_TEXT}), (100, {})])
def test_pictures_on_a_page_are_named_unless_they_are_logos(read, monkeypatch, width, expected):
    monkeypatch.setattr("connectors.extraction.ocr.is_available", lambda: False)
    texts, gaps = read(_with_picture(width))
    assert texts["page 1"] == "Scanned by an app"
    assert gaps == expected


def _with_picture(width: int) -> bytes:
    """Return a PDF page with a line of text and a picture of one grey pixel, stretched."""
    drawing = f"BT /F1 12 Tf 72 720 Td (Scanned by an app) Tj ET q {width} 0 0 {width} 0 0 cm /I Do Q"
    grey = "/Width 1/Height 1/ColorSpace/DeviceGray/BitsPerComponent 8"
    resources = "/Font<</F1 3 0 R>>/XObject<</I 4 0 R>>"
    parts = [
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Count 1/Kids[6 0 R]>>",
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        f"<</Type/XObject/Subtype/Image{grey}/Length 1>>stream\nA\nendstream",
        f"<</Length {len(drawing)}>>stream\n{drawing}\nendstream",
        f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 5 0 R/Resources<<{resources}>>>>",
    ]
    return documents.pdf_file(parts)
