"""How pages say things: times, levels, numbers. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

from connectors.detection.catalog import by_id
from connectors.model import Confidence, Severity


def ago(then: datetime | None, now: datetime) -> str:
    """Return how long ago something was, or in how long it will be."""
    if then is None:
        return "never"
    seconds = (now - then).total_seconds()
    said = duration(abs(seconds))
    if abs(seconds) < 60:
        return "just now"
    return f"{said} ago" if seconds > 0 else f"in {said}"


def duration(seconds: float) -> str:
    """Return a duration in its largest unit."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def stamp(then: datetime | None) -> str:
    """Return a time in full, UTC."""
    return then.strftime("%Y-%m-%d %H:%M:%S UTC") if then else ""


def severity(value: int) -> str:
    """Return the word of a severity."""
    return Severity(int(value)).name.lower()


def confidence(value: int) -> str:
    """Return the words of a confidence."""
    return Confidence(int(value)).name.lower().replace("_", " ")


def words(value: str) -> str:
    """Return an identifier as words."""
    return str(value).replace("_", " ")


def called(detector: str) -> str:
    """Return what a detector finds, in words; a detector of the admin's own is called by its id."""
    known = by_id().get(detector)
    return known.name if known else words(detector)


def number(value: float) -> str:
    """Return a number with thin groups of digits."""
    return f"{value:,.0f}".replace(",", "\u202f")


def term(field: str, value: object) -> str:
    """Return a term of the search language that finds exactly this value."""
    text = str(value)
    plain = text and all(character.isalnum() or character in "-_./#@" for character in text)
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    return f"{field}:{text}" if plain else f'{field}:"{quoted}"'


def search_url(*terms: str, **others: str) -> str:
    """Return the address of the findings that fit all terms."""
    return "/findings?" + urlencode({"q": " ".join(term for term in terms if term), **others})


def outside(url: str) -> str:
    """Return a link out of the dashboard, when it is http or https; empty otherwise."""
    try:
        return url if urlsplit(url).scheme in ("http", "https") else ""
    except ValueError:
        return ""


def until(delta: timedelta | None) -> str:
    """Return a span of time in words; empty for none."""
    return duration(delta.total_seconds()) if delta is not None else ""


FILTERS: Mapping[str, Any] = {
    "duration": duration, "stamp": stamp, "severity": severity, "confidence": confidence, "words": words,
    "number": number, "called": called, "outside": outside, "span": until,
}  # fmt: skip
"""Names under which templates use these."""
