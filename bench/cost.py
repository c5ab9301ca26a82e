"""Measure what a million events cost: CPU seconds of gateway, worker and database, and writes of the database.

    python bench/cost.py [--events 6000] [--rate 250]

The events come by HTTP at a rate that lets everybody breathe; one in ten holds a key. The figures are per million
events. One JSON line.
"""

import argparse
import json
import time
from typing import Any

import sqlalchemy as sa
from gateway import machine
from house import cpu_of_postgres, flood, house, text_of
from postgres import postgres

from connectors.runtime import Runtime

WRITES = sa.text(
    "SELECT xact_commit, tup_inserted, tup_updated, tup_deleted, pg_current_wal_lsn() - '0/0'::pg_lsn AS wal "
    "FROM pg_stat_database WHERE datname = current_database()"
)


def written(runtime: Runtime) -> dict[str, int]:
    """Return what the database has counted up to now."""
    found = runtime.databases.of("default").read(lambda c: c.execute(WRITES).mappings().one())
    return {name: int(value) for name, value in found.items()}


def measure(url: str, *, events: int, rate: float) -> dict[str, Any]:
    """Send events, wait until they are processed, and read the counters before and after."""
    with house(url) as home:
        home.start("serve", "worker")
        flood(home.port, [text_of(number) for number in range(200)], rate=100, clients=4)
        while home.processed() < 200:
            time.sleep(0.2)
        time.sleep(1.5)  # PostgreSQL's counters arrive late
        before, cpu, database = written(home.runtime), home.cpu(), cpu_of_postgres()
        flood(home.port, [text_of(number) for number in range(200, 200 + events)], rate=rate, clients=16)
        while home.processed() < 200 + events:
            time.sleep(0.5)
        time.sleep(1.5)
        after, spent, last = written(home.runtime), home.cpu(), cpu_of_postgres()
    million = 1e6 / events
    figure = {f"{name.split('-')[0]}_cpu_seconds": round((spent[name] - cpu[name]) * million) for name in spent}
    figure["database_cpu_seconds"] = round((last - database) * million)
    writes = {name: round((after[name] - before[name]) * million) for name in after}
    wal = writes.pop("wal")
    return {**figure, "rows_written": sum(v for k, v in writes.items() if k.startswith("tup")), **writes,
            "wal_gb": round(wal / 1e9, 2)}  # fmt: skip


def main() -> None:
    """Print the figure."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--events", type=int, default=6000)
    options.add_argument("--rate", type=float, default=250.0)
    chosen = options.parse_args()
    with postgres() as url:
        if url is None:
            print(json.dumps({"figure": "cost per million events", "skipped": "no PostgreSQL here"}))
            return
        found = measure(url, events=chosen.events, rate=chosen.rate)
    print(json.dumps({"figure": "cost per million events", **found, "machine": machine()}), flush=True)


if __name__ == "__main__":
    main()
