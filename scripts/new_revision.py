"""Write the migration from the last revision to the tables as they are in the code: make revision m="why"."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from alembic import command

from connectors.store import migrations
from connectors.store.engine import Database


def main(message: str) -> None:
    """Bring an empty database to the last revision and let Alembic compare it with the tables."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/revision.db")
        migrations.upgrade(database)
        config = migrations.config()
        number = len(list((Path(migrations.__file__).parent / "versions").glob("[0-9]*.py"))) + 1
        with database.engine.connect() as connection:
            config.attributes["connection"] = connection
            made = command.revision(config, message, autogenerate=True, rev_id=f"{number:04d}")
        database.close()
    # Alembic writes in a style of its own.
    for verb in (("check", "--fix", "--quiet", "--exit-zero"), ("format", "--quiet")):
        subprocess.run([sys.executable, "-m", "ruff", *verb, str(made.path)], check=True)  # type: ignore[union-attr]


if __name__ == "__main__":
    main(" ".join(sys.argv[1:]) or "change")
