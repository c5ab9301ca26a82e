"""One isolation wall per plugin: a bad one is named with its reason, and the others go on."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import click
import pytest

from connectors import API_VERSION, ConnectionConfig, Connector, hookimpl
from connectors.alerts.destination import Destination
from connectors.errors import ConfigError, PluginFault, RateLimited
from connectors.host import Host, guarded, wall
from connectors.testing.context import MemoryContext


def connector(named: str, **members: Any) -> type[Connector[Any]]:
    return type("Made", (Connector,), {"name": named, **members})


def module(*connectors: Any, **hooks: Any) -> Any:
    def register_connectors(register: Any) -> None:
        for each in connectors:
            register(each)

    functions = {"register_connectors": register_connectors, **hooks}
    return SimpleNamespace(**{name: hookimpl(function) for name, function in functions.items()})


def raising(error: BaseException) -> Any:
    def register_connectors(register: Any) -> None:
        raise error

    return SimpleNamespace(register_connectors=hookimpl(register_connectors))


def host(**modules: Any) -> Host:
    return Host.build(modules, modules=modules)


def test_a_good_plugin_is_in_use() -> None:
    good = connector("good", receive=lambda *_: None)
    made = host(good=module(good))
    assert made.connector_class("good") is good
    assert made.plugins["good"].powers == ("ReceivesWebhooks",)


@pytest.mark.parametrize(("bad", "says"), [
    (raising(KeyError("swordfish")), "KeyError at import or registration (core/test_host.py:"),
    (raising(SystemExit(3)), "SystemExit"),
    (module(connector("bad", requires_api=API_VERSION[0] + 1)), "needs plugin API"),
    (module(connector("Bad-Name")), "lower case letters"),
    (module(object), "no Connector class"),
    (module(connector("x"), register_conectors=lambda register: None), "register_conectors"),
    (module(connector("good")), "connector 'good' is registered by 'aaa' already"),
])  # fmt: skip
def test_a_bad_plugin_is_named_and_the_others_go_on(bad: Any, says: str) -> None:
    made = host(aaa=module(connector("good")), bad=bad)
    assert says in made.plugins["bad"].problem
    assert "swordfish" not in made.plugins["bad"].problem
    assert made.connectors.keys() == {"good"}
    with pytest.raises(ConfigError):
        made.connector_class("bad")


def test_a_plugin_that_is_not_installed_is_named_with_those_that_are() -> None:
    problem = Host.build(["nowhere"]).plugins["nowhere"].problem
    assert problem.startswith("not installed; installed are: ")
    assert "slack" in problem


def test_only_what_is_named_is_imported() -> None:
    for name in [name for name in sys.modules if name.startswith("connectors_jira")]:
        del sys.modules[name]
    Host.build(["slack"])
    assert "connectors_jira" not in sys.modules


def test_a_plugin_brings_destinations_and_commands() -> None:
    kind = type("Pager", (Destination,), {"kind": "pager"})
    cli = click.Group()

    def register_destinations(register: Any) -> None:
        register(kind)

    def register_commands(cli: click.Group) -> None:
        cli.add_command(click.Command("page"))

    plugin = module(register_destinations=register_destinations, register_commands=register_commands)
    made = Host.build(["p"], modules={"p": plugin}, cli=cli)
    assert made.plugins["p"].problem == ""
    assert made.destinations == {"pager": kind}
    assert "page" in cli.commands


class Strict(ConnectionConfig):
    token: str
    size: int = 1


def test_a_connections_own_section_is_checked_with_its_keys() -> None:
    made = host(good=module(connector("good", Config=Strict)))
    with pytest.raises(ConfigError) as caught:
        made.connect("good", {"tokn": "swordfish", "size": "big"}, MemoryContext("acme"))
    assert "swordfish" not in str(caught.value)
    assert sorted(caught.value.problems) == [
        "connections.acme.config.size: input should be a valid integer, unable to parse string as an integer",
        "connections.acme.config.token: this is missing; add `token:`",
        "connections.acme.config.tokn: this key is unknown; did you mean `token`?",
    ]


def test_a_bug_in_a_constructor_is_the_plugins() -> None:
    def bug(*_: Any) -> None:
        raise ZeroDivisionError("swordfish")

    made = host(good=module(connector("good", __init__=bug)))
    with pytest.raises(PluginFault, match="'good' failed in __init__ with ZeroDivisionError") as caught:
        made.connect("good", {}, MemoryContext("acme"))
    assert "swordfish" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_what_a_plugin_raises_on_purpose_passes_the_wall() -> None:
    with pytest.raises(RateLimited), wall("p", "read"):
        raise RateLimited(after=3)


def test_every_step_of_what_a_plugin_yields_is_inside_its_wall() -> None:
    def items() -> Any:
        yield 1
        raise KeyError("swordfish")

    seen = []
    with pytest.raises(PluginFault) as caught:
        seen.extend(guarded("p", "units", items()))
    assert seen == [1]
    assert "test_host.py" in caught.value.hint

    with pytest.raises(PluginFault):
        list(guarded("p", "units", None))  # type: ignore[arg-type]
