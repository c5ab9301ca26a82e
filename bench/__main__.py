"""Run every benchmark, one after the other: make bench, or `python -m bench NAME ...` for some of them."""

import subprocess
import sys
from pathlib import Path

EVERY = (
    "gateway", "worker", "scale", "flood", "cost", "sync", "detection", "chat", "extraction", "hostile", "api", "scan",
    "dashboard",
)  # fmt: skip


def main(names: list[str]) -> int:
    """Run the named benchmarks, each in a process of its own; return how many failed."""
    folder = Path(__file__).parent
    failed = 0
    for name in names or EVERY:
        script = folder / f"{name}.py"
        if script.exists():
            print(f"# {name}", flush=True)
            failed += subprocess.run([sys.executable, "-W", "ignore", str(script)], check=False).returncode != 0
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
