"""`connectors detectors`: what is looked for, and what a text would give."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TextIO

import click
from rich.markup import escape

from connectors.cli.state import State, pass_state
from connectors.cli.terminal import console, print_json, table
from connectors.detection import calibration, catalog, load_engine, preview
from connectors.detection.cache import user_cache
from connectors.errors import ConfigError

if TYPE_CHECKING:
    from connectors.detection.detector import Detector
    from connectors.detection.engine import Engine


@click.group()
def detectors() -> None:
    """See and try the detectors."""


@detectors.command("list")
@click.option("--category", help="Only of this category: secret, finance, identity, health, contact, network ...")
@click.option("--vendor", help="Only of this vendor.")
@click.option("--verifiable", is_flag=True, help="Only those whose vendor can be asked whether a token is live.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_command(category: str | None, vendor: str | None, *, verifiable: bool, as_json: bool) -> None:
    """List the catalog."""
    checked = _verifiable()
    chosen = [
        detector
        for detector in catalog.load()
        if category in (None, detector.category)
        and (vendor is None or vendor.casefold() == detector.vendor.casefold())
        and (not verifiable or detector.id in checked)
    ]
    if as_json:
        print_json([_machine(detector, checked) for detector in chosen])
        return
    rows = [
        (d.id, d.name, d.category, d.country or d.vendor, "" if d.enabled else "off", "yes" if d.id in checked else "")
        for d in chosen
    ]
    console().print(table("", ("id", "name", "category", "of", "", "live?"), rows))
    console().print(
        f"\n{len(chosen)} detectors. Those that are off are used when a policy names them; with live?, the vendor "
        "can be asked whether a token works."
    )


@detectors.command("show")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(name: str, *, as_json: bool) -> None:
    """Show one detector: what it matches, what it does not, and where that is documented."""
    try:
        found = catalog.resolve(name)
    except KeyError:
        raise ConfigError(
            f"no detector answers to {name!r}", hint="`connectors detectors list` shows the names"
        ) from None
    checked = _verifiable()
    if as_json:
        print_json([_machine(detector, checked) for detector in found])
        return
    out = console()
    for detector in found:
        facts = [
            ("id", detector.id),
            ("family", detector.family),
            ("category", detector.category),
            ("state", "on" if detector.enabled else "off until a policy names it"),
            ("confidence", detector.base.name.lower().replace("_", " ")),
            ("checks", ", ".join(detector.validators)),
            ("model", detector.model),
            ("context", ", ".join(detector.context.words)),
            ("pattern", detector.pattern),
            ("also called", ", ".join(detector.aliases)),
            ("source", detector.source),
            ("live?", checked.get(detector.id, "")),
        ]
        out.print(table(detector.name, ("", ""), [fact for fact in facts if fact[1]]))
        for example in detector.examples[:3]:
            out.print(f"  [green]match[/] {escape(example[:80])}")
        for miss in detector.near_misses[:3]:
            out.print(f"  [dim]no match[/] {escape(miss[:80])}")


@detectors.command("test")
@click.argument("text", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_state
def test(state: State, text: str | None, *, as_json: bool) -> None:
    """Say what is found in TEXT, or in standard input. Nothing is stored, nobody is asked.

    With a configuration, your own detectors take part.
    """
    matches = _engine(state).scan(text if text is not None else sys.stdin.read())
    if as_json:
        print_json(
            [
                {
                    "detector": m.detector,
                    "family": m.family,
                    "confidence": m.confidence,
                    "start": m.start,
                    "end": m.end,
                    "preview": preview(m),
                }
                for m in matches
            ]
        )
        return
    rows = [
        (m.detector, preview(m), m.confidence.name.lower().replace("_", " "), f"{m.start}–{m.end}") for m in matches
    ]
    console().print(table("", ("detector", "value", "confidence", "place"), rows) if rows else "nothing found")


@detectors.command("calibrate")
@click.argument("feedback", type=click.File("r"))
def calibrate(feedback: TextIO) -> None:
    """Print how FEEDBACK, from `connectors findings feedback --json`, should move the confidence of detectors.

    Keep what it prints in a file and name that as `detection.calibration`.
    """
    try:
        rows = json.load(feedback)
    except ValueError:
        raise ConfigError("the feedback is no JSON", hint="use `connectors findings feedback --json`") from None
    if not isinstance(rows, list):
        raise ConfigError("the feedback is no list of rows", hint="use `connectors findings feedback --json`")
    print_json(calibration.learn(rows))


def _engine(state: State) -> Engine:
    """Return the engine of the configuration, or the catalog's where there is none."""
    if not state.config_path.exists():
        return load_engine(cache=user_cache())
    with state.runtime() as runtime:
        return runtime.engine


def _verifiable() -> dict[str, str]:
    """Return how the vendor is asked, by detector."""
    from connectors.validity import verifiers_by_detector

    return {
        detector: f"{each.method} {each.address}{each.path.partition('?')[0]}"
        for detector, each in verifiers_by_detector().items()
    }


def _machine(detector: Detector, checked: dict[str, str]) -> dict[str, Any]:
    return {**asdict(detector), "verified_by": checked.get(detector.id)}
