"""Measure a sync of a large Slack channel, next to the bare SDK that pages through the same data. One JSON line each.

    python bench/sync.py [--messages 50000] [--threads 5000] [--kills 20] [--within 600] [--only killed]

The fake Slack runs in a process of its own and answers as fast as it can; our rate budgets, which keep to the real
Slack's limits, are switched off. `listing` reads and commits the events, `whole` is a worker process that scans them
too, `killed` is the same with the worker killed (-9) at random places of the work. A run that takes longer than
`--within` seconds ends the measurement with exit code 1, and so do findings that the kills lost or added.
`--only listing` leaves out the workers, `--only killed` the comparison with the bare SDK.
"""

import argparse
import json
import multiprocessing
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connectors.config import parse_config
from connectors.runtime import Runtime
from connectors.store import findings, jobs, ledger, syncs
from connectors.store.migrations import upgrade
from connectors.testing.fakeapps import FakeApps
from connectors.testing.fakeapps.slack import FakeSlack
from connectors.testing.planted import aws_key
from connectors.work import sync

NAME = "acme"
CONFIG = """
connections:
  {name}:
    connector: slack
    config: {{token: {token}, base_url: {url}/api/}}
    sync: {{enabled: false}}
policies:
  - {{name: credentials, detectors: [secret], min_confidence: LIKELY}}
detection: {{cache: {cache}}}
work: {{threads: 2, lease: {lease}}}
log: {{level: error}}
"""
ROUNDS = 2
CHAT = (
    "Morning! Stand-up in ten minutes, the notes are in the usual place.",
    "Release 4.2 is out and the dashboards look fine so far, thanks everybody for the quick reviews.",
    "Could somebody have a look at the flaky test on main? It fails about once in ten runs since Tuesday.",
)


def serve(messages: int, threads: int, address: Any) -> None:
    """Fill a fake Slack and serve it until the process is ended."""
    slack = FakeSlack()
    channel, user = slack.add_channel("general"), slack.add_user("Ana Reyes")
    root = ""
    for number in range(messages):
        text = CHAT[number % 3] if number % 100 else f"use {aws_key(str(number))} for now"
        every = messages // threads
        if number % every == 0:
            root = slack.write(channel, user, text)
        else:
            slack.write(channel, user, text, thread=root if number % every == 1 else "")
    apps = FakeApps(slack).start()
    address.put((apps.url("slack"), slack.token, channel))
    signal.pause()


@contextmanager
def workspace(messages: int, threads: int) -> Iterator[tuple[str, str, str]]:
    """Run the fake Slack; yield its address, token and channel."""
    context = multiprocessing.get_context("spawn")
    address: Any = context.Queue()
    process = context.Process(target=serve, args=(messages, threads, address), daemon=True)
    process.start()
    try:
        yield address.get(timeout=300)
    finally:
        process.terminate()
        process.join(10)


@dataclass(frozen=True)
class Run:
    """How many things were read, in how many seconds, of which the processor worked so many."""

    count: int
    seconds: float
    cpu: float


class Watch:
    """Takes the time of a run."""

    def __init__(self) -> None:
        self._start, self._cpu = time.perf_counter(), time.process_time()

    def stop(self, count: int) -> Run:
        return Run(count, time.perf_counter() - self._start, time.process_time() - self._cpu)


def bare(url: str, token: str, channel: str) -> Run:
    """Page through the channel and its threads by the SDK alone."""
    from slack_sdk import WebClient

    client = WebClient(token=token, base_url=f"{url}/api/")
    watch, seen, latest = Watch(), 0, None
    while True:
        page = client.conversations_history(channel=channel, limit=500, latest=latest)
        seen += len(page["messages"])
        for message in page["messages"]:
            if message.get("reply_count"):
                seen += len(client.conversations_replies(channel=channel, ts=message["ts"], limit=500)["messages"]) - 1
        if not page["has_more"]:
            return watch.stop(seen)
        latest = page["messages"][-1]["ts"]


def opened(folder: Path) -> Runtime:
    """Open the installation in a folder, without rate budgets."""
    from connectors_slack.connector import SlackConnector

    SlackConnector.budgets = {}
    return Runtime.open(parse_config((folder / "connectors.yaml").read_text(), folder=folder), folder=folder)


