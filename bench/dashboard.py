"""How fast the dashboard answers with a million findings while findings are being written: one JSON line per figure.

    python bench/dashboard.py [--database sqlite] [--database postgresql] [--findings 1000000] [--seconds 20]

Prints, per page, p50 and p95 through the whole stack (sign-in, SQL, HTML), the processor time of one request, the
plans of its statements, and whether any of them reads a whole table. The baseline is the same page without the
writer. Overview and list are measured; of every other page, and of a search by every field, the plans are looked at.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from postgres import postgres
from starlette.testclient import TestClient

from connectors.config import parse_config
from connectors.dashboard import routes
from connectors.dashboard.secrets import hash_password
from connectors.gateway.app import create_app
from connectors.runtime import Runtime
from connectors.store import tallies
from connectors.store.columns import UtcDateTime
from connectors.store.dashboard import users
from connectors.store.dashboard.users import User
from connectors.store.engine import Database
from connectors.store.lifecycle import change
from connectors.store.tables import metadata
from connectors.store.tables.findings import finding, finding_change

PASSWORD = "a bench of the dashboard"
BIG = (
    "finding", "finding_change", "audit", "alert", "receipt", "inbox", "delivery", "resource", "gap", "action_run",
    "bulk_item", "suppression", "tally",
)  # fmt: skip
"""Tables that grow with what is read, found and done. The ledger is none: a sum over it reads a line per partition."""
PAGES = {
    "overview": "/",
    "overview, 90 days": "/?days=90",
    "list": "/findings",
    "list, open": "/findings?q=state:open",
    "list, worst first": "/findings?q=state:open,acknowledged&sort=severity",
    "list, one detector": "/findings?q=detector:detector_7+state:open",
    "list, one container": "/findings?q=container:%23room-123",
    "list, one connection": "/findings?q=connection:c3+severity:%3E%3Dhigh",
    "list, one author": "/findings?q=author:U17",
    "list, rare visibility": "/findings?q=visibility:public",
    "list, last week": "/findings?q=first_seen:%3C7d&sort=first",
}

OTHERS = {
    "coverage": "/coverage",
    "coverage, one connection": "/coverage?connection=c1",
    "coverage, one partition": "/coverage?connection=c1&partition=p6",
    "connections": "/connections",
    "connection": "/connections/c1",
    "policies": "/policies",
    "runs": "/bulk",
    "audit": "/audit",
    "users": "/users",
    "account": "/account",
    "list, new ones": "/findings/new?q=state:open&since={now}",
    "finding": "/findings/{id}",
}
"""Pages whose plans are looked at, and which are asked for once."""

SEARCHES = (
    "id:{id}", "state:ignored", "severity:low", "severity:>=high", "confidence:unlikely", "detector:detector_7",
    "detector:detector*", "-detector:detector_7", "family:family", "app:app1", "connection:c1", "container:%23room-7",
    "container:%23room*", "kind:message", "resource:r17", "violation:{id}", "author:U17", "visibility:external",
    "validity:active", "fingerprint:f17", "count:>3", "first_seen:<2d", "last_seen:2020-01-01", "resolved_at:<7d",
    "nothing", "detector:detector_7 connection:c1 severity:low",
)  # fmt: skip
"""A search by every field, the rare and the common."""

CONFIG = "database: {{url: '{url}'}}\nconnections:\n" + "".join(
    f"  c{number}: {{{{connector: slack, config: {{{{token: none, webhook_secret: none}}}}}}}}\n" for number in range(5)
)

FILL = """
INSERT INTO finding (residency, id, tenant, connection, app, resource_key, resource_id, resource_kind, container,
  container_name, label, url, author_id, author, author_email, visibility, part, detector, family, confidence, severity,
  policies, fingerprint, preview, places, count, state, revision, version, note, first_seen, last_seen, resolved_at,
  updated_at, expires_at{extra_columns})
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {count} - 1)
SELECT 'default', {id}, 'default', 'c' || (i % 5), 'app' || (i % 5), {id}, 'r' || i, 'message',
  '#room-' || (i * 7 % 3000), '#room-' || (i * 7 % 3000), 'message in a room', '',
  'U' || (i % 997), 'U' || (i % 997), '',
  CASE i % 100 WHEN 0 THEN 'public' WHEN 1 THEN 'external' ELSE 'internal' END, 'body', 'detector_' || (i * 13 % 400),
  'family', 4, 1 + i * 3 % 5, {json}, 'f' || (i % 700000), '****', {json}, 1,
  CASE WHEN i % 4 = 0 THEN 'open' WHEN i % 40 = 1 THEN 'acknowledged' ELSE 'resolved' END, 1, 1, '',
  {day}, {day}, NULL, {day}, NULL{extra_values} FROM n
