"""Office documents: every part is read, not only what an authoring program shows."""

from __future__ import annotations

import zipfile
from io import BytesIO

import pytest

from connectors.extraction import Budget, Extraction, Text, numbers, office, rtf, vba
from connectors.extraction.items import Meter, OverBudget
from connectors.model import Gap
from connectors.testing import documents

_DELETED = '<w:p><w:del w:author="Eve"><w:r><w:delText>deleted words</w:delText></w:r></w:del></w:p>'
_BOX = "<w:p><w:r><mc xmlns='m'><w:txbxContent><w:p><w:t>boxed</w:t></w:p></w:txbxContent></mc></w:r></w:p>"


def _sheet(rows: str, around: str = "") -> str:
    return f'<worksheet xmlns="{documents.SHEET}"><sheetData>{rows}</sheetData>{around}</worksheet>'


def test_word_shows_all_its_parts(read):
    texts, gaps = read(
        documents.docx(
            "body",
            _DELETED,
            _BOX,
            extra={
                "word/header1.xml": documents.word(documents.paragraph("in the header")),
                "word/comments.xml": documents.word(documents.paragraph("in a comment")),
                "word/footnotes.xml": documents.word(documents.paragraph("in a footnote")),
                "docProps/custom.xml": '<p xmlns:v="v"><property name="Secret"><v:l>kept</v:l></property></p>',
                "customXml/item1.xml": "<data><password>hidden</password></data>",
                "word/_rels/document.xml.rels": '<R><Relationship Target="in.xml"/>'
                '<Relationship TargetMode="External" Target="https://example.test/?t=1"/></R>',
            },
        )
    )
    assert not gaps
    assert texts["word/document.xml"] == "body\ndeleted words\nboxed"
    assert texts["word/document.xml#attributes"] == "Eve"
    assert texts["word/header1.xml"] == "in the header"
    assert texts["word/comments.xml"] == "in a comment"
    assert texts["word/footnotes.xml"] == "in a footnote"
    assert texts["docProps/custom.xml"] == "Secret\tkept"
    assert "<password>hidden" in texts["customXml/item1.xml"]
    assert texts["word/_rels/document.xml.rels#attributes"] == "https://example.test/?t=1"


def test_binary_parts_are_searched_for_text_and_strange_pictures_named(read):
    extra = {
        "xl/comments1.bin": b"\x01\x02" + "a comment".encode("utf-16-le"),
        "word/media/a.emf": b"\x01\0\0\0" + bytes(60),
    }
    texts, gaps = read(documents.docx("body", extra=extra))
    assert texts["xl/comments1.bin#strings"] == "a comment"
    assert gaps == {"word/media/a.emf": Gap.UNSUPPORTED_TYPE}


def test_runs_of_one_word_are_joined(read):
    texts, _ = read(documents.docx(documents.paragraph("4111 11", "11 1111 ", "1111")))
    assert texts["word/document.xml"] == "4111 1111 1111 1111"


def test_properties_do_not_run_into_one_another(read):
    part = "<core xmlns:d='d'><d:creator>Ann</d:creator><d:other>4111 1111</d:other><d:last>Bob</d:last></core>"
    assert read(documents.docx(extra={"docProps/core.xml": part}))[0]["docProps/core.xml"] == "Ann\n4111 1111\nBob"


def test_embedded_files_are_read_in_their_turn(read):
    inner = documents.xlsx({"In": [["deep"]]})
    texts, _ = read(documents.docx(extra={"word/embeddings/a.xlsx": inner}))
    assert texts["word/embeddings/a.xlsx/In"] == "deep"


def test_a_workbook_has_places_and_header():
    data = documents.xlsx({"People": [["name", "card"], ["Ann", 4111111111111111], ["Bob", 4.0]], "Hidden": [["x"]]})
    items = [item for item in Extraction(sandbox=False).extract_bytes(data) if isinstance(item, Text)]
    sheet = items[0]
    assert sheet.path == "People"
    assert sheet.columns == ("name", "card")
    assert sheet.text == "name\tcard\nAnn\t4111111111111111\nBob\t4"
    assert sheet.cell(sheet.text.index("4111")) == (2, 2)
    assert items[1].path == "Hidden"


