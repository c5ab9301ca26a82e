"""Hostile documents through the sandbox: every one must end within its budget, and none may take the caller down.

    python bench/hostile.py [--mutations 10000]

Prints one JSON line per case and a summary line for the mutations.
"""

from __future__ import annotations

import argparse
import bz2
import gzip
import io
import json
import lzma
import os
import plistlib
import random
import sqlite3
import struct
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from connectors.extraction import Budget, Extraction, Text
from connectors.model import Blob, UnitFailure
from connectors.testing import documents

MEGA = 1 << 20
BUDGET = Budget(seconds=10.0)
GRACE = 3.0


class Zeros(io.RawIOBase):
    """A stream of NULs, as long as a sparse file claims to be."""

    def __init__(self, size: int) -> None:
        self._left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # the stub wants any buffer
        count = min(len(buffer), self._left)
        buffer[:count] = b"\0" * count
        self._left -= count
        return count


def zip_bomb() -> bytes:
    return documents.zip_of({f"{n}.txt": b"0" * (64 * MEGA) for n in range(4)})


def nested_zip() -> bytes:
    data = documents.zip_of({"zeros.txt": b"0" * (16 * MEGA)})
    for level in range(8):
        data = documents.zip_of({f"{level}-{n}.zip": data for n in range(10)})
    return data


def quine_like_zip() -> bytes:
    data = b"the middle"
    for level in range(60):
        data = documents.zip_of({f"{level}.zip": data})
    return data


def overlapping_zip() -> bytes:
    """Two hundred directory entries that all point at one member."""
    data = documents.zip_of({"a.txt": b"0" * (32 * MEGA)})
    start = data.index(b"PK\x01\x02")
    end = data.index(b"PK\x05\x06")
    entry = data[start:end]
    directory = entry * 200
    tail = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 200, 200, len(directory), start, 0)
    return data[:start] + directory + tail


def many_members() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number in range(60_000):
            archive.writestr(f"{number}", b"x")
    return out.getvalue()


def laughs(depth: int = 12) -> str:
    entities = "".join(
        f'<!ENTITY l{level} "{f"&l{level - 1};" * 10}">' if level else '<!ENTITY l0 "lol">' for level in range(depth)
    )
    return f'<?xml version="1.0"?><!DOCTYPE w:document [{entities}]>'


def billion_laughs_xml() -> bytes:
    return (laughs() + "<a>&l11;</a>").encode()


def billion_laughs_docx() -> bytes:
    body = laughs() + '<w:document xmlns:w="w"><w:p w:author="&l11;"><w:t>&l11;</w:t></w:p></w:document>'
    return documents.docx(extra={"word/comments.xml": body})


def quadratic_docx() -> bytes:
    body = f'<!DOCTYPE w [<!ENTITY a "{"A" * 100_000}">]><w alias="{"&a;" * 20_000}">{"&a;" * 20_000}</w>'
    return documents.docx(extra={"word/footnotes.xml": body})


def external_entity_docx() -> bytes:
    body = '<!DOCTYPE w [<!ENTITY a SYSTEM "file:///etc/passwd">]><w><t>&a;</t></w>'
    return documents.docx(extra={"word/footnotes.xml": body})


def deep_xml_docx() -> bytes:
    return documents.docx(extra={"word/footnotes.xml": "<a>" * 200_000 + "deep" + "</a>" * 200_000})


def bloated_docx() -> bytes:
    return documents.docx(extra={"word/header1.xml": documents.word(documents.paragraph("A" * (200 * MEGA)))})


def far_cells_xlsx() -> bytes:
    cell = '<row r="{0}"><c r="XFD{0}"><v>1</v></c></row>'
    rows = "".join(cell.format(number) for number in range(1, 1_048_577, 50))
    sheet = f'<worksheet xmlns="{documents.SHEET}"><sheetData>{rows}</sheetData></worksheet>'
    return documents.xlsx({"S": [["a"]]}, extra={"xl/worksheets/sheet1.xml": sheet})


def pdf_bomb() -> bytes:
    """A page whose content unpacks to a gigabyte."""
    packer = zlib.compressobj(9)
    body = b"".join(packer.compress(b"0" * MEGA) for _ in range(1024)) + packer.flush()
    twice = zlib.compress(body, 9)
    stream = f"<</Length {len(twice)}/Filter[/FlateDecode/FlateDecode]>>stream\n".encode() + twice + b"\nendstream"
    head = b"%PDF-1.7\n1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n"
    head += b"2 0 obj\n<</Type/Pages/Count 1/Kids[3 0 R]>>\nendobj\n"
    page = b"3 0 obj\n<</Type/Page/Parent 2 0 R/MediaBox[0 0 9e9 9e9]/Contents 4 0 R>>\nendobj\n4 0 obj\n"
    return head + page + stream + b"\nendobj\ntrailer<</Root 1 0 R>>\n%%EOF"