def prepared(folder: Path, place: tuple[str, str, str], cache: Path, *, lease: str = "5s") -> Path:
    """Make an installation that is asked for a sync; return its folder."""
    folder.mkdir()
    url, token, _ = place
    (folder / "connectors.yaml").write_text(CONFIG.format(name=NAME, url=url, token=token, cache=cache, lease=lease))
    runtime = opened(folder)
    for database in runtime.databases.all():
        upgrade(database)
    owner, now = runtime.owner(NAME), runtime.now()
    theirs = runtime.databases.of(owner.residency)
    wanted = sync.request(NAME, residency=owner.residency, tenant=owner.tenant)
    theirs.run(lambda c: jobs.enqueue(theirs, c, [wanted], vault=runtime.vault, now=now))
    runtime.close()
    return folder


def listing(folder: Path) -> Run:
    """Read and commit everything, scanning nothing."""
    from connectors.cli.run import settle
    from connectors.logs import configure
    from connectors.work.worker import HANDLERS, Worker

    sync.BACKLOG_LIMIT = 10**9
    runtime = opened(folder)
    configure(runtime.config.log)
    settle()
    worker = Worker(runtime, handlers={name: HANDLERS[name] for name in ("discover", "sync")})
    residency = runtime.owner(NAME).residency
    watch = Watch()
    while worker._run_job(residency):  # noqa: SLF001 (drain would scan as well)
        pass
    taken = watch.stop(sum(line.counts.listed for line in covered(runtime)))
    runtime.close()
    return taken


def covered(runtime: Runtime) -> list[ledger.Coverage]:
    """Return the ledger."""
    residency = runtime.owner(NAME).residency
    return runtime.databases.of(residency).read(lambda c: ledger.coverage(c, residency))


def finished(runtime: Runtime) -> bool:
    """Tell whether everything is read and scanned."""
    residency = runtime.owner(NAME).residency
    return not runtime.databases.of(residency).read(lambda c: syncs.busy(c, residency, NAME))


def found(runtime: Runtime) -> set[tuple[str, str, str]]:
    """Return what was found where."""
    residency = runtime.owner(NAME).residency
    rows = runtime.databases.of(residency).read(lambda c: findings.listed(c, residency, limit=1_000_000))
    return {(row["resource_id"], row["part"], row["detector"]) for row in rows}


def work(folder: Path) -> None:
    """Be a worker process."""
    from connectors.cli.run import settle
    from connectors.logs import configure
    from connectors.work.worker import Worker

    runtime = opened(folder)
    configure(runtime.config.log)
    settle()
    Worker(runtime).run()


def spawned(folder: Path) -> subprocess.Popen[bytes]:
    """Start a worker process."""
    return subprocess.Popen([sys.executable, __file__, "--worker", str(folder)])


def run(
    folder: Path, *, kill_at: Sequence[int] = (), steps: int = 1_000_000, within: float = 600.0
) -> tuple[float, dict[int, int], int]:
    """Let worker processes finish a sync, and kill the one at work when so much is done as each of `kill_at` says.

    Return the seconds, the resident memory in MiB by how much was scanned (a sample every `steps`, and the peak at
    the end), and the kills there were.
    """
    runtime, start, waiting = opened(folder), time.perf_counter(), sorted(kill_at, reverse=True)
    killed = 0
    curve: dict[int, int] = {}
    peak = 0
    process = spawned(folder)
    try:
        while not finished(runtime):
            if time.perf_counter() - start > within:
                raise SystemExit(f"not done within {within:g} s, {len(waiting)} kills were left")
            counts = [line.counts for line in covered(runtime)]
            scanned = sum(one.scanned for one in counts)
            peak = max(peak, memory(process.pid, "VmHWM"))
            if scanned >= (len(curve) + 1) * steps:
                curve[scanned] = memory(process.pid, "VmRSS")
            done = scanned + sum(one.listed for one in counts)
            if waiting and done >= waiting[-1]:
                process.kill()
                process.wait()
                killed += 1
                waiting.pop()
                print(f"kill {killed} of {len(kill_at)} at {done:,} of the work", file=sys.stderr, flush=True)
            if process.poll() is not None:
                process = spawned(folder)
            time.sleep(0.02 if waiting else 0.1)
        curve[sum(line.counts.scanned for line in covered(runtime))] = peak
        return time.perf_counter() - start, curve, killed
    finally:
        process.kill()
        process.wait()
        runtime.close()


