"""From YAML text to `Config`, with every problem at once, each with its line, its key and what to write instead."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from connectors.config.models import Config
from connectors.errors import ConfigError

Path_ = tuple[str | int, ...]
REFERENCE = re.compile(r"\$\{(env|file):([^}]+)\}")


def load_config(path: Path, *, environ: Mapping[str, str] = os.environ) -> Config:
    """Read, resolve and check the file. Raises `ConfigError` with one entry in `problems` for each mistake."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read: {error.strerror}",
            hint="name it with --config, or copy config.example.yaml",
        ) from error
    return parse_config(text, name=str(path), folder=path.parent, environ=environ)


def parse_config(
    text: str, *, name: str = "config", folder: Path = Path(), environ: Mapping[str, str] = os.environ
) -> Config:
    """Check YAML text; relative paths in `${file:...}` start at `folder`."""
    tree, lines = _parse(text, name)
    problems: list[tuple[int, str]] = []
    resolved = _resolve(tree, (), folder=folder, environ=environ, lines=lines, problems=problems)
    config = None
    try:
        config = Config.model_validate(resolved)
    except ValidationError as error:
        problems.extend(
            (_line(lines, detail["loc"]), describe(detail, Config))
            for detail in error.errors(include_input=False, include_url=False)
        )
    if config is not None:
        problems.extend((_line(lines, path), message) for path, message in _crossed(config))
    if problems or config is None:
        listed = tuple(f"{name}:{line}: {message}" for line, message in sorted(set(problems)))
        raise ConfigError("\n".join(listed), problems=listed)
    return config


def _parse(text: str, name: str) -> tuple[Any, dict[Path_, int]]:
    lines: dict[Path_, int] = {(): 1}
    duplicates: list[str] = []
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if node is not None:
            _index(node, (), lines, duplicates)
        tree = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        problem = f"{name}:{line}: this is not YAML: {getattr(error, 'problem', None) or 'it cannot be read'}"
        raise ConfigError(problem, problems=(problem,)) from error
    except (ValueError, RecursionError) as error:
        # A date that does not exist, say, or a structure that contains itself.
        problem = f"{name}:1: this is not YAML: a value cannot be read; put texts that look like dates in quotes"
        raise ConfigError(problem, problems=(problem,)) from error
    if duplicates:
        listed = tuple(f"{name}:{problem}" for problem in duplicates)
        raise ConfigError("\n".join(listed), problems=listed)
    return tree, lines


def _index(node: yaml.Node, path: Path_, lines: dict[Path_, int], duplicates: list[str]) -> None:
    """Remember the line of every key and item, and find keys written twice, of which YAML keeps only the last."""
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a key must be a plain word", key.start_mark)
            if key.value in seen:
                duplicates.append(f"{key.start_mark.line + 1}: {dotted((*path, key.value))} is written twice; keep one")
            seen.add(key.value)
            lines[(*path, key.value)] = key.start_mark.line + 1
            _index(value, (*path, key.value), lines, duplicates)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            lines[(*path, number)] = value.start_mark.line + 1
            _index(value, (*path, number), lines, duplicates)


def _resolve(
    tree: Any,
    path: Path_,
    *,
    folder: Path,
    environ: Mapping[str, str],
    lines: Mapping[Path_, int],
    problems: list[tuple[int, str]],
) -> Any:
    """Replace `${env:NAME}` and `${file:path}` in the parsed tree, so that no value can change the structure."""
    if isinstance(tree, dict):
        return {
            key: _resolve(value, (*path, key), folder=folder, environ=environ, lines=lines, problems=problems)
            for key, value in tree.items()
        }
    if isinstance(tree, list):
        return [
            _resolve(value, (*path, number), folder=folder, environ=environ, lines=lines, problems=problems)
            for number, value in enumerate(tree)
        ]
    if not isinstance(tree, str):
        return tree

    def replace(found: re.Match[str]) -> str:
        kind, target = found[1], found[2].strip()
        if kind == "env":
            if environ.get(target):
                return environ[target]
            problems.append(
                (
                    _line(lines, path),
                    f"{dotted(path)}: the environment variable {target} is not set; export it, or use ${{file:...}}",
                )
            )
            return "unset"
        try:
            return (folder / target).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError):
            problems.append(
                (
                    _line(lines, path),
                    f"{dotted(path)}: the file {target} cannot be read; create it, or correct the path",
                )
            )
            return "unset"

    return REFERENCE.sub(replace, tree)


