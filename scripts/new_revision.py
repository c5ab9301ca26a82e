"""Write the migration from the last revision to the tables as they are in the code: make revision m="why".

Its id says which code still runs on the schema after it (docs/production.md, Upgrades): that of the last one, or, with
`--contract NUMBER` for a revision that takes something away, that of the schema whose code no longer needed it.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile

from alembic import command

from connectors.store import migrations
from connectors.store.engine import Database


def main(message: str, contract: str) -> None:
    """Bring an empty database to the last revision and let Alembic compare it with the tables."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/revision.db")
        migrations.upgrade(database)
        config = migrations.config()
        head = migrations.schema_state(database).head
        with database.engine.connect() as connection:
            config.attributes["connection"] = connection
            made = command.revision(config, message, autogenerate=True, rev_id=next_id(head, contract))
        database.close()
    # Alembic writes in a style of its own.
    for verb in (("check", "--fix", "--quiet", "--exit-zero"), ("format", "--quiet")):
        subprocess.run([sys.executable, "-m", "ruff", *verb, str(made.path)], check=True)  # type: ignore[union-attr]


def next_id(head: str, contract: str) -> str:
    """Return the id of the revision after `head`."""
    if not head:
        return "0001"
    oldest = int(contract) if contract else migrations.oldest_code(head)
    return f"{migrations.number(head) + 1:04d}.{oldest:04d}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("message", nargs="*", default=["change"])
    parser.add_argument("--contract", default="", metavar="NUMBER")
    asked = parser.parse_args()
    main(" ".join(asked.message), asked.contract)
