"""How fast bytes become text: one JSON line per kind of file, through the sandbox as in production.

python bench/extraction.py
"""

from __future__ import annotations

import gzip
import json
import time
from itertools import islice

from connectors.extraction import Extraction, Text
from connectors.testing import documents

SENTENCE = "The invoice of {0} for customer {0} was paid on time and nobody complained about it."
LINES = [SENTENCE.format(number) for number in range(60_000)]
MAIL = "From: a@example.test\r\nTo: b@example.test\r\nSubject: news\r\nMIME-Version: 1.0\r\n\r\n"


def samples() -> dict[str, bytes]:
    """Return one file of a few megabytes, or a small one, per kind."""
    text = "\n".join(LINES)
    rows = [["name", "amount", "note"], *([f"n{n}", n, LINES[n]] for n in range(20_000))]
    page = "<html><body>" + "".join(f"<p>{line} <b>bold</b></p>" for line in LINES[:30_000]) + "</body></html>"
    return {
        "small text": LINES[0].encode() * 2,
        "small docx": documents.docx(*LINES[:3]),
        "small pdf": documents.pdf(*LINES[:1]),
        "text": text.encode(),
        "csv": "\n".join(",".join(map(str, row)) for row in rows).encode(),
        "json": json.dumps({f"k{n}": line for n, line in enumerate(LINES)}).encode(),
        "html": page.encode(),
        "mail": (MAIL + text).encode(),
        "gzip": gzip.compress(text.encode()),
        "zip of texts": documents.zip_of({f"{n}.txt": text[n * 4096 :][:4096] for n in range(1_000)}),
        "docx": documents.docx(*LINES[:30_000]),
        "xlsx": documents.xlsx({"S": rows}),
        "pdf": documents.pdf(*LINES[:1_000]),
    }


def measure(extraction: Extraction, data: bytes) -> dict[str, object]:
    """Extract one file again and again for about a second."""
    list(extraction.extract_bytes(data))
    started, runs, size = time.perf_counter(), 0, 0
    for _ in islice(iter(int, 1), 2_000):
        items = list(extraction.extract_bytes(data))
        size = sum(len(item.text) for item in items if isinstance(item, Text))
        runs += 1
        if time.perf_counter() - started > 1:
            break
    seconds = (time.perf_counter() - started) / runs
    return {
        "ms": round(seconds * 1e3, 3),
        "mb_in_per_s": round(len(data) / seconds / 1e6, 2),
        "mb_text_per_s": round(size / seconds / 1e6, 2),
    }


def main() -> None:
    """Print one line per kind of file."""
    with Extraction() as extraction:
        for name, data in samples().items():
            print(json.dumps({"case": name, "bytes": len(data), **measure(extraction, data)}), flush=True)


if __name__ == "__main__":
    main()
