"""Build the compiled pass of detection into the wheel, where there is a C compiler; without one all works, slower."""

from __future__ import annotations

import os
import shlex
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_SOURCE = "src/connectors/detection/_sieve.c"


class CompiledPass(BuildHookInterface):  # type: ignore[type-arg]  # hatchling reads the class by its name
    """Compile `_sieve.c` for the limited API of CPython: one file serves 3.11 and all later releases.

    `CONNECTORS_PURE=1` leaves it out, for a wheel that runs on every platform.
    """

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the extension to the wheel (or beside its source, for an editable install)."""
        if os.environ.get("CONNECTORS_PURE"):
            return
        root, editable = Path(self.root), version == "editable"
        built = _compiled(root, (root / _SOURCE).parent if editable else root / "build")
        if built is None:
            self.app.display_warning("no C compiler: detection runs without its compiled pass, slower")
            return
        build_data["pure_python"] = False
        build_data["tag"] = f"cp311-abi3-{_platform()}"
        if not editable:
            build_data["force_include"][str(built)] = f"connectors/detection/{built.name}"


def _compiled(root: Path, folder: Path) -> Path | None:
    """Return the extension, built into `folder` by the compiler that Python was built with; None when that fails."""
    linked = sysconfig.get_config_var("LDSHARED")
    if not linked:  # Windows, where hyperscan does the work
        return None
    folder.mkdir(parents=True, exist_ok=True)
    built = folder / "_sieve.abi3.so"
    include = f"-I{sysconfig.get_path('include')}"
    command = [*shlex.split(linked), "-O3", "-fPIC", include, str(root / _SOURCE), "-o", str(built)]
    try:
        done = subprocess.run(command, check=False, capture_output=True)
    except OSError:
        return None
    return built if done.returncode == 0 else None


def _platform() -> str:
    return sysconfig.get_platform().replace("-", "_").replace(".", "_")
