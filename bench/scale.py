"""Measure how events per second grow with worker processes, on PostgreSQL and on Kafka.

    python bench/scale.py [--events 8000] [--processes 1 2 4]

The events are prepared beforehand and put in at once when every worker is up. Efficiency is the speed of N processes
over N times that of one; beyond the machine's cores it cannot be 1. One JSON line per figure.
"""

import argparse
import json
import os
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from gateway import machine
from house import House, house, kafka, text_of
from postgres import postgres
from worker import receive

from connectors.runtime import Runtime
from connectors.store import inbox
from connectors.store.inbox import Arrival, Prepared, prepare
from connectors.store.tables.intake import inbox as inbox_table
from connectors.work.context import Connections

CHUNK = 500
WARM = 40
KAFKA = (
    "stream: {{kind: kafka, brokers: '{brokers}', partitions: 16, replication: 1, "
    "options: {{consumer.session.timeout.ms: '6000'}}}}"
)


def arrivals(runtime: Runtime, numbers: range) -> list[list[Prepared]]:
    """Return deliveries as rows, in chunks of one transaction."""
    connector: Any = Connections(runtime).get("acme")
    shards = runtime.databases.of("default").shards
    made = []
    for number in numbers:
        receipt = receive(connector, text_of(number))
        arrival = Arrival("default", "default", "acme", receipt.delivery_id, datetime.now(UTC), receipt.events)
        made.append(prepare(arrival, vault=runtime.vault, shards=shards))
    return [made[start : start + CHUNK] for start in range(0, len(made), CHUNK)]


def put(runtime: Runtime, chunks: list[list[Prepared]]) -> None:
    """Bring deliveries in, as the gateway does, but let the workers have their events only when all are there."""
    database, publisher = runtime.databases.of("default"), runtime.publisher
    every = [row for chunk in chunks for arrival in chunk for row in arrival.events]
    for row in every:
        row["due_at"] += timedelta(hours=1)
    elsewhere = {row["id"] for row in every} if publisher else set()
    for chunk in chunks:
        database.run(lambda c, a=chunk: inbox.accept(database, c, a, now=datetime.now(UTC), published=elsewhere))
    if publisher:
        for start in range(0, len(every), CHUNK):
            publisher.publish("default", every[start : start + CHUNK])
    else:
        database.run(lambda c: c.execute(sa.update(inbox_table).values(due_at=datetime.now(UTC))))


def until(home: House, wanted: int, *, within: float = 300) -> list[tuple[float, int]]:
    """Watch until `wanted` are processed; return (time, processed) as seen."""
    seen = [(time.perf_counter(), home.processed())]
    deadline = time.monotonic() + within
    while seen[-1][1] < wanted:
        if time.monotonic() > deadline:
            raise RuntimeError(f"only {seen[-1][1]} of {wanted} events were processed in {within} s")
        time.sleep(0.1)
        seen.append((time.perf_counter(), home.processed()))
    return seen


def speed(seen: list[tuple[float, int]]) -> float:
    """Return events per second between a tenth and all of them: what starts and ends is not steady."""
    first, last = seen[0][1], seen[-1][1]
    begin = next(point for point in seen if point[1] >= first + (last - first) / 10)
    end = next(point for point in seen if point[1] >= last)
    return (end[1] - begin[1]) / max(end[0] - begin[0], 0.001)


def measure(url: str, processes: int, events: int, stream: str) -> dict[str, float]:
    """Measure so many worker processes."""
    with house(url, stream=stream) as home:
        home.start(*["worker"] * processes)
        warm = arrivals(home.runtime, range(WARM * processes))
        put(home.runtime, warm)
        until(home, WARM * processes)
        time.sleep(8 if stream else 3)  # the last process has joined
        spent = sum(home.cpu().values())
        made = arrivals(home.runtime, range(WARM * processes, WARM * processes + events))
        put(home.runtime, made)
        seen = until(home, WARM * processes + events)
        spent = sum(home.cpu().values()) - spent
    return {"events_per_second": round(speed(seen)), "cpu_ms_per_event": round(1000 * spent / events, 3)}


def main() -> None:
    """Print the figures."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--events", type=int, default=8000)
    options.add_argument("--processes", type=int, nargs="+", default=[1, 2, 4])
    options.add_argument("--streams", nargs="+", default=["sql", "kafka"])
    chosen = options.parse_args()
    with postgres() as url, kafka() as brokers:
        for kind in chosen.streams:
            name = "PostgreSQL" if kind == "sql" else "Kafka and PostgreSQL"
            if url is None or (kind == "kafka" and brokers is None):
                print(json.dumps({"figure": f"scale, {name}", "skipped": "no server here"}))
                continue
            one: float | None = None
            for count in chosen.processes:
                topic = f", topic: bench-{os.getpid()}-{count}, group: bench-{count}"
                stream = KAFKA.format(brokers=brokers).replace(", partitions", f"{topic}, partitions")
                found = measure(url, count, chosen.events, stream if kind == "kafka" else "")
                one = one or found["events_per_second"] / count
                figure = {"figure": f"scale, {name}, {count} workers", **found}
                efficiency = round(found["events_per_second"] / (count * one), 2)
                print(json.dumps({**figure, "efficiency": efficiency, "machine": machine()}), flush=True)


if __name__ == "__main__":
    main()
