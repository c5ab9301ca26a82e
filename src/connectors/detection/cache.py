"""Where compiled detectors are kept between starts: a folder that nobody else can write to.

A compiled database is loaded as it is, so a file that somebody else could have put there must not be trusted.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from connectors.errors import ConfigError

OFF = "off"
"""Written instead of a folder: nothing is kept, and each start compiles."""


def user_cache(environ: Mapping[str, str] = os.environ) -> Path | None:
    """Return the user's own cache folder, made when it is missing; None where there is none that is safe.

    https://specifications.freedesktop.org/basedir-spec/latest/ (`XDG_CACHE_HOME`)
    """
    named = environ.get("XDG_CACHE_HOME", "")
    try:
        base = Path(named) if Path(named).is_absolute() else Path.home() / ".cache"
    except RuntimeError:  # a user without a home
        return None
    return base / "connectors" if problem(base / "connectors") == "" else None


def chosen_cache(folder: Path) -> Path:
    """Return a folder that the configuration names, made when it is missing. Raises `ConfigError` for an unsafe one."""
    wrong = problem(folder)
    if wrong:
        raise ConfigError(
            f"detection.cache: {folder} {wrong}",
            hint=f"name a folder of your own, or write `cache: {OFF}`",
        )
    return folder


def problem(folder: Path) -> str:
    """Say what is wrong with a folder, made for its owner alone when it is missing; empty when nothing is.

    A folder that cannot be written is no problem: what was compiled there before is still read.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.stat()
    except OSError as error:
        return f"cannot be used: {error.strerror}"
    if os.name != "posix":
        return ""
    if found.st_uid not in (os.geteuid(), 0):
        return "belongs to another user"
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return "can be written by other users; run `chmod go-w` on it"
    return ""
