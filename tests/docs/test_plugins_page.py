"""docs/plugins.md against the code: every hook, power, method, argument, error and gap, and every example runs."""

from __future__ import annotations

import importlib
import inspect
import re
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

import connectors
from connectors import contract, errors, hookspecs
from connectors.host import Host
from connectors.model import EventKind, Gap
from connectors.testing import probes
from connectors.testing.contract import Bench, ConnectorContract

PAGE = (Path(__file__).parents[2] / "docs" / "plugins.md").read_text(encoding="utf-8")
POWERS = ("ReceivesWebhooks", "Syncs", "Subscribes", "Remediates", "Rereads", "KnowsPeople")
HEADINGS = re.findall(r"^### `([\w.]+)\((.*)\)`$", PAGE, re.MULTILINE)


def arguments(function: Callable[..., Any]) -> str:
    """Return a function's parameters as the page writes them."""
    shown, keyword = [], False
    for parameter in list(inspect.signature(function).parameters.values()):
        if parameter.name == "self":
            continue
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and not keyword:
            shown.append("*")
            keyword = True
        shown.append(parameter.name)
    return ", ".join(shown)


def methods(owner: type) -> dict[str, str]:
    """Return the public methods that a class itself defines, with their parameters."""
    own = {name: value for name, value in vars(owner).items() if inspect.isfunction(value)}
    return {name: arguments(value) for name, value in own.items() if not name.startswith("_")}


def hooks() -> dict[str, str]:
    return {
        name: arguments(value)
        for name, value in vars(hookspecs).items()
        if inspect.isfunction(value) and hasattr(value, "connectors_spec")
    }


def documented() -> dict[str, str]:
    """What the page must have headings for."""
    wanted = hooks()
    wanted["Connector.__init__"] = arguments(contract.Connector.__init__)
    for owner in ("Connector", *POWERS):
        wanted |= {f"{owner}.{name}": args for name, args in methods(getattr(contract, owner)).items()}
    return wanted


@pytest.fixture(scope="module")
def page() -> types.ModuleType:
    """Run the page's Python, block after block, in one module."""
    module = types.ModuleType("plugins_page")
    for block in re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
        exec(compile(block, "docs/plugins.md", "exec"), module.__dict__)
    return module


def test_every_hook_and_method_has_its_heading_and_no_other() -> None:
    assert dict(HEADINGS) == documented()


def test_the_powers_are_the_ones_that_the_contract_knows() -> None:
    class Everything:
        receive = partitions = read = subscribe = unsubscribe = actions = act = reread = person = None

    assert contract.powers(Everything) == POWERS  # type: ignore[arg-type]


@pytest.mark.parametrize("owner", ["Context", "State"])
def test_every_member_of_the_context_is_named(owner: str) -> None:
    for name, args in methods(getattr(contract, owner)).items():
        assert f"`{owner}.{name}({args})`" in PAGE or f"`{name}({args})`" in PAGE, f"{name}({args})"
    properties = [name for name, value in vars(getattr(contract, owner)).items() if isinstance(value, property)]
    assert not [name for name in properties if f"`{name}`" not in PAGE]


def test_every_attribute_of_the_connector_and_field_of_a_budget_is_named() -> None:
    names = [name for name in vars(contract.Connector)["__annotations__"] if not name.startswith("_")]
    assert not [name for name in [*names, *contract.Budget.model_fields] if f"`{name}`" not in PAGE]


@pytest.mark.parametrize(
    "name", [n for n, e in vars(errors).items() if isinstance(e, type) and issubclass(e, errors.ConnectorsError)]
)
def test_every_error_is_named(name: str) -> None:
    assert f"`{name}`" in PAGE


@pytest.mark.parametrize("member", [*Gap, *EventKind], ids=lambda one: one.name)
def test_every_gap_and_kind_of_event_is_named(member: Gap | EventKind) -> None:
    assert f"`{member.name}`" in PAGE


def test_every_public_name_is_on_the_page() -> None:
    assert not [name for name in connectors.__all__ if name not in PAGE and name != "__version__"]


def test_every_check_of_the_kit_is_described_in_its_own_words() -> None:
    checks = {
        name: (inspect.getdoc(value) or "").splitlines()[0]
        for name, value in vars(ConnectorContract).items()
        if name.startswith("test_")
    }
    assert dict(re.findall(r"^\| `(test_\w+)` \| (.*) \|$", PAGE, re.MULTILINE)) == checks


def test_every_method_of_the_bench_is_named() -> None:
    assert not [f"{name}({args})" for name, args in methods(Bench).items() if f"`{name}({args})`" not in PAGE]


def test_every_name_in_the_examples_exists() -> None:
    for module, names in re.findall(r"^from (connectors[\w.]*) import (.+)$", PAGE, re.MULTILINE):
        for name in names.split(", "):
            assert hasattr(importlib.import_module(module), name), f"{module}.{name}"


def test_a_host_takes_the_page_for_a_plugin(page: types.ModuleType) -> None:
    cli = click.Group()
    host = Host.build(["acme"], modules={"acme": page}, cli=cli)
    assert host.plugins["acme"].problem == ""
    assert list(host.connectors) == ["acme"]
    assert list(host.destinations) == ["pager"]
    assert [detector.id for detector in host.detectors] == ["acme_badge"]
    assert list(cli.commands) == ["acme-badges"]


def test_the_example_extractor_reads(page: types.ModuleType) -> None:
    import io

    from connectors.extraction.extractor import Budget

    (text,) = page.Rot13Extractor().extract(io.BytesIO(b"uryyb"), "a", Budget())
    assert text.text == "hello"


def test_the_example_detector_proves_itself(page: types.ModuleType) -> None:
    found: list[Any] = []
    page.register_detectors(found.append)
    assert all(re.search(found[0].pattern, example) for example in found[0].examples)
    assert not any(re.search(found[0].pattern, miss) for miss in found[0].near_misses)


def test_the_tutorials_connector_is_about_twenty_lines() -> None:
    block = re.search(r"^class AcmeConnector.*?(?=^@hookimpl)", PAGE, re.MULTILINE | re.DOTALL)
    assert block is not None
    assert len([line for line in block.group().splitlines() if line.strip()]) <= 26


@pytest.mark.parametrize("check", [name for name in dir(ConnectorContract) if name.startswith("test_")])
def test_the_tutorials_connector_keeps_the_contract(page: types.ModuleType, check: str) -> None:
    method = getattr(ConnectorContract, check)
    marks = [mark for mark in getattr(method, "pytestmark", ()) if mark.name == "parametrize"]
    for parameters in [{m.args[0]: value} for m in marks for value in m.args[1]] or [{}]:
        with probes.serve(page.AcmeConnector, page.AcmeBench) as kit:
            try:
                method(ConnectorContract(), kit, **parameters)
            except pytest.skip.Exception:
                continue


def test_the_tutorials_receipt_names_its_delivery(page: types.ModuleType) -> None:
    assert page.receipt.delivery_id == "note:7@1"
