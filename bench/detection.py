"""Measure detection: speed, start-up and memory, each beside its peers in the same run. One JSON line per figure.

    python bench/detection.py [--megabytes 12] [--peers /path/to/python] [--factors] [--names]

`--peers` is an interpreter that has some of kingfisher-secret-scanner, detect-secrets, credsweeper and
presidio-analyzer; peers it lacks are left out. Times are CPU time of one thread. `--factors` lists what each
detector's factors cost, dearest first.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

SEED = 20_260
UNITS = {
    "mix_mb_s": "MB/s",
    "mix_joined_mb_s": "MB/s",
    "message_us": "us",
    "message_joined_us": "us",
    "start_s": "s",
}
SHARES = {"code": 0.5, "chat": 0.2, "tickets": 0.3}

_CHAT = (
    "can somebody look at the {thing} build, it is red again",
    "lunch at {hour}:{minute}?",
    "thanks {name}, merged",
    "deploy of {thing} {version} went out {hour}:{minute}, no errors so far",
    "{name}: the {thing} ticket is ABC-{number}, see https://wiki.acme.test/{thing}/{number}?view={version}",
    "ok",
    "+1, let us do that after the {thing} release on 2024-0{digit}-1{digit}",
    "who owns {thing}? the p99 is at {number} ms since this morning :eyes:",
    "ping me when you are back, I am in the {thing} call until {hour}",
    "the password reset link expired, can you send the token page again?",
    "naïve question — why does {thing} need a key at all? 🙂",
    "I would rather keep the old {thing} flow and hide the new one behind a flag",
    "same here, restarting helped",
    "{name} is out today, ask {name} about {thing}",
    "the docs say you can do that from the {thing} menu, but I can not find it",
    "let us talk about this in the stand-up",
    "can you review my {thing} branch? it is only {digit} files",
    "looks good to me",
    "my mail is {name}.{thing}@acme.test if you need the invite",
    "did anybody change the {thing} settings on Friday? the graphs look odd since then",
)
_TICKET = (
    "When {name} opens the {thing} page after {hour}:{minute}, the table stays empty and the log shows error {number}.",
    "Steps: 1. sign in as an admin 2. choose {thing} 3. press export. Expected: a file. Actual: nothing happens.",
    "The customer called on +1 415 555 0{number} and asked for a refund of order {order}, invoice {number}-{digit}.",
    "Environment: {thing}-{version}, node ip-10-0-{digit}-{digit}, request id {hexa}, commit {hexa}.",
    "Reported by {name}@acme.test; the workaround is to clear the {thing} cache and to sign in again.",
    "Priority: high. Assignee: {name}. Component: {thing}. Fix version: {version}. Due: 2025-1{digit}-0{digit}.",
    "We rotated the secret of {thing} on Monday; nobody should see access denied any more.",
    "The address of the office is not in the file, see attachment {thing}_{number}.pdf for the plan.",
    "It only happens in the second window, and only when the first one was closed before the sync was done.",
    "Please attach the log of the {thing} worker and say which browser you use.",
    "As a user of {thing} I want to see who changed a record, so that I can ask that person why.",
    "Not reproducible on {thing} {version}; it may have been fixed with the last release, please check again.",
    "The import stops at row {number} because the column is empty; it should skip the row and write a warning.",
    "Acceptance: the page loads in less than {digit} seconds with {number} entries, and the filter keeps its state.",
    "This is a duplicate of ABC-{number}, which is planned for the next sprint together with the {thing} rework.",
    "After the upgrade the menu of {thing} is shown twice on small screens, see the picture.",
)
_THINGS = ("billing", "search", "gateway", "checkout", "mobile", "reports", "login", "import", "metrics", "cart")
_NAMES = ("ana", "tom", "yuki", "priya", "lars", "olu", "mei", "sam", "noor", "pavel")


def _fill(template: str, rng: random.Random) -> str:
    return template.format(
        thing=rng.choice(_THINGS),
        name=rng.choice(_NAMES),
        hour=rng.randrange(8, 19),
        minute=rng.randrange(10, 60),
        version=f"{rng.randrange(9)}.{rng.randrange(30)}.{rng.randrange(9)}",
        number=rng.randrange(100, 999),
        order=rng.randrange(10**7, 10**8),
        digit=rng.randrange(1, 9),
        hexa=f"{rng.getrandbits(160):040x}",
    )


def code(size: int) -> Iterator[str]:
    """Yield source files of the standard library, in name order, until `size` characters are out."""
    left = size
    for path in sorted(Path(sysconfig.get_paths()["stdlib"]).glob("[a-z]*/*.py")):
        if "site-packages" in path.parts or left <= 0:
            continue
        text = path.read_text(encoding="utf-8", errors="replace")[:left]
        left -= len(text)
        yield text


def chat(size: int, rng: random.Random) -> Iterator[str]:
    """Yield messages of about 60 characters."""
    while size > 0:
        text = _fill(rng.choice(_CHAT), rng)
        size -= len(text)
        yield text


def tickets(size: int, rng: random.Random) -> Iterator[str]:
    """Yield tickets of about 1,000 characters."""
    while size > 0:
        text = "\n".join(_fill(rng.choice(_TICKET), rng) for _ in range(rng.randrange(4, 16)))
        size -= len(text)
        yield text


def corpus(size: int) -> list[str]:
    """Return the mixed corpus: half code, a fifth chat, the rest tickets, about `size` characters."""
    rng = random.Random(SEED)
    return [
        *code(int(size * SHARES["code"])),
        *chat(int(size * SHARES["chat"]), rng),
        *tickets(int(size * SHARES["tickets"]), rng),
    ]


def messages(count: int) -> list[str]:
    """Return messages of exactly 200 characters."""
    rng = random.Random(SEED)
    flow = " ".join(chat(count * 210, rng)).encode("ascii", "replace").decode()
    return [flow[at : at + 200] for at in range(0, count * 200, 200)]


def cpu(work: Callable[[], object], *, rounds: int = 3) -> float:
    """Return the least CPU seconds of some rounds of `work`."""
    best = float("inf")
    for _ in range(rounds):
        begin = time.thread_time()
        work()
        best = min(best, time.thread_time() - begin)
    return best


def report(figure: str, value: float, unit: str, **more: object) -> None:
    """Print one figure."""
    print(json.dumps({"figure": figure, "value": round(value, 3), "unit": unit, **more}), flush=True)


def speed(names: Sequence[str]) -> dict[str, float]:
    """Return MB/s and µs per message of this engine, for the texts of the measure."""
    from connectors.detection import load_engine

    engine = load_engine(include=names)
    texts = corpus(OPTIONS.megabytes * 10**6)
    size = sum(len(text.encode()) for text in texts)
    small = messages(5_000)
    blob = small[:300]
    engine.scan_many(texts[-2000:])
    return {
        "mix_mb_s": size / 1e6 / cpu(lambda: [engine.scan(text) for text in texts]),
        "mix_joined_mb_s": size / 1e6 / cpu(lambda: engine.scan_many(texts)),
        "message_us": cpu(lambda: [engine.scan(text) for text in small]) / len(small) * 1e6,
        "message_joined_us": cpu(lambda: [engine.scan_many(blob) for _ in range(16)]) / 16 / len(blob) * 1e6,
    }


def literals() -> dict[str, float]:
    """Return the speed of hyperscan alone, over one literal for each factor that has one: the ceiling."""
    import hyperscan

    from connectors.detection import catalog
    from connectors.detection.patterns import literal

    words = {literal(factor) for detector in catalog.load() for factor in detector.factors} - {""}
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(
        expressions=[word.encode() for word in sorted(words)],
        ids=list(range(len(words))),
        elements=len(words),
        flags=[hyperscan.HS_FLAG_SINGLEMATCH] * len(words),
        literal=True,
    )
    scratch = hyperscan.Scratch(database)
    texts = [text.encode() for text in corpus(OPTIONS.megabytes * 10**6)]
    small = [text.encode() for text in messages(5_000)]

    def scan(items: Sequence[bytes]) -> None:
        for item in items:
            database.scan(item, lambda *_: None, 0, None, scratch)

    size = sum(map(len, texts))
    return {
        "mix_mb_s": size / 1e6 / cpu(lambda: scan(texts)),
        "message_us": cpu(lambda: scan(small)) / len(small) * 1e6,
    }


_START = """
import time; begin = time.perf_counter()
from pathlib import Path
from connectors.detection import load_engine
load_engine(cache=Path({folder!r})).scan("mail jo@acme.test about 4111 1111 1111 1111")
print(time.perf_counter() - begin)
"""


def start_up() -> float:
    """Return the wall seconds from the first import to the end of the first scan in a fresh interpreter."""
    with tempfile.TemporaryDirectory() as folder:
        run = [sys.executable, "-c", _START.format(folder=folder)]
        # as a package that pip installed, with its bytecode
        kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        kept["PYTHONPYCACHEPREFIX"] = f"{folder}/bytecode"
        done = (subprocess.run(run, capture_output=True, check=True, text=True, env=kept) for _ in range(6))
        times = [float(each.stdout) for each in done]
    return min(times[1:])


def factor_costs() -> Iterator[tuple[str, float, float]]:
    """Yield detector, hits per MB, and ns per byte of a pass over its factors alone."""
    from connectors.detection import catalog
    from connectors.detection.detector import Detector
    from connectors.detection.factors import Factor, find_with

    data = corpus(2 * 10**6)
    size = sum(map(len, data))
    detectors = [detector for detector in catalog.load() if detector.enabled]

    def cost(chosen: Sequence[Detector]) -> tuple[float, int]:
        factors = {Factor(pattern, d.ignore_case) for d in chosen for pattern in d.factors}
        finder = find_with(sorted(factors))
        hits = sum(len(finder.hits(item)) for item in data)
        return cpu(lambda: [finder.hits(item) for item in data], rounds=2), hits

    base, _ = cost([])
    for detector in detectors:
        seconds, hits = cost([detector])
        yield detector.id, hits / size * 1e6, (seconds - base) / size * 1e9


_PEERS = {
    "kingfisher": """