def pdf_page_cycle() -> bytes:
    head = b"%PDF-1.7\n1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n"
    return (
        head + b"2 0 obj\n<</Type/Pages/Count 99999999/Kids[2 0 R 2 0 R 2 0 R]>>\nendobj\ntrailer<</Root 1 0 R>>\n%%EOF"
    )


def deep_json() -> bytes:
    return b"[" * (5 * MEGA) + b"]" * (5 * MEGA)


def deep_notebook() -> bytes:
    return b'{"nbformat":4,"cells":' + b"[" * MEGA + b"]" * MEGA + b"}"


def deep_html() -> bytes:
    return b"<html>" + b"<div>" * MEGA + b"deep" + b"</div>" * MEGA


def deep_mail() -> bytes:
    head = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(5_000))
    return b"From: a@example.test\r\nTo: b@example.test\r\nSubject: x\r\n" + head + b"\r\ndeep\r\n"


def deep_rtf() -> bytes:
    return b"{\\rtf1" + b"{" * MEGA + b"deep" + b"}" * MEGA + b"}"


def gzip_bomb() -> bytes:
    packed = gzip.compress(b"0" * (256 * MEGA))
    return gzip.compress(packed)


def bzip2_bomb() -> bytes:
    return bz2.compress(b"0" * (300 * MEGA))


def xz_bomb() -> bytes:
    return lzma.compress(b"0" * (512 * MEGA), preset=1)


def sparse_tar() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
        archive.addfile(tarfile.TarInfo("small"), io.BytesIO())
    data = bytearray(out.getvalue())
    data[156:157] = b"S"  # a GNU sparse member of a gigabyte of holes
    data[386:482] = b"\0" * 96
    data[483:495] = b"10000000000\0"
    data[148:156] = b" " * 8
    data[148:156] = b"%06o\0 " % sum(data[:512])
    return bytes(data)


def png_text_bomb() -> bytes:
    body = b"k\0\0" + zlib.compress(b"A" * (256 * MEGA), 9)
    chunk = struct.pack(">I", len(body)) + b"zTXt" + body + struct.pack(">I", zlib.crc32(b"zTXt" + body))
    plain = documents.png()
    return plain[:33] + chunk + plain[33:]


def vast_png() -> bytes:
    plain = bytearray(documents.png())
    plain[16:24] = struct.pack(">II", 2_000_000_000, 2_000_000_000)
    return bytes(plain)


def looping_ole() -> bytes:
    data = bytearray(documents.ole({"WordDocument": b"x" * 9000, "1Table": b"y" * 5000}))
    data[-512 : -512 + 8] = struct.pack("<II", 1, 0)
    return bytes(data)


def csv_of_quotes() -> bytes:
    return b"a,b,c\n1,2,3\n" + b'"' * (20 * MEGA)


def backtracking_text() -> bytes:
    return b'{"k":"' + b"\\" * (8 * MEGA + 1)


BOMBS: tuple[Callable[[], bytes], ...] = (
    zip_bomb, nested_zip, quine_like_zip, overlapping_zip, many_members, billion_laughs_xml, billion_laughs_docx,
    quadratic_docx, external_entity_docx, deep_xml_docx, bloated_docx, far_cells_xlsx, pdf_bomb, pdf_page_cycle,
    deep_json, deep_notebook, deep_html, deep_mail, deep_rtf, gzip_bomb, bzip2_bomb, xz_bomb, sparse_tar,
    png_text_bomb, vast_png, looping_ole, csv_of_quotes, backtracking_text,
)  # fmt: skip


def run(extraction: Extraction, make: Callable[[], Iterator[Text | UnitFailure]]) -> dict[str, object]:
    """Exhaust one extraction and say what it took."""
    started = time.monotonic()
    texts = size = 0
    gaps: Counter[str] = Counter()
    for item in make():
        if isinstance(item, Text):
            texts, size = texts + 1, size + len(item.text)
        else:
            gaps[f"{item.reason}: {item.detail}"] += 1
    seconds = time.monotonic() - started
    return {
        "seconds": round(seconds, 2),
        "within": seconds <= extraction.budget.seconds + GRACE,
        "texts": texts,
        "characters": size,
        "gaps": dict(gaps.most_common(2)),
        **peak(),
    }


def peak() -> dict[str, int]:
    """Return the peak memory of this process and of its greediest living child, in MB.

    From /proc, because what getrusage reports of a process is inherited from the one that started it.
    """
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii").split()
    theirs = [_high_water(child) for child in children]
    return {"caller_peak_mb": _high_water("self"), "sandbox_peak_mb": max(theirs, default=0)}


def _high_water(process: str) -> int:
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")) // 1024


