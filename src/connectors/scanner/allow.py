"""What a repository allows: by a comment on the line of a finding, and by path in a file of its own.

token = "..."  # connectors:allow
token = "..."  # connectors:allow stripe_secret_key, json_web_token
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from connectors.errors import ConfigError
from connectors.export.record import Region

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

FILE = ".connectors-allow"
"""Read from the folder that a scan is started in, when it is there."""

MARK = re.compile(r"connectors:allow(?:[ \t]+([a-z0-9_]+(?:[ \t]*,[ \t]*[a-z0-9_]+)*))?")
OTHERS = re.compile(r"pragma: allowlist secret|gitleaks:allow|trufflehog:ignore")
"""Comments of other scanners, which repositories have already."""


class Lines:
    """The lines of a text, for places and allow comments."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._starts = [0, *(found.end() for found in re.finditer(r"\r\n|\r|\n", text))]
        self._marked = "allow" in text or "trufflehog:ignore" in text

    def region(self, start: int, end: int) -> Region:
        """Return the place of a range of code points in lines and columns."""
        first, column = self._place(start)
        last, end_column = self._place(max(end, start))
        return Region(first, column, last if last != first else 0, end_column)

    def allows(self, start: int, end: int, detector: str) -> bool:
        """Tell whether a comment on a line of the range allows what `detector` found there."""
        if not self._marked:
            return False
        first, _ = self._place(start)
        last, _ = self._place(max(end - 1, start))
        return any(self._line_allows(number, detector) for number in range(first, last + 1))

    def _place(self, at: int) -> tuple[int, int]:
        line = bisect_right(self._starts, at)
        return line, at - self._starts[line - 1] + 1

    def _line_allows(self, number: int, detector: str) -> bool:
        start = self._starts[number - 1]
        end = self._starts[number] if number < len(self._starts) else len(self._text)
        line = self._text[start:end]
        found = MARK.search(line)
        if found:
            return not found[1] or detector in re.split(r"[ \t]*,[ \t]*", found[1])
        return bool(OTHERS.search(line))


@dataclass(frozen=True, slots=True)
class PathRule:
    """What may stand in some paths: a pattern as in a `.gitignore`, and detectors or categories; none is everything."""

    pattern: str
    names: tuple[str, ...] = ()


def load(file: Path) -> tuple[PathRule, ...]:
    """Read the file of allowed paths, one rule a line: `tests/ credit_card us_ssn`. Raises `ConfigError`."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} cannot be read", hint="each line is a pattern and detectors") from error
    split = (re.split(r"(?<!\\)[ \t]+", line.strip()) for line in lines)
    return tuple(PathRule(pattern, tuple(names)) for pattern, *names in split if pattern and pattern[0] != "#")


class Paths:
    """Answers whether a path rule allows a finding. A later rule adds to an earlier one."""

    def __init__(self, rules: Sequence[tuple[str, frozenset[str]]]) -> None:
        self._rules = [(_spec(pattern), detectors) for pattern, detectors in rules]

    def allowed(self, path: str) -> frozenset[str]:
        """Return the detectors whose findings are allowed in a file."""
        return frozenset().union(*(detectors for spec, detectors in self._rules if spec.match_file(path)))


def _spec(pattern: str) -> GitIgnoreSpec:
    from pathspec import GitIgnoreSpec

    return GitIgnoreSpec.from_lines([pattern])