"""

DIMENSIONS = {
    "severity": "CAST(severity AS VARCHAR)", "detector": "detector", "container": "container_name",
    "exposed": "container_name",
}  # fmt: skip


def fill(database: Database, count: int) -> None:
    """Write the findings, spread over a year, and their counters."""
    lite = database.dialect == "sqlite"
    identity = "lower(hex(randomblob(16)))" if lite else "gen_random_uuid()"
    seconds = f"(i * 86400.0 * 365 / {count})"
    day = (
        f"datetime('now', '-' || {seconds} || ' seconds') || '.000000'" if lite
        else f"now() - {seconds} * interval '1 second'"
    )  # fmt: skip
    known = {column.name for column in finding.c}
    wanted = FILL.split("(", 1)[1].split("{extra", 1)[0].replace("\n", " ").replace(" ", "").split(",")
    extra = [column for column in finding.c if column.name in known - set(wanted) and not column.nullable]
    values = "".join(", ''" if isinstance(column.type, sa.String) else ", 0" for column in extra)
    statement = FILL.format(
        count=count, id=identity, json="'[]'" if lite else "'[]'::jsonb", day=day,
        extra_columns="".join(f", {column.name}" for column in extra), extra_values=values,
    )  # fmt: skip
    # Random keys into many indexes at once would take minutes: they are made afterwards.
    for index in finding.indexes:
        index.drop(database.engine)
    database.run(lambda c: c.exec_driver_sql(statement.replace("%", "%%") if not lite else statement))
    for index in finding.indexes:
        index.create(database.engine)
    date = "substr(first_seen, 1, 10)" if lite else "to_char(first_seen, 'YYYY-MM-DD')"
    living = "SUM(CASE WHEN state IN ('open', 'acknowledged') THEN 1 ELSE 0 END)"
    for dimension, value in DIMENSIONS.items():
        only = "WHERE visibility IN ('external', 'link', 'public')" if dimension == "exposed" else ""
        for when, alive in ((date, "0"), ("''", living)):
            group = f"connection, {value}" + (f", {when}" if when == date else "")
            counted = f"""INSERT INTO tally (residency, id, tenant, connection, day, dimension, value, shard, found,
                closed, living, seconds) SELECT 'default', {identity}, 'default', connection, {when}, '{dimension}',
                {value}, 0, COUNT(*), 0, {alive}, 0 FROM finding {only} GROUP BY {group}"""
            database.run(lambda c, counted=counted: c.exec_driver_sql(counted))
    fill_beside(database, count)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE" if not lite else "ANALYZE")


def fill_beside(database: Database, count: int) -> None:
    """Write what stands beside the findings, so that plans are those of a big installation."""
    few, partition = max(count // 500, 10), "'p' || (i / 5)"
    state = "CASE WHEN i % 9999 = 7 THEN '{}' ELSE '{}' END"
    many(database, "sync_partition", few, partition=partition, label=partition, state="'done'", generation="1")
    many(database, "ledger", few, partition=partition, generation="1", listed="9", scanned="9")
    many(database, "gap", count // 10, partition=f"'p' || (i / 5 % {few})", outcome="'skipped'", reason="'excluded'")
    many(database, "delivery", count // 4, state=state.format("failed", "accepted"))
    many(database, "inbox", count // 4, state=state.format("dead", "done"), source="'sync'", kind="'changed'")
    many(database, "audit", count // 10, detail="'{}'", subject="'finding:' || i", act="'state'")
    many(database, "finding_change", count // 4, actor="'system'", revision="1", after="'open'")
    many(database, "alert", count // 10, state="'delivered'")
    many(database, "receipt", count // 10, result="'delivered'")
    many(database, "action_run", count // 20, state="'done'")
    many(database, "suppression", count // 100, fingerprint="'f' || i", verdict="'confirmed'")
    many(database, "resource", count // 2, partition=partition)


def many(database: Database, name: str, count: int, **given: str) -> None:
    """Write rows into a table: SQL expressions over `i` for the columns that matter, something for the others."""
    lite, table = database.dialect == "sqlite", metadata.tables[name]
    moment = (
        "datetime('2026-01-01', '-' || i || ' seconds') || '.000000'" if lite else "now() - i * interval '1 second'"
    )
    identity = "lower(hex(randomblob(16)))" if lite else "gen_random_uuid()"
    of_kind = {
        sa.Uuid: identity, sa.String: "''", sa.Boolean: "false", sa.Integer: "0", sa.Float: "0", sa.LargeBinary: "''",
        UtcDateTime: moment, sa.JSON: "'[]'",
    }  # fmt: skip
    given = {"residency": "'default'", "tenant": "'default'", "connection": "'c' || (i % 5)", **given}

    def value(column: sa.Column[Any]) -> str:
        return given.get(column.name) or next(said for kind, said in of_kind.items() if isinstance(column.type, kind))

    values = {column.name: value(column) for column in table.c if column.name in given or not column.nullable}
    statement = f"""INSERT INTO {name} ({", ".join(f'"{each}"' for each in values)})
        WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {count} - 1)
        SELECT {", ".join(values.values())} FROM n"""
    database.run(lambda c: c.exec_driver_sql(statement if lite else statement.replace("%", "%%")))


@contextmanager
def writing(database: Database, rate: int) -> Iterator[dict[str, int]]:
    """Write findings, their history and their counters, `rate` each second, beside what is measured."""
    stop, written = threading.Event(), {"findings": 0}
    model = database.read(lambda c: c.execute(sa.select(finding).limit(1)).one()._asdict())

    def work() -> None:
        for tick in itertools.count(1):
            started = time.monotonic()
            now = datetime.now(UTC)
            rows = [
                {**model, "id": uuid.uuid4(), "resource_key": uuid.uuid4(), "state": "open", "first_seen": now,
                 "last_seen": now, "updated_at": now, "detector": f"detector_{tick * number % 400}"}
                for number in range(rate // 10)
            ]  # fmt: skip

            def write(c: sa.Connection, rows: list[dict[str, Any]] = rows, now: datetime = now) -> None:
                c.execute(sa.insert(finding), rows)
                c.execute(sa.insert(finding_change), [change(row, "", "open", now=now) for row in rows])
                tallies.count(database, c, "default", [(None, row) for row in rows], now)

            database.run(write)
            written["findings"] += len(rows)
            if stop.wait(max(0.0, 0.1 - (time.monotonic() - started))):
                return

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield written
    finally:
        stop.set()
        thread.join(10)


Taken = dict[str, list[tuple[float, float]]]
"""Per page, the milliseconds and the processor milliseconds of each request."""


def measure(client: TestClient, seconds: float) -> Taken:
    """Ask for every page in turn for some seconds."""
    took: Taken = {name: [] for name in PAGES}
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for name, path in PAGES.items():
            started, worked = time.perf_counter(), time.process_time()
            answer = client.get(path)
            took[name].append(((time.perf_counter() - started) * 1000, (time.process_time() - worked) * 1000))
            assert answer.status_code == 200, (path, answer.status_code)
    return took


def plans(database: Database, client: TestClient, pages: Mapping[str, str]) -> dict[str, list[str]]:
    """Return, per page, the plan lines that touch tables which grow."""
    found: dict[str, list[str]] = {}
    statements: list[tuple[str, Any]] = []

    def keep(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.lstrip().upper().startswith("SELECT"):
            statements.append((statement, parameters))

    engine = database._reader  # noqa: SLF001 (the statements of the pages)
    prefix = "EXPLAIN QUERY PLAN " if database.dialect == "sqlite" else "EXPLAIN "
    for name, path in pages.items():
        statements.clear()
        sa.event.listen(engine, "before_cursor_execute", keep)
        answer = client.get(path)
        assert answer.status_code == 200, (path, answer.status_code)
        sa.event.remove(engine, "before_cursor_execute", keep)
        lines: list[str] = []
        for statement, parameters in statements:
            with engine.connect() as connection:
                rows = connection.exec_driver_sql(prefix + statement, parameters).all()
            lines.extend(str(row[-1]).strip() for row in rows if any(table in str(row[-1]) for table in BIG))
        found[name] = list(dict.fromkeys(line for line in lines if "SCAN" in line.upper() or "SEARCH" in line.upper()))
    return found


def full_scans(lines: list[str]) -> list[str]:
    """Return the plan lines that read a whole table that grows."""
    return [
        line for line in lines
        if ("Seq Scan on" in line or (line.startswith("SCAN") and "USING" not in line)) and any(t in line for t in BIG)
    ]  # fmt: skip


def main(argv: Sequence[str] | None = None) -> None:
    """Measure on each database."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--findings", type=int, default=1_000_000)
    parser.add_argument("--database", action="append", choices=("sqlite", "postgresql"))
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rate", type=int, default=200)
    asked = parser.parse_args(argv)
    for kind in asked.database or ("sqlite", "postgresql"):
        with tempfile.TemporaryDirectory() as folder:
            if kind == "sqlite":
                run(asked, f"sqlite:///{folder}/bench.db", Path(folder))
                continue
            with postgres() as url:
                if url is None:
                    say(figure="dashboard", database=kind, skipped="there is no PostgreSQL to be had")
                else:
                    run(asked, url, Path(folder))


