"""Fingerprints that stay when lines move, and the file of those that are known."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from connectors.errors import ConfigError
from connectors.scanner.model import Found

VERSION = 1
VALUE_DIGITS = 5
"""Hexadecimal digits of a value's hash in a fingerprint.

A baseline is committed. With 20 bits it tells two values of one file and detector apart, but not which value it
was: a thousand social security numbers share each fingerprint, so trying them all out tells nothing.
"""


def fingerprint(path: str, detector: str, value: str) -> str:
    """Return the fingerprint of a value in a file: 21 characters, without line numbers."""
    place = hashlib.sha256(f"{path}\x1f{detector}".encode("utf-8", "surrogatepass")).hexdigest()[:16]
    content = hashlib.sha256(f"{detector}\x1f{value}".encode("utf-8", "surrogatepass")).hexdigest()
    return f"{place}{content[:VALUE_DIGITS]}"


def load(path: Path) -> Counter[str]:
    """Read a baseline: how often each fingerprint is known. Raises `ConfigError`."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        if stored["version"] != VERSION:
            raise ConfigError(f"{path} is a baseline of another version", hint="write it again: --write-baseline")
        return Counter({entry["fingerprint"]: int(entry["count"]) for entry in stored["findings"]})
    except FileNotFoundError:
        raise ConfigError(f"there is no baseline {path}", hint="make one with --write-baseline") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path} is not a baseline", hint="write it again: --write-baseline") from error


def without_known(found: Iterable[Found], known: Counter[str]) -> list[Found]:
    """Return the findings that a baseline does not know; a value that came more often is new that often."""
    left = Counter(known)
    new = []
    for each in found:
        if left[each.print] > 0:
            left[each.print] -= 1
        else:
            new.append(each)
    return new


def write(path: Path, found: Iterable[Found]) -> int:
    """Write the baseline of findings, sorted so that a change of it is readable; return its entries."""
    entries: dict[str, dict[str, object]] = {}
    counts: Counter[str] = Counter()
    for each in sorted(found, key=lambda each: (each.path, each.detector, each.print)):
        counts[each.print] += 1
        entries[each.print] = {"fingerprint": each.print, "path": each.path, "detector": each.detector}
    listed = [entry | {"count": counts[key]} for key, entry in entries.items()]
    document = {"version": VERSION, "findings": listed}
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return len(listed)
