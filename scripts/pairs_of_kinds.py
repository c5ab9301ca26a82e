"""Write `detection/data/pairs.txt`: how often each kind of character follows another in texts and code.

    python scripts/pairs_of_kinds.py

The counts only decide what the pass over factors looks for first: they change its speed, and no result.
"""

from __future__ import annotations

import sysconfig
from collections import Counter
from itertools import pairwise
from pathlib import Path

from connectors.detection.anchors import kinds

ROOT = Path(__file__).parent.parent
DATA = ROOT / "src" / "connectors" / "detection" / "data" / "pairs.txt"


def main() -> None:
    """Count the pairs in the documentation, in the tests' texts and in the standard library."""
    library = sorted(Path(sysconfig.get_paths()["stdlib"]).glob("[a-z]*.py"))
    paths = [*sorted((ROOT / "docs").glob("*.md")), *library]
    counts: Counter[tuple[int, int]] = Counter()
    for path in paths:
        counts.update(pairwise(path.read_bytes().translate(kinds())))
    rows = []
    for first in range(64):
        row = [
            sum(counts[any_, kind] for any_ in range(64)) if not first else counts[first, kind] for kind in range(64)
        ]
        rows.append(" ".join(str(round(1000 * count / max(sum(row), 1))) for count in row))
    DATA.write_text("\n".join(rows) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
