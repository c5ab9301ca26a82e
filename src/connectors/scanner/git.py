"""What a commit range, or the index, adds: read from git's own patches."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from connectors.errors import ConfigError
from connectors.scanner.model import Source

HUNK = re.compile(rb"@@ -\d+(?:,\d+)? \+(\d+)(?:,\d+)? @@")
FORMAT = "%x00%H%x00%an <%ae>%x00%aI%x00"
PATCH = ("--unified=0", "--no-color", "--no-ext-diff", "--no-textconv", "--text", "--diff-filter=ACMRT", "--no-renames")
LONGEST_PATCH = 50 * 2**20
"""Bytes of one file's added lines that are scanned."""


def history(commits: str, *, folder: Path) -> Iterator[Source]:
    """Yield, for each commit of a range such as `main..HEAD` or `--all`, the lines it adds to each file.

    Merge commits are compared with their first parent. Raises `ConfigError` when git cannot read the range.
    """
    if commits != "--all" and commits.startswith("-"):
        raise ConfigError("a commit range does not start with a dash", hint="write main..HEAD, HEAD or --all")
    command = ["log", "-p", "-m", "--first-parent", f"--format={FORMAT}", *PATCH, commits, "--"]
    yield from parse(_git(command, folder))


def staged(*, folder: Path) -> Iterator[Source]:
    """Yield the lines that the index adds to HEAD. Raises `ConfigError`."""
    top(folder)  # outside of a repository `git diff` compares two files, and complains of its arguments
    yield from parse(_git(["diff", "--cached", *PATCH, "--"], folder))


def tracked(paths: Sequence[Path], *, folder: Path) -> Iterator[Source]:
    """Yield the files under `paths` that git tracks, so that build output and caches are left out.

    Raises `ConfigError` when git cannot list them.
    """
    listed = b"".join(_git(["ls-files", "-z", "--full-name", "--", *map(str, paths)], folder))
    base = top(folder)
    for name in sorted(set(listed.split(b"\x00")) - {b""}):
        file = base / os.fsdecode(name)
        if file.is_file() and not file.is_symlink():
            yield Source(name.decode("utf-8", "replace"), file=str(file))


def parse(lines: Iterable[bytes]) -> Iterator[Source]:
    """Read patches: the added lines of each file of each commit, joined, with their numbers in the file."""
    commit = author = date = ""
    path, number = "", 0
    added: list[bytes] = []
    numbers: list[int] = []
    size, in_hunk = 0, False

    def flush() -> Iterator[Source]:
        if added and path:
            content = b"".join(added)
            yield Source(path, content=content, commit=commit, author=author, date=date, numbers=tuple(numbers))
        added.clear()
        numbers.clear()

    for line in lines:
        if line.startswith(b"\x00"):
            yield from flush()
            _, commit, author, date, _ = line.decode("utf-8", "replace").split("\x00", 4)
            path, in_hunk = "", False
        elif line.startswith(b"diff --git "):
            yield from flush()
            path, size, in_hunk = "", 0, False
        elif in_hunk and line.startswith(b"+"):
            size += len(line)
            if size <= LONGEST_PATCH:
                added.append(line[1:])
                numbers.append(number)
            number += 1
        elif in_hunk and line.startswith(b"-"):
            continue
        elif found := HUNK.match(line):
            number, in_hunk = int(found[1]), True
        elif line.startswith(b"+++ "):
            path = _name(line[4:].rstrip(b"\n"))
    yield from flush()


def top(folder: Path) -> Path:
    """Return the top folder of the repository around `folder`. Raises `ConfigError`."""
    return Path(os.fsdecode(b"".join(_git(["rev-parse", "--show-toplevel"], folder)).rstrip(b"\n")))


def _git(arguments: list[str], folder: Path) -> Iterator[bytes]:
    command = ["git", "-c", "core.quotePath=true", "-c", "diff.noprefix=false", "-c", "diff.mnemonicPrefix=false"]
    environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"}
    try:
        process = subprocess.Popen(
            [*command, *arguments], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
        )
    except OSError as error:
        raise ConfigError(f"git cannot be started: {error.strerror}", hint="install git, or scan paths") from error
    with process:
        assert process.stdout is not None  # noqa: S101 (piped above)
        assert process.stderr is not None  # noqa: S101 (piped above)
        yield from process.stdout
        said = process.stderr.read().decode("utf-8", "replace").strip().splitlines()
    if process.returncode:
        raise ConfigError(f"git failed: {said[0] if said else process.returncode}", hint="is this a repository?")


def _name(raw: bytes) -> str:
    """Return the path of a `+++` line; git quotes those with special characters as C strings."""
    raw = raw.rstrip(b"\t\r")
    if raw.startswith(b'"') and raw.endswith(b'"'):
        raw = _unquoted(raw[1:-1])
    return "" if raw == b"/dev/null" else raw.removeprefix(b"b/").decode("utf-8", "replace")


def _unquoted(raw: bytes) -> bytes:
    escapes = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v"}

    def plain(found: re.Match[bytes]) -> bytes:
        code = found[1]
        return bytes([int(code, 8) & 255]) if code.isdigit() else escapes.get(code, code)

    return re.sub(rb"\\([0-7]{3}|.)", plain, raw)
