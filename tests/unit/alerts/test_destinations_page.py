"""docs/destinations.md says what the destinations take."""

from __future__ import annotations

import re
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic.fields import FieldInfo

from connectors.alerts import destinations
from connectors.alerts.destination import Destination, Resolves

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "destinations.md").read_text(encoding="utf-8")
KINDS = pytest.mark.parametrize("destination", destinations(), ids=lambda each: each.kind)


def spelled(field: FieldInfo) -> str:
    value: Any = field.default.value if isinstance(field.default, Enum) else field.default
    if field.is_required():
        return "**required**"
    if value in (None, "", ()):
        return "–"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


@KINDS
def test_every_option_stands_with_its_default_and_meaning(destination: type[Destination[Any]]) -> None:
    section = PAGE.partition(f"\n## {destination.kind}\n")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `") and line.count("|") == 4]
    assert rows[-len(destination.Config.model_fields) :] == [
        f"| `{name}` | {spelled(field)} | {field.description} |"
        for name, field in destination.Config.model_fields.items()
    ]


@KINDS
def test_every_kind_says_what_a_double_does(destination: type[Destination[Any]]) -> None:
    assert f"\n| `{destination.kind}` | " in PAGE.partition("## Delivery")[2].partition("## Throttle")[0]


def test_the_page_names_those_that_resolve() -> None:
    (sentence,) = re.findall(r"^(.*) are also told when an alert is \*\*over\*\*", PAGE, re.MULTILINE)
    named = set(re.findall(r"`(\w+)`", sentence))
    assert named == {each.kind for each in destinations() if issubclass(each, Resolves)}


def test_the_example_is_a_configuration() -> None:
    example = yaml.safe_load(re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[0])
    known = {each.kind: each for each in destinations()}
    for settings in example["destinations"].values():
        known[settings["kind"]].Config.model_validate(settings["config"])


def test_the_plugin_example_runs() -> None:
    (code,) = [block for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "hookimpl" in block]
    names: dict[str, Any] = {"__name__": "example"}
    exec(compile(code, "docs/destinations.md", "exec"), names)
    registered: list[type[Destination[Any]]] = []
    names["register_destinations"](registered.append)
    assert [each.kind for each in registered] == ["pager"]
