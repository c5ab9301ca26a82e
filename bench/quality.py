"""Measure how well detection does on labelled texts, by the scorer that comes with them.

    python bench/quality.py GOLD_FOLDER --scorer SCORE_PY [--errors N] [--only NAME ...] [--families credit_card,...]

The folder holds `*.jsonl.gz` files of `{"id", "text", "spans", "scope", ...}`; the scorer is called as
`SCORE_PY GOLD.jsonl FINDINGS.jsonl --json`.
"""

from __future__ import annotations

import argparse
import gzip
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from connectors.detection import Engine, load_engine
from connectors.model import Confidence

POOLS = {
    "secrets": (("kingfisher2025", "noseyparker", "detect_secrets"), "secret"),
    "personal": (
        ("presidio_research_v2", "piianon_technology", "nano_pii"),
        "credit_card,us_ssn,iban,phone,email,ip,mac,person,address,date",
    ),
    "posts": (("wnut17_dev",), "person"),
}


def findings(engine: Engine, records: Sequence[dict[str, object]], least: Confidence) -> Iterator[dict[str, object]]:
    """Yield what the engine finds, as the scorer reads it."""
    found = engine.scan_many([str(record["text"]) for record in records])
    for record, matches in zip(records, found, strict=True):
        for match in matches:
            if match.confidence >= least:
                kind = f"secret:{match.detector}" if match.family == "secret" else match.family
                yield {"id": record["id"], "start": match.start, "end": match.end, "type": kind}


def read(path: Path) -> list[dict[str, object]]:
    """Return the records of one file."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def score(scorer: Path, gold: Sequence[object], found: Sequence[object], more: Sequence[str]) -> str:
    """Return what the scorer prints."""
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for name, lines in (("gold", gold), ("found", found)):
            path = Path(folder) / f"{name}.jsonl"
            path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
            paths.append(str(path))
        run = [sys.executable, str(scorer), *paths, *more]
        return subprocess.run(run, capture_output=True, check=True, text=True).stdout


def main() -> None:
    """Print a table for each pool, or the errors."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gold", type=Path)
    parser.add_argument("--scorer", type=Path, required=True)
    parser.add_argument("--errors", type=int, default=0)
    parser.add_argument("--only", nargs="*", help="files, by the start of their names; each is a pool of its own")
    parser.add_argument("--families")
    parser.add_argument("--least", default="POSSIBLE", help="lowest confidence that counts")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    engine = load_engine(include=("person_name", "street_address"))
    pools = {name: ((name,), options.families) for name in options.only} if options.only else POOLS
    for pool, (names, families) in pools.items():
        records = [r for p in sorted(options.gold.glob("*.jsonl.gz")) if p.name.startswith(names) for r in read(p)]
        found = list(findings(engine, records, Confidence[options.least]))
        more = ["--errors", str(options.errors)] if options.errors else []
        more += ["--families", options.families or families] if options.families or families else []
        more += ["--json"] if options.json else []
        print(f"== {pool}: {len(records)} texts\n{score(options.scorer, records, found, more)}")


if __name__ == "__main__":
    main()
