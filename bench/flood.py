"""Measure a flood of webhooks: all accepted, how fast each, and how long the backlog takes to drain.

    python bench/flood.py [--events 50000] [--seconds 60] [--database postgresql]

Gateway and worker are processes of their own. The time of an answer counts from when its request was due, not from
when it could be sent. One JSON line.
"""

import argparse
import json
import statistics
import threading
import time
from typing import Any

from gateway import machine
from house import EVERY, House, flood, house, text_of
from postgres import postgres

from connectors.store.tables.findings import finding
from connectors.work.stream import backlog


def watch(home: House, stop: threading.Event, peak: list[int]) -> None:
    """Keep the largest backlog that was seen."""
    while not stop.wait(0.5):
        peak[0] = max(peak[0], backlog(home.runtime, "default").events)


def measure(url: str, *, events: int, seconds: float, workers: int, clients: int) -> dict[str, Any]:
    """Flood one gateway while the workers work; wait until everything is processed."""
    with house(url, nice=10) as home:  # as a worker that shares its cores with a gateway should run
        home.start("serve", *["worker"] * workers)
        flood(home.port, [text_of(number) for number in range(200)], rate=200, clients=8)
        bodies = [text_of(number) for number in range(200, 200 + events)]
        started = home.cpu()
        stop, peak = threading.Event(), [0]
        watcher = threading.Thread(target=watch, args=(home, stop, peak))
        watcher.start()
        began = time.perf_counter()
        answers = flood(home.port, bodies, rate=events / seconds, clients=clients)
        accepted_in = time.perf_counter() - began
        while home.processed() < events + 200 and time.perf_counter() - began < accepted_in + 900:
            time.sleep(0.2)
        drained = time.perf_counter() - began - accepted_in
        stop.set()
        watcher.join()
        lost = events + 200 - home.processed()
        found, ended = home.count(finding), home.stop()
    cuts = statistics.quantiles(answers.seconds, n=100)
    return {
        "sent": events,
        "accepted": len(answers.seconds),
        "refused_at_first": len(answers.refused),
        "wanted_per_second": round(events / seconds),
        "accepted_per_second": round(events / accepted_in),
        "p50_ms": round(cuts[49] * 1000, 2),
        "p99_ms": round(cuts[98] * 1000, 2),
        "max_ms": round(max(answers.seconds) * 1000, 2),
        "backlog_peak": peak[0],
        "drained_after_seconds": round(drained, 1),
        "not_processed": lost,
        "findings": found,
        "expected": len(range(0, events + 200, EVERY)),
        "cpu_ms_per_event": {name: round(1000 * (ended[name] - started[name]) / events, 3) for name in ended},
    }


def main() -> None:
    """Print the figure."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--events", type=int, default=50_000)
    options.add_argument("--seconds", type=float, default=60.0)
    options.add_argument("--workers", type=int, default=1)
    options.add_argument("--clients", type=int, default=64)
    options.add_argument("--database", nargs="+", default=["postgresql"], choices=("postgresql", "sqlite"))
    chosen = options.parse_args()
    with postgres() as url:
        for name in chosen.database:
            if name == "postgresql" and url is None:
                print(json.dumps({"figure": "flood, postgresql", "skipped": "no PostgreSQL here"}))
                continue
            found = measure(
                (url or "") if name == "postgresql" else "",
                events=chosen.events,
                seconds=chosen.seconds,
                workers=chosen.workers,
                clients=chosen.clients,
            )
            print(json.dumps({"figure": f"flood, {name}", **found, "machine": machine()}), flush=True)


if __name__ == "__main__":
    main()