def test_numbers_read_as_their_format_shows_them(read):
    styles = (
        '<numFmts><numFmt numFmtId="164" formatCode="000\\-00\\-0000"/></numFmts>'
        '<cellXfs><xf numFmtId="0"/><xf numFmtId="164"/><xf numFmtId="14"/></cellXfs>'
    )
    cells = '<c r="A1" s="1"><v>12345678</v></c><c r="C1" s="2"><v>32874</v></c>'
    cells += '<c r="D1" t="inlineStr"><is><t>in</t></is></c>'
    sheet = _sheet(f'<row r="1">{cells}</row>')
    texts, _ = read(documents.xlsx({"S": [["a"]]}, styles=styles, extra={"xl/worksheets/sheet1.xml": sheet}))
    assert texts["S"] == "012-34-5678\t\t1990-01-01\tin"


def test_rows_keep_the_numbers_that_the_user_sees():
    sheet = _sheet('<row r="4"><c r="B4"><v>7</v></c></row>')
    data = documents.xlsx({"S": [["a"]]}, extra={"xl/worksheets/sheet1.xml": sheet})
    text = next(item for item in Extraction(sandbox=False).extract_bytes(data) if isinstance(item, Text))
    assert text.cell(text.text.index("7")) == (4, 2)


def test_what_no_cell_shows_is_read_too(read):
    sheet = _sheet(
        '<row r="1"><c r="A1"><f>CONCAT("pw=",B1)</f><v>1</v></c></row>',
        "<headerFooter><oddHeader>in the header</oddHeader></headerFooter>"
        '<hyperlinks><hyperlink ref="A1" tooltip="over here"/></hyperlinks>',
    )
    texts, _ = read(documents.xlsx({"S": [["left behind"]]}, extra={"xl/worksheets/sheet1.xml": sheet}))
    assert texts["S#notes"].splitlines() == ['=CONCAT("pw=",B1)', "in the header", "over here"]
    assert texts["xl/sharedStrings.xml#unused"] == "left behind"


def test_a_long_sheet_comes_in_slices_that_know_the_header(monkeypatch):
    monkeypatch.setattr("connectors.extraction.tables._SLICE", 3)
    data = documents.xlsx({"S": [["name", "n"], *([f"r{n}", n] for n in range(2, 6))]})
    items = [item for item in Extraction(sandbox=False).extract_bytes(data) if isinstance(item, Text)]
    assert [(item.path, item.columns, item.text) for item in items] == [
        ("S", ("name", "n"), "name\tn\nr2\t2\nr3\t3"),
        ("S#rows 4-5", ("name", "n"), "r4\t4\nr5\t5"),
    ]


class Hasty(Meter):
    """A meter whose time is up after a few looks at the clock."""

    def __init__(self, looks: int) -> None:
        times = iter([0.0] * looks)
        super().__init__(Budget(), clock=lambda: next(times, 1e9))


@pytest.mark.parametrize(
    ("reader", "data", "first"),
    [
        (office.read_ooxml, documents.xlsx({"S": [[f"row {n}"] for n in range(99)]}), "row 0"),
        (rtf.read_rtf, b"{\\rtf1 early" + b"{ more}" * 99 + b"}", "early"),
    ],
)
def test_what_was_read_when_the_time_was_up_is_kept(reader, data, first):
    texts = []
    with pytest.raises(OverBudget, match="seconds"):
        texts.extend(item.text for item in reader(data, Hasty(20)) if isinstance(item, Text))
    assert texts[0].startswith(first)


