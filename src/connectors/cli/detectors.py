"""`connectors detectors`: what is looked for, and what a text would give."""

from __future__ import annotations

import sys
from dataclasses import asdict

import click
from rich.markup import escape

from connectors.cli.terminal import console, print_json, table
from connectors.detection import catalog, load_engine, preview
from connectors.errors import ConfigError


@click.group()
def detectors() -> None:
    """See and try the detectors."""


@detectors.command("list")
@click.option("--category", help="Only of this category: secret, finance, identity, health, contact, network ...")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_command(category: str | None, *, as_json: bool) -> None:
    """List the catalog."""
    chosen = [detector for detector in catalog.load() if category in (None, detector.category)]
    if as_json:
        print_json([asdict(detector) for detector in chosen])
        return
    rows = [(d.id, d.name, d.family, d.category, d.country or d.vendor, "" if d.enabled else "off") for d in chosen]
    console().print(table("", ("id", "name", "family", "category", "of", ""), rows))
    console().print(f"\n{len(chosen)} detectors; those that are off are used when a policy names them.")


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
    if as_json:
        print_json([asdict(detector) for detector in found])
        return
    out = console()
    for detector in found:
        facts = [
            ("id", detector.id),
            ("family", detector.family),
            ("category", detector.category),
            ("confidence", detector.base.name.lower().replace("_", " ")),
            ("checks", ", ".join(detector.validators)),
            ("context", ", ".join(detector.context.words)),
            ("pattern", detector.pattern),
            ("also called", ", ".join(detector.aliases)),
            ("source", detector.source),
        ]
        out.print(table(detector.name, ("", ""), [fact for fact in facts if fact[1]]))
        for example in detector.examples[:3]:
            out.print(f"  [green]match[/] {escape(example[:80])}")
        for miss in detector.near_misses[:3]:
            out.print(f"  [dim]no match[/] {escape(miss[:80])}")


@detectors.command("test")
@click.argument("text", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def test(text: str | None, *, as_json: bool) -> None:
    """Say what is found in TEXT, or in standard input. Nothing is stored."""
    matches = load_engine().scan(text if text is not None else sys.stdin.read())
    if as_json:
        print_json(
            [
                {"detector": m.detector, "family": m.family, "confidence": m.confidence, "start": m.start, "end": m.end}
                for m in matches
            ]
        )
        return
    rows = [
        (m.detector, preview(m), m.confidence.name.lower().replace("_", " "), f"{m.start}–{m.end}") for m in matches
    ]
    console().print(table("", ("detector", "value", "confidence", "place"), rows) if rows else "nothing found")
