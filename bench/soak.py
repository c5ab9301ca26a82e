"""Run at half load for a long time and tell whether memory, connections and files stay flat.

    python bench/soak.py [--minutes 30] [--rate 0] [--every 15]

Without a rate, one is found first: half of what one gateway and one worker process together. Prints a JSON line per
sample and one with the verdict: flat when the line through the second half of the samples, drawn on for an hour,
stays within a tenth of the mean.
"""

import argparse
import json
import statistics
import sys
import threading
import time
from typing import Any

import sqlalchemy as sa
from gateway import machine
from house import House, flood, house, open_files, resident, text_of
from postgres import postgres

from connectors.work.stream import backlog

TABLES = ("inbox", "delivery", "resource", "finding", "ledger", "job")
SIZES = sa.text(
    "SELECT relname, pg_total_relation_size(oid) FROM pg_class WHERE relkind = 'r' AND relname = ANY(:names)"
)
CONNECTED = sa.text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
TOLERANCE = 0.1
PROBE = 20
"""Seconds of full load that the rate is taken from."""


def half(url: str) -> float:
    """Return half of the events per second that come in and are processed, while both share the machine."""
    with house(url) as home:
        home.start("serve", "worker")
        flood(home.port, [text_of(number) for number in range(100)], rate=100, clients=4)
        began, before = time.perf_counter(), home.processed()
        sender = threading.Thread(
            target=flood,
            args=(home.port, [text_of(number) for number in range(100, 100 + PROBE * 600)]),
            kwargs={"rate": 600.0, "clients": 32},
            daemon=True,
        )
        sender.start()
        time.sleep(PROBE)
        rate = (home.processed() - before) / (time.perf_counter() - began) / 2
        sender.join(120)
    return max(rate, 10.0)


def sample(home: House, began: float) -> dict[str, Any]:
    """Look at everything that must not grow, and at the tables, which may."""
    pids = {name: process.pid for name, process in home.processes.items()}

    def read(c: sa.Connection) -> tuple[int, dict[str, int]]:
        if c.dialect.name == "sqlite":
            return 0, {}
        sizes = {row[0]: int(row[1]) // 1024 for row in c.execute(SIZES, {"names": list(TABLES)})}
        return int(c.execute(CONNECTED).scalar_one()), sizes

    connections, sizes = home.runtime.databases.of("default").read(read)
    return {
        "minute": round((time.perf_counter() - began) / 60, 2),
        "rss_mb": {name: resident(pid) // 1024 for name, pid in pids.items()},
        "files": {name: open_files(pid) for name, pid in pids.items()},
        "connections": connections,
        "waiting": backlog(home.runtime, "default").events,
        "tables_kb": sizes,
    }


def slope(points: list[tuple[float, float]]) -> float:
    """Return the growth per hour of (minute, value) as a part of the mean."""
    mean = statistics.fmean(value for _, value in points)
    if len(points) < 3 or mean == 0:
        return 0.0
    return statistics.linear_regression(*zip(*points, strict=True)).slope * 60 / mean


def verdict(samples: list[dict[str, Any]]) -> dict[str, Any]:
    """Judge the second half of a run: what starts may grow."""
    late = samples[len(samples) // 2 :]
    growth = {}
    for kind in ("rss_mb", "files"):
        for name in late[0][kind]:
            growth[f"{kind} {name}"] = slope([(each["minute"], each[kind][name]) for each in late])
    growth["connections"] = slope([(each["minute"], each["connections"]) for each in late])
    flat = all(value < TOLERANCE for value in growth.values())
    return {
        "growth_per_hour": {name: round(value, 3) for name, value in growth.items()},
        "waiting_at_end": samples[-1]["waiting"],
        "flat": flat,
    }


def measure(url: str, *, minutes: float, rate: float, every: float) -> dict[str, Any]:
    """Load at a steady rate and look now and then."""
    with house(url) as home:
        home.start("serve", "worker")
        done = threading.Event()
        samples: list[dict[str, Any]] = []
        began = time.perf_counter()
        number, refused = 0, 0

        def load() -> None:
            nonlocal number, refused
            step = max(int(rate * 10), 1)
            while not done.is_set():
                bodies = [text_of(each) for each in range(number, number + step)]
                refused += len(flood(home.port, bodies, rate=rate, clients=8).refused)
                number += step

        sender = threading.Thread(target=load)
        sender.start()
        while time.perf_counter() - began < minutes * 60:
            time.sleep(every)
            samples.append(sample(home, began))
            print(json.dumps({"figure": "soak, sample", **samples[-1]}), flush=True)
        done.set()
        sender.join()
        deadline = time.monotonic() + 120
        while home.processed() < number and time.monotonic() < deadline:
            time.sleep(0.5)
        lost = number - home.processed()
    return {
        "minutes": minutes, "events_per_second": round(rate), "events": number, "refused_at_first": refused,
        "not_processed": lost, **verdict(samples),
    }  # fmt: skip


def main() -> int:
    """Print samples and verdict; return 1 when something grew."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--minutes", type=float, default=30.0)
    options.add_argument("--rate", type=float, default=0.0)
    options.add_argument("--every", type=float, default=15.0)
    chosen = options.parse_args()
    with postgres() as url:
        if url is None:
            print(json.dumps({"figure": "soak", "skipped": "no PostgreSQL here"}))
            return 0
        rate = chosen.rate or half(url)
        found = measure(url, minutes=chosen.minutes, rate=rate, every=chosen.every)
    print(json.dumps({"figure": "soak", **found, "machine": machine()}), flush=True)
    return 0 if found["flat"] and not found["not_processed"] else 1


if __name__ == "__main__":
    sys.exit(main())