def seeds() -> list[bytes]:
    """Return one document of each kind, to be mutated."""
    word = documents.docx("Hello", "world", extra={"word/media/i.png": documents.png(texts={"Comment": "c"})})
    book = documents.xlsx({"S": [["name", "n"], ["Ann", 1], ["Bob", 2]]})
    mail = b"From: a@example.test\r\nTo: b@example.test\r\nSubject: s\r\nMIME-Version: 1.0\r\n\r\nbody"
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.txt"), io.BytesIO())
    with sqlite3.connect(":memory:") as database:
        database.execute("CREATE TABLE t (a, b)")
        database.execute("INSERT INTO t VALUES (1, 'two')")
        table = database.serialize()
    return [
        word,
        book,
        table,
        plistlib.dumps({"a": ["b"]}, fmt=plistlib.FMT_BINARY),
        documents.pptx("slide", notes=["note"]),
        documents.odt("p"),
        documents.pdf("one", "two"),
        documents.zip_of({"a.docx": word, "b.txt": "text"}),
        documents.ole({"WordDocument": b"\xec\xa5" * 3000}),
        documents.ole({"__properties_version1.0": b"", "__substg1.0_0037001F": b"s\0" * 9}),
        mail,
        tar.getvalue(),
        gzip.compress(word),
        lzma.compress(b"text" * 99),
        documents.png(texts={"k": "v"}),
        rb"{\rtf1\ansi hello {\b world} \u8364?}",
        b"<html><body><p>hi</p><script>x</script></body></html>",
        b'{"nbformat": 4, "cells": [{"source": ["a"], "outputs": []}]}',
        b"a,b\n1,2\n3,4\n",
        b"<a><b>x</b></a>",
    ]


def mutate(data: bytes, chance: random.Random) -> bytes:
    """Change a document the ways that break parsers: bits, sizes, cuts, repeats, splices."""
    out = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        at = chance.randrange(len(out)) if out else 0
        match chance.randrange(6):
            case 0 if out:
                out[at] ^= 1 << chance.randrange(8)
            case 1:
                out[at : at + 4] = chance.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f"))
            case 2:
                del out[at : at + chance.randrange(1, 64)]
            case 3:
                out[at:at] = out[at : at + chance.randrange(1, 256)]
            case 4:
                out[at:at] = chance.randbytes(chance.randrange(1, 16))
            case _:
                out = out[: max(at, 16)] if chance.random() < 0.2 else out
    return bytes(out)


def mutations(extraction: Extraction, count: int) -> dict[str, object]:
    """Extract `count` mutated documents and count how they ended."""
    chance = random.Random(20)
    originals = seeds()
    ends: Counter[str] = Counter()
    slowest = 0.0
    started = time.monotonic()
    for number in range(count):
        data = mutate(originals[number % len(originals)], chance)
        begun = time.monotonic()
        items = list(extraction.extract_bytes(data))
        slowest = max(slowest, time.monotonic() - begun)
        ends.update({"text" if isinstance(item, Text) else str(item.reason) for item in items} or {"empty"})
        ends["crashed"] += any(isinstance(item, UnitFailure) and "crashed" in item.detail for item in items)
    return {
        "mutations": count,
        "seconds": round(time.monotonic() - started, 1),
        "slowest": round(slowest, 2),
        "within": slowest <= extraction.budget.seconds + GRACE,
        "ends": dict(ends.most_common()),
    }


def build(folder: Path, only: str) -> None:
    """Write the bombs into `folder`: building some takes more memory than reading any may."""
    for bomb in BOMBS:
        if only in bomb.__name__:
            (folder / bomb.__name__).write_bytes(bomb())


def measure(folder: Path, count: int, only: str) -> None:
    """Run every case and print its line."""
    with Extraction(BUDGET) as extraction:
        for path in sorted(folder.iterdir()):
            blob = Blob(path.name, open=lambda path=path: path.open("rb"))
            result = run(extraction, lambda blob=blob: extraction.extract(blob))
            print(json.dumps({"case": path.name, "bytes": path.stat().st_size, **result}), flush=True)
        if only in "sparse":
            blob = Blob("sparse", open=lambda: io.BufferedReader(Zeros(1 << 30)))
            print(json.dumps({"case": "sparse", **run(extraction, lambda: extraction.extract(blob))}), flush=True)
        if not only:
            print(json.dumps({**mutations(extraction, count), **peak()}), flush=True)


def main() -> None:
    """Build the bombs here and measure in a process of its own, whose peak memory then means something."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutations", type=int, default=10_000)
    parser.add_argument("--only", default="")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.folder:
        measure(options.folder, options.mutations, options.only)
        return
    with tempfile.TemporaryDirectory() as folder:
        build(Path(folder), options.only)
        command = [sys.executable, __file__, "--folder", folder, "--mutations", str(options.mutations)]
        subprocess.run([*command, "--only", options.only], check=True)


if __name__ == "__main__":
    main()
