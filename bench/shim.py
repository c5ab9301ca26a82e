"""The CockroachDB dialect on a real PostgreSQL: what only a cluster answers is taken from PostgreSQL's dialect."""

import sqlalchemy as sa
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy_cockroachdb.psycopg import CockroachDBDialect_psycopg


class CockroachOnPostgres(CockroachDBDialect_psycopg):  # type: ignore[misc]
    """Reflects as PostgreSQL does, does everything else as on CockroachDB."""

    driver = "pgshim"
    supports_statement_cache = True


_REFLECTED = ("table", "column", "index", "constraint", "key")
for _name in dir(PGDialect):
    if _name.startswith(("get_", "has_")) and any(word in _name for word in _REFLECTED):
        setattr(CockroachOnPostgres, _name, getattr(PGDialect, _name))
registry.impls["cockroachdb.pgshim"] = lambda: CockroachOnPostgres


def through_cockroach(url: str) -> str:
    """Return a PostgreSQL URL as one of the CockroachDB dialect."""
    return sa.make_url(url).set(drivername="cockroachdb+pgshim").render_as_string(hide_password=False)