def run(asked: argparse.Namespace, url: str, folder: Path) -> None:
    """Fill, measure with and without the writer, print."""
    runtime = Runtime.open(parse_config(CONFIG.format(url=url)), folder=folder)
    database = runtime.databases.of("default")
    metadata.create_all(database.engine)
    runtime.vault.sign("bench", b"")  # its keys are made while the database is still empty
    started = time.monotonic()
    fill(database, asked.findings)
    say(figure="fill", database=database.dialect, findings=asked.findings, seconds=round(time.monotonic() - started))
    made = User(users.user_id("default", "bench"), "bench", "admin", hash_password(PASSWORD))
    database.run(lambda c: users.put(database, c, "default", made, now=runtime.now() - timedelta(days=1)))
    with TestClient(create_app(runtime, routes=routes(runtime)), base_url="http://testserver") as client:
        client.post("/signin", data={"name": "bench", "password": PASSWORD})
        one = str(database.read(lambda c: c.execute(sa.select(finding.c.id).limit(1)).scalar_one()))
        words = {"id": one, "now": (datetime.now(UTC) - timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ")}
        others = {name: path.format(**words) for name, path in OTHERS.items()}
        searches = {f"list, {each}": f"/findings?q={each.format(**words)}" for each in SEARCHES}
        for name, lines in plans(database, client, {**PAGES, **others, **searches}).items():
            say(figure="plan", database=database.dialect, page=name, full_scans=full_scans(lines), plan=lines)
        measure(client, 1)
        quiet = measure(client, asked.seconds / 2)
        with writing(database, asked.rate) as written:
            started = time.monotonic()
            busy = measure(client, asked.seconds)
            rate = written["findings"] / (time.monotonic() - started)
    for name in PAGES:
        say(
            figure="page", database=database.dialect, page=name, requests=len(busy[name]),
            p50_ms=percentile(busy[name], 0.5), p95_ms=percentile(busy[name], 0.95),
            without_writer_p95_ms=percentile(quiet[name], 0.95),
            cpu_ms=round(statistics.median(cpu for _, cpu in quiet[name]), 1), written_per_second=round(rate),
        )  # fmt: skip
    runtime.close()


def percentile(taken: list[tuple[float, float]], share: float) -> float:
    """Return a percentile of the milliseconds."""
    values = sorted(milliseconds for milliseconds, _ in taken)
    return round(values[max(0, int(len(values) * share) - 1)], 1)


def say(**values: Any) -> None:
    """Print one figure."""
    print(json.dumps(values), flush=True)


if __name__ == "__main__":
    main()