from kingfisher_sdk import Scanner
scanner = Scanner()
def scan(text): return scanner.scan(text.encode())
""",
    "detect-secrets": """
from detect_secrets.core.scan import scan_line
from detect_secrets.settings import default_settings
context = default_settings(); context.__enter__()
def scan(text):
    for line in text.splitlines(): list(scan_line(line))
""",
    "credsweeper": """
from credsweeper.app import CredSweeper
from credsweeper.file_handler.string_content_provider import StringContentProvider
sweeper = CredSweeper(ml_batch_size=16)
def scan(text): sweeper.file_scan(StringContentProvider(text.splitlines()))
""",
    "presidio": """
from presidio_analyzer import RecognizerRegistry, AnalyzerEngine
from presidio_analyzer.nlp_engine import NlpArtifacts
registry = RecognizerRegistry(); registry.load_predefined_recognizers(languages=["en"])
patterns = [r for r in registry.recognizers if hasattr(r, "patterns")]
empty = NlpArtifacts([], None, [], [], None, "en")
def scan(text):
    for r in patterns: r.analyze(text, r.supported_entities, empty)
""",
}
_PEER_RUN = """
import json, sys, time
begin = time.perf_counter()
{peer}
scan("hello")
start = time.perf_counter() - begin
texts, small = json.load(open({path!r}))
def cpu(items):
    begin = time.process_time()
    for item in items: scan(item)
    return time.process_time() - begin