@pytest.mark.parametrize(
    "part", ["xl/workbook.xml", "xl/sharedStrings.xml", "xl/_rels/workbook.xml.rels", "xl/styles.xml"]
)
@pytest.mark.parametrize("content", [b"", b"no xml", b"<a"])
def test_a_broken_shared_part_leaves_the_other_parts(read, part, content):
    extra = {part: content, "xl/comments1.xml": "<c><t>a comment</t></c>"}
    assert read(documents.xlsx({"S": [["x", 7]]}, extra=extra))[0]["xl/comments1.xml"] == "a comment"


def test_a_broken_sheet_is_read_as_far_as_it_goes(read):
    sheet = _sheet('<row r="1"><c r="A1" t="str"><v>early</v></c></row>').partition("</sheetData>")[0] + "<row <"
    texts, gaps = read(documents.xlsx({"S": [["x"]]}, extra={"xl/worksheets/sheet1.xml": sheet}))
    assert "early" in texts["S"]
    assert gaps == {"S": Gap.CORRUPT}


def test_slides_and_speaker_notes(read):
    texts, _ = read(documents.pptx("first", "second", notes=["said aloud"]))
    assert texts["ppt/slides/slide2.xml"] == "second"
    assert texts["ppt/notesSlides/notesSlide1.xml"] == "said aloud"


def test_open_document(read):
    assert read(documents.odt("one", "two"))[0] == {"content.xml": "one\ntwo"}


def test_encrypted_open_document(read):
    parts = {
        "mimetype": "application/vnd.oasis.opendocument.text",
        "META-INF/manifest.xml": "<m><encryption-data/></m>",
        "content.xml": b"\x01\x02",
    }
    assert read(documents.zip_of(parts, method=zipfile.ZIP_STORED)) == ({}, {"": Gap.ENCRYPTED})


def test_encrypted_office_file(read):
    assert read(documents.ole({"EncryptedPackage": b"x", "EncryptionInfo": b"y"}))[1] == {"": Gap.ENCRYPTED}


def test_broken_xml_loses_structure_but_no_text(read):
    texts, gaps = read(documents.docx(extra={"word/header1.xml": "<w><a>one</a><b>two &lt;3"}))
    assert "two" in texts.get("word/header1.xml", "") + texts.get("word/header1.xml#raw", "")
    assert gaps in ({}, {"word/header1.xml": Gap.CORRUPT})


@pytest.mark.parametrize("marker", ["&secret;", "file:///"])
def test_entities_are_never_expanded(read, marker):
    part = f'<!DOCTYPE w [<!ENTITY secret SYSTEM "file:///etc/hostname">]><w><t>before {marker} after</t></w>'
    texts, _ = read(documents.docx(extra={"word/footnotes.xml": part}))
    with open("/etc/hostname", encoding="ascii") as file:  # noqa: PTH123 - the file that the entity names
        assert file.read().strip() not in "".join(texts.values())


def test_word_97_by_its_piece_table(read):
    text = "Caf\xe9 in one byte"
    wide = "and two"
    start = 1024
    body = bytearray(4096)
    body[0x0A:0x0C] = (0x0200).to_bytes(2, "little")
    body[start : start + len(text)] = text.encode("cp1252")
    body[2048 : 2048 + 2 * len(wide)] = wide.encode("utf-16-le")
    ends = [0, len(text), len(text) + len(wide)]
    plc = b"".join(end.to_bytes(4, "little") for end in ends)
    plc += b"\0\0" + (start * 2 | 0x40000000).to_bytes(4, "little") + b"\0\0"
    plc += b"\0\0" + (2048).to_bytes(4, "little") + b"\0\0"
    clx = b"\x02" + len(plc).to_bytes(4, "little") + plc
    body[0x01A2:0x01AA] = (0).to_bytes(4, "little") + len(clx).to_bytes(4, "little")
    assert read(documents.ole({"WordDocument": bytes(body), "1Table": clx}))[0]["WordDocument"] == text + wide