def describe(detail: ErrorDetails, model: type[BaseModel], *, at: Path_ = ()) -> str:
    """Say a pydantic error as a sentence with the key and what to write instead, never with the value."""
    path = (
        *at,
        *(part for part in detail["loc"] if not (isinstance(part, str) and part.startswith("function-"))),
    )
    if detail["type"] == "extra_forbidden":
        allowed = sorted(_fields(model, tuple(detail["loc"])[:-1]))
        close = difflib.get_close_matches(str(path[-1]), allowed, n=1)
        instead = f"did you mean `{close[0]}`?" if close else "allowed here: " + (", ".join(allowed) or "nothing")
        return f"{dotted(path)}: this key is unknown; {instead}"
    if detail["type"] == "missing":
        return f"{dotted(path)}: this is missing; add `{path[-1]}:`"
    if detail["type"] == "string_pattern_mismatch":
        return f"{dotted(path)}: use letters, digits, dot, dash and underscore, and start with a letter or digit"
    message = detail["msg"].removeprefix("Value error, ")
    return f"{dotted(path)}: {message[0].lower()}{message[1:]}"


def _fields(model: type[BaseModel], path: Path_) -> Iterator[str]:
    """Yield the keys that are allowed at a place of the tree."""
    current: Any = model
    for part in path:
        if isinstance(current, type) and issubclass(current, BaseModel):
            field = current.model_fields.get(str(part))
            current = field.annotation if field else None
        else:
            current = next((a for a in reversed(getattr(current, "__args__", ())) if a is not Ellipsis), None)
    while current is not None and not (isinstance(current, type) and issubclass(current, BaseModel)):
        current = next(
            (a for a in reversed(getattr(current, "__args__", ())) if isinstance(a, type) and issubclass(a, BaseModel)),
            None,
        )
    if current is not None:
        yield from current.model_fields


def _crossed(config: Config) -> Iterator[tuple[Path_, str]]:
    """Find names that point nowhere."""
    for name, connection in config.connections.items():
        if connection.tenant not in config.tenants:
            path: Path_ = ("connections", name, "tenant")
            yield path, f"{dotted(path)}: there is no tenant {connection.tenant!r}; add it under `tenants:`"
    seen: set[str] = set()
    for number, policy in enumerate(config.policies):
        if policy.name in seen:
            path = ("policies", number, "name")
            yield path, f"{dotted(path)}: two policies are called {policy.name!r}; rename one"
        seen.add(policy.name)
        for index, destination in enumerate(policy.alert):
            if destination not in config.destinations:
                path = ("policies", number, "alert", index)
                known = ", ".join(sorted(config.destinations)) or "none"
                yield path, f"{dotted(path)}: there is no destination {destination!r}; defined: {known}"
    for index, destination in enumerate(config.operators):
        if destination not in config.destinations:
            yield ("operators", index), f"operators[{index}]: there is no destination {destination!r}; add it"
    for residency in config.database.residencies:
        if residency not in config.residencies():
            path = ("database", "residencies", residency)
            yield (
                path,
                f"{dotted(path)}: no tenant lives in {residency!r}; add one under `tenants:`, or remove this",
            )
    if config.stream.kind == "kafka" and not config.stream.brokers:
        yield ("stream",), "stream.brokers: kafka needs brokers; write `brokers: host:9092`"


def dotted(path: Path_) -> str:
    """Write a path as people read it: `policies[0].name`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else (f".{part}" if text else str(part))
    return text or "the file"


def _line(lines: Mapping[Path_, int], path: Path_) -> int:
    """Return the line of a path, or of the nearest thing around it."""
    path = tuple(path)
    while path not in lines:
        path = path[:-1]
    return lines[path]
