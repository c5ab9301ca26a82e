"""Write docs/detectors.md from the catalog: `python scripts/detectors_page.py`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from connectors.detection import catalog
from connectors.detection.detector import Detector

PAGE = Path(__file__).parents[1] / "docs" / "detectors.md"
_TITLES = {
    "secret": "Credentials",
    "finance": "Money and securities",
    "identity": "Identifiers of persons and companies",
    "health": "Health",
    "contact": "Contact data",
    "network": "Network addresses and devices",
    "person": "People",
}
_INTRO = """# Detectors

Made by `scripts/detectors_page.py` from the catalog; change the catalog, then run it again.

{total} detectors: {secrets} for credentials of {vendors} vendors, and identifiers of {countries} countries. Policies
and `connectors detectors` name them by id. Names of the developer API stand for one or several ids: see the last
table. A detector marked *off* is used only when a policy names it. *Confidence* is what a match has before the words
around it and the model are heard; *context* says that one of certain words must stand near.
"""


def page() -> str:
    """Return the page as Markdown."""
    detectors = catalog.load()
    secrets = [detector for detector in detectors if detector.family == "secret"]
    intro = _INTRO.format(
        total=len(detectors),
        secrets=len(secrets),
        vendors=len({detector.vendor for detector in secrets} - {""}),
        countries=len({detector.country for detector in detectors} - {""}),
    )
    parts = [intro]
    for category, title in _TITLES.items():
        rows = "\n".join(_rows([detector for detector in detectors if detector.category == category]))
        parts.append(
            f"## {title}\n\n| id | finds | of | confidence | source |\n| --- | --- | --- | --- | --- |\n{rows}\n"
        )
    parts.append(f"## Names of the developer API\n\n| name | detectors |\n| --- | --- |\n{chr(10).join(_names())}\n")
    return "\n".join(parts)


def _rows(detectors: list[Detector]) -> Iterator[str]:
    for each in sorted(detectors, key=lambda detector: (detector.vendor.lower(), detector.country, detector.id)):
        notes = [each.base.name.lower().replace("_", " ")]
        notes += ["context"] if each.context.required else []
        notes += [] if each.enabled else ["*off*"]
        host = each.source.split("/")[2].removeprefix("www.")
        of = each.vendor or each.country
        yield f"| `{each.id}` | {each.name} | {of} | {', '.join(notes)} | [{host}]({each.source}) |"


def _names() -> Iterator[str]:
    names = {alias for detector in catalog.load() for alias in detector.aliases} | set(catalog.GROUPS)
    for name in sorted(names):
        ids = [detector.id for detector in catalog.resolve(name)]
        shown = ", ".join(f"`{each}`" for each in ids[:24])
        yield f"| {name} | {shown}{f' and {len(ids) - 24} more' if len(ids) > 24 else ''} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