size = sum(len(t.encode()) for t in texts)
mixed, message = size / 1e6 / cpu(texts), cpu(small) / len(small) * 1e6
print(json.dumps({{"start_s": start, "mix_mb_s": mixed, "message_us": message}}))
"""


def peers(python: str) -> Iterator[tuple[str, dict[str, float]]]:
    """Yield the figures of each peer that `python` has, over a sample of the same texts."""
    rng = random.Random(SEED)
    texts = corpus(OPTIONS.megabytes * 10**6)
    files, rest = [t for t in texts if len(t) > 5_000], [t for t in texts if len(t) <= 5_000]
    sample = [text[:20_000] for text in rng.sample(files, 6)] + rng.sample(rest, 1_200)
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump([sample, messages(300)], file)
        file.flush()
        for name, peer in _PEERS.items():
            run = [python, "-c", _PEER_RUN.format(peer=peer, path=file.name)]
            done = subprocess.run(run, capture_output=True, check=False, text=True)
            if done.returncode:
                print(json.dumps({"peer": name, "left out": done.stderr.strip().splitlines()[-1:]}), flush=True)
            else:
                yield name, json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Measure what the options ask for."""
    if OPTIONS.factors:
        for name, hits, cost in sorted(factor_costs(), key=lambda row: -row[2]):
            print(f"{name:32} {hits:10.1f} hits/MB {cost:8.3f} ns/byte")
        return
    for figure, value in speed(("person_name", "street_address") if OPTIONS.names else ()).items():
        report(f"detection.{figure}", value, UNITS[figure], backend="connectors", names=OPTIONS.names)
    report("detection.memory", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "MB, corpus included")
    report("detection.start_up", start_up(), "s")
    for figure, value in literals().items():
        report(f"detection.{figure}", value, UNITS[figure], backend="hyperscan literals")
    if OPTIONS.peers:
        for name, figures in peers(OPTIONS.peers):
            for figure, value in figures.items():
                report(f"detection.{figure}", value, UNITS[figure], backend=name)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=12)
    parser.add_argument("--peers", help="interpreter that has the peers")
    parser.add_argument("--factors", action="store_true", help="list the cost of each detector's factors")
    parser.add_argument("--names", action="store_true", help="with names and addresses")
    OPTIONS = parser.parse_args()
    main()
