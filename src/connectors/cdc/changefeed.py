"""Changefeeds: on CockroachDB the database writes the files itself, from the replicas of each residency.

https://www.cockroachlabs.com/docs/stable/create-changefeed and https://www.cockroachlabs.com/docs/stable/cdc-queries.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from connectors.cdc.files import TOPICS, columns
from connectors.errors import ConfigError

SAFE = re.compile(r"[A-Za-z0-9_.-]{1,32}")
PARTITION = "partition_format=daily&file_size=16MB"


@dataclass(frozen=True)
class Feed:
    """One changefeed: a table's rows of one residency. `region` confines where it runs, on a cluster of several."""

    residency: str
    topic: str
    url: str
    region: str = ""

    @property
    def connection(self) -> str:
        """Name of the external connection that holds the URL and its credentials."""
        return f"connectors_lake_{self.residency}".replace("-", "_").replace(".", "_").lower()


def feeds(urls: Mapping[str, str], *, regions: Mapping[str, str] | None = None) -> list[Feed]:
    """Return the wanted changefeeds: one per residency and table, each to the residency's own bucket."""
    regions = regions or {}
    return [
        Feed(residency, topic, url, regions.get(residency, ""))
        for residency, url in sorted(urls.items())
        if url
        for topic in TOPICS
    ]


def setting_sql() -> str:
    """Return the statement that a cluster needs once."""
    return "SET CLUSTER SETTING kv.rangefeed.enabled = true"


def connection_sql(feed: Feed) -> str:
    """Return the statement that names the sink. Its text may hold credentials: never log it."""
    separator = "&" if "?" in feed.url else "?"
    return f"CREATE EXTERNAL CONNECTION IF NOT EXISTS {feed.connection} AS {_quoted(feed.url + separator + PARTITION)}"


def feed_sql(feed: Feed) -> str:
    """Return the statement that starts a changefeed. Raises `ConfigError` for names that SQL must not hold."""
    for name in (feed.residency, feed.region or "-"):
        if not SAFE.fullmatch(name):
            raise ConfigError(f"{name!r} cannot be the name of a residency or region in a changefeed")
    options = [
        "format = 'json'",
        "envelope = 'wrapped'",
        "updated",
        "compression = 'gzip'",
        "resolved = '30s'",
        "min_checkpoint_frequency = '30s'",
        "on_error = 'pause'",
        "gc_protect_expires_after = '24h'",
    ]
    if feed.region:
        options.append(f"execution_locality = 'region={feed.region}'")
    table = TOPICS[feed.topic]
    named = ", ".join(f'"{name}"' for name in columns(table))
    # Residency and region were just seen to be names; columns and topics are our own.
    return (
        f"CREATE CHANGEFEED INTO 'external://{feed.connection}'\n"  # noqa: S608 (see above)
        f"  WITH {', '.join(options)}\n"
        f"  AS SELECT {named}\n"
        f"  FROM \"{feed.topic}\" WHERE residency = {_quoted(feed.residency)} AND event_op() != 'delete'"
    )


STATUS_SQL = (
    "SELECT job_id, description, status, running_status, high_water_timestamp, error FROM [SHOW CHANGEFEED JOBS]"
)

ENDED = ("canceled", "failed", "succeeded")


def missing(wanted: Iterable[Feed], running: Sequence[Mapping[str, Any]]) -> list[Feed]:
    """Return the changefeeds that are wanted and neither run nor are paused. They are known by their description."""
    lasting = [str(row["description"]) for row in running if row["status"] not in ENDED]
    return [feed for feed in wanted if not any(_describes(text, feed) for text in lasting)]


def _describes(text: str, feed: Feed) -> bool:
    words = " ".join(text.replace('"', "").split())
    found = re.search(r"FROM (?:\S+\.)?(\w+)(?: AS \w+)? WHERE", words, re.IGNORECASE)
    return f"external://{feed.connection}'" in words and bool(found) and found is not None and found[1] == feed.topic


def apply(connection: sa.Connection, wanted: Sequence[Feed]) -> list[Feed]:
    """Start what is missing, on a connection that commits each statement; return what was started."""
    started = missing(wanted, status(connection))
    if started:
        connection.exec_driver_sql(setting_sql())
    for feed in started:
        connection.exec_driver_sql(connection_sql(feed))
        connection.exec_driver_sql(feed_sql(feed))
    return started


def status(connection: sa.Connection) -> list[Mapping[str, Any]]:
    """Return the changefeed jobs of the cluster."""
    return [row._asdict() for row in connection.exec_driver_sql(STATUS_SQL)]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