def memory(pid: int, which: str) -> int:
    """Return the resident memory of a process in MiB: now (`VmRSS`), or at its highest (`VmHWM`)."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return max((int(line.split()[1]) // 1024 for line in lines if line.startswith(which)), default=0)


def report(figure: str, value: float, unit: str, **more: object) -> None:
    """Print one figure."""
    rounded = {name: round(one, 3) if isinstance(one, float) else one for name, one in more.items()}
    print(json.dumps({"figure": figure, "value": round(value, 3), "unit": unit, **rounded}), flush=True)


def compare(folder: Path, place: tuple[str, str, str], cache: Path) -> None:
    """Measure our listing next to the bare SDK."""
    # In turns, the best of each: other work on the machine hits both.
    turns = [(bare(*place), listing(prepared(folder / f"listing{n}", place, cache))) for n in range(ROUNDS)]
    alone = min((turn[0] for turn in turns), key=lambda one: one.seconds)
    ours = min((turn[1] for turn in turns), key=lambda one: one.seconds)
    report("sync.bare_sdk", alone.count / alone.seconds, "messages/s", messages=alone.count, cpu_s=alone.cpu)
    report("sync.listing", ours.count / ours.seconds, "events/s", listed=ours.count, cpu_s=ours.cpu)
    least = [min(turn[side].cpu for turn in turns) for side in (0, 1)]
    report("sync.listing_ratio", alone.seconds / ours.seconds, "x", wanted=0.7, cpu_ratio=least[0] / least[1])


def survive(
    folder: Path, place: tuple[str, str, str], cache: Path, *, messages: int, kills: int, within: float
) -> bool:
    """Measure whole syncs, one in peace and one that is killed; tell whether both found the same."""
    whole = prepared(folder / "whole", place, cache)
    took, curve, _ = run(whole, steps=max(messages // 5, 1), within=within)
    report("sync.whole", messages / took, "messages/s", peak_mib=max(curve.values()), wanted_mib=300)
    report("sync.memory", curve[max(curve)] - curve[min(curve)], "MiB more at the end",
           mib={f"{scanned}": mib for scanned, mib in sorted(curve.items())})  # fmt: skip
    # Whoever takes over waits for the lease of the dead first.
    killed = prepared(folder / "killed", place, cache, lease="2s")
    places = sorted(random.sample(range(2 * messages), min(kills, messages)))
    again, curve, times = run(killed, kill_at=places, within=within)
    runtimes = opened(whole), opened(killed)
    expected, kept = (found(runtime) for runtime in runtimes)
    lines = [line for runtime in runtimes for line in covered(runtime)]
    report("sync.killed", again, "s", kills=times, peak_mib=max(curve.values()))
    report("sync.killed_lost", len(expected - kept), "findings", of=len(expected), more=len(kept - expected),
           ledger_adds_up=all(line.holds for line in lines))  # fmt: skip
    return expected == kept and all(line.holds for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=50_000)
    parser.add_argument("--threads", type=int, help="a tenth of the messages by default")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--within", type=float, default=600.0, help="seconds that one run of a worker may take")
    parser.add_argument("--only", choices=("listing", "killed"), help="measure only this")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        work(given.worker)
        return
    threads = min(given.threads or max(given.messages // 10, 1), given.messages)
    with tempfile.TemporaryDirectory() as name, workspace(given.messages, threads) as place:
        folder, same = Path(name), True
        if given.only != "killed":
            compare(folder, place, folder / "detection")
        if given.only != "listing":
            same = survive(folder, place, folder / "detection",
                           messages=given.messages, kills=given.kills, within=given.within)  # fmt: skip
    if not same:
        raise SystemExit("the killed sync did not find what the other one found")


if __name__ == "__main__":
    main()
