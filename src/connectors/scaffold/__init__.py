"""Writes a new plugin: a working package whose tests pass as generated."""

from __future__ import annotations

import re
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template

from connectors.contract import API_VERSION
from connectors.errors import ConfigError

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")

FILES = {
    "pyproject.toml": "pyproject.toml.tmpl",
    "README.md": "README.md.tmpl",
    "connectors_{name}/__init__.py": "package/init.tmpl",
    "connectors_{name}/py.typed": "package/py.typed.tmpl",
    "connectors_{name}/connector.py": "package/connector.tmpl",
    "tests/fake_{name}.py": "tests/fake.tmpl",
    "tests/test_{name}.py": "tests/test.tmpl",
}
"""What is written, and from which template; `{name}` is the plugin's name."""


def generate(name: str, into: Path) -> Path:
    """Write the package `connectors-<name>` into the new folder `into / "connectors-<name>"` and return it.

    Raises `ConfigError` for a name that no connector may have, or a folder that is there already.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(f"{name!r} cannot be a connector's name", hint="use lower case letters, digits and _")
    folder = into / f"connectors-{name.replace('_', '-')}"
    if folder.exists():
        raise ConfigError(f"{folder} exists already", hint="choose another name, or another folder with --into")
    words = {
        "name": name,
        "dist": folder.name,
        "Name": "".join(word.capitalize() for word in name.split("_")),
        "Title": name.replace("_", " ").title(),
        "NAME": name.upper(),
        "header": name.replace("_", "-").title(),
        "lower_header": name.replace("_", "-"),
        "api": str(API_VERSION[0]),
    }
    templates = files(__package__) / "template"
    for target, source in FILES.items():
        path = folder / target.format(name=name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_filled(templates, source, words), encoding="utf-8")
    return folder


def _filled(templates: Traversable, source: str, words: dict[str, str]) -> str:
    return Template(templates.joinpath(source).read_text(encoding="utf-8")).substitute(words)