def test_powerpoint_97_atoms(read):
    wide, narrow = "wide".encode("utf-16-le"), b"narrow"
    atoms = b"\0\0\xa0\x0f" + len(wide).to_bytes(4, "little") + wide
    atoms += b"\0\0\xa8\x0f" + len(narrow).to_bytes(4, "little") + narrow
    container = b"\x0f\0\xe8\x03" + len(atoms).to_bytes(4, "little") + atoms
    text = read(documents.ole({"PowerPoint Document": container}))[0]["PowerPoint Document"]
    assert text.split("\n")[:2] == ["wide", "narrow"]


def test_streams_without_a_reader_are_searched_for_text(read):
    texts, _ = read(documents.ole({"Odd": b"\x01\x02readable run\x03" + "wide run".encode("utf-16-le") + b"\xff"}))
    assert texts["Odd#strings"] == "readable run\nwide run"


def test_sheets_of_open_document():
    cell = "<t:table-cell><x:p>{}</x:p></t:table-cell>".format
    rows = f"<t:table-row>{cell('name')}{cell('card')}</t:table-row>"
    rows += f'<t:table-row><t:table-cell t:number-columns-repeated="1"/>{cell(4111)}</t:table-row>'
    rows += (
        '<t:table-row t:number-rows-repeated="1000000"><t:table-cell t:number-columns-repeated="16384"/></t:table-row>'
    )
    parts = {
        "mimetype": "application/vnd.oasis.opendocument.spreadsheet",
        "content.xml": f'<d xmlns:t="t" xmlns:x="x"><t:table t:name="People">{rows}</t:table></d>',
    }
    data = documents.zip_of(parts, method=zipfile.ZIP_STORED)
    sheet = next(item for item in Extraction(sandbox=False).extract_bytes(data) if isinstance(item, Text))
    assert (sheet.path, sheet.columns, sheet.text) == ("People", ("name", "card"), "name\tcard\n\t4111")
    assert sheet.cell(sheet.text.index("4111")) == (2, 2)


def test_macros_of_an_old_document(read):
    body = b"\x00Attribut" + b"\x00e VB_Nam"
    module = b"\x01" + (0xB000 | (len(body) - 1)).to_bytes(2, "little") + body
    assert read(documents.ole({"Macros/VBA/Module1": module}))[0]["Macros/VBA/Module1"].startswith("Attribute VB_Nam")


def test_macro_source_is_unpacked():
    # Sixteen literals, then a copy token: from eight bytes back, seven bytes.
    literals = b"\x00Attribut" + b"\x00eABCDEFG"
    body = literals + b"\x01" + ((8 - 1) << 12 | (7 - 3)).to_bytes(2, "little")
    chunk = (0xB000 | (len(body) - 1)).to_bytes(2, "little") + body
    assert vba.source(b"junk" + b"\x01" + chunk) == "AttributeABCDEFG" + "eABCDEF"


def test_a_damaged_directory_still_gives_the_members(read):
    data = documents.zip_of({"a.txt": "first", "b.txt": "second"}, method=zipfile.ZIP_STORED)
    texts, gaps = read(data[: data.index(b"PK\x01\x02")])
    assert (texts["a.txt"], texts["b.txt"]) == ("first", "second")
    assert gaps[""] is Gap.CORRUPT


def test_a_locked_member_is_a_gap(read):
    data = bytearray(documents.zip_of({"a.txt": "first"}))
    with zipfile.ZipFile(BytesIO(bytes(data))) as archive:
        assert archive.namelist() == ["a.txt"]
    data[data.index(b"PK\x01\x02") + 8] |= 1
    assert read(bytes(data))[1] == {"a.txt": Gap.ENCRYPTED}


@pytest.mark.parametrize(("reference", "column"), [("A1", 0), ("Z9", 25), ("AA1", 26), ("XFD1048576", 16383), ("", -1)])
def test_columns_of_references(reference, column):
    assert numbers.column(reference) == column


def test_word_97_with_a_password(read):
    body = bytearray(4096)
    body[0x0B] = 0x01
    assert read(documents.ole({"WordDocument": bytes(body)})) == ({}, {"WordDocument": Gap.ENCRYPTED})
