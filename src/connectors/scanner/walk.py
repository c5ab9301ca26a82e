"""Which files a scan of paths reads."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from connectors.model import Gap
from connectors.scanner.model import Skipped, Source

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

ALWAYS_LEFT = frozenset({".git", ".hg", ".svn"})
"""Folders of version control: their history is what `--git` reads."""


class Choice:
    """Include and exclude patterns, written as in a `.gitignore`. Immutable; sent to worker processes."""

    def __init__(self, include: Sequence[str] = (), exclude: Sequence[str] = ()) -> None:
        self._include = _spec(include)
        self._exclude = _spec(exclude)

    def takes(self, path: str) -> bool:
        """Tell whether a file is scanned; `path` is relative, with slashes."""
        if self._exclude is not None and self._exclude.match_file(path):
            return False
        return self._include is None or self._include.match_file(path)

    def enters(self, folder: str) -> bool:
        """Tell whether a folder may hold files that are scanned."""
        return self._exclude is None or not self._exclude.match_file(f"{folder}/")


def _spec(patterns: Sequence[str]) -> GitIgnoreSpec | None:
    if not patterns:
        return None
    from pathspec import GitIgnoreSpec

    return GitIgnoreSpec.from_lines(patterns)


def files(paths: Sequence[Path], choice: Choice, *, root: Path) -> Iterator[Source | Skipped]:
    """Yield every regular file under `paths` once, in a stable order. Links are not followed.

    Paths are reported relative to `root` where they are under it. A path that does not exist raises
    `FileNotFoundError`; what cannot be listed is skipped with its reason.
    """
    seen: set[str] = set()
    for path in paths:
        if path.is_dir():
            found = _folder(path, choice, root)
        elif path.exists():
            found = iter([Source(shown(path, root), file=str(path))])
        else:
            raise FileNotFoundError(str(path))
        for each in found:
            if isinstance(each, Skipped) or each.file not in seen:
                seen.add(each.file if isinstance(each, Source) else "")
                yield each


def shown(path: Path, root: Path) -> str:
    """Return a path as reports show it: relative to `root` when it is below, with slashes."""
    full = Path(os.path.abspath(path))  # noqa: PTH100 (resolve would follow links)
    return (full.relative_to(root) if full.is_relative_to(root) else full).as_posix()


def _folder(top: Path, choice: Choice, root: Path) -> Iterator[Source | Skipped]:
    failed: list[OSError] = []
    base = shown(top, root)
    prefix = "" if base == "." else f"{base}/"
    for folder, names, leaves in os.walk(top, onerror=failed.append):
        inside = os.path.relpath(folder, top).replace(os.sep, "/")
        here = prefix if inside == "." else f"{prefix}{inside}/"
        names[:] = sorted(n for n in names if n not in ALWAYS_LEFT and choice.enters(f"{here}{n}"))
        for leaf in sorted(leaves):
            file = os.path.join(folder, leaf)  # noqa: PTH118 (a hundred thousand of them)
            if choice.takes(f"{here}{leaf}") and os.path.isfile(file) and not os.path.islink(file):  # noqa: PTH113, PTH114
                yield Source(f"{here}{leaf}", file=file)
    for error in failed:
        name = shown(Path(error.filename or top), root)
        yield Skipped(name, Gap.FETCH_FAILED, error.strerror or "cannot be listed")
