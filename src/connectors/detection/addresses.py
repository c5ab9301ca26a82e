"""Postal addresses: a street with its number, then what belongs to it (unit, town, region, code, country).

Switched on by name, since it reads every word of a text: see the detector `street_address`. Forms as national
post offices describe them: https://www.upu.int/en/postal-solutions/programmes-services/addressing-solutions
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from connectors.detection.lexicon import fold, words
from connectors.detection.streets import BARE, CORNER, streets
from connectors.model import Confidence

_BREAK = r"(?:[ ,]*\n[ \t>?|•*]*(?:, )?|, ?| )"
_UNIT = re.compile(
    rf"{_BREAK}(?P<part>(?:suite|ste|apt|apartment|unit|flat|room|floor|bldg|building|#)\.? ?#?\w{{1,5}})\b",
    re.IGNORECASE,
)
_POST = re.compile(r"\s{1,3}(?:[AFD]PO) A[AEP] \d{5}", re.IGNORECASE)
_SMALL = r"(?:de|del|di|la|le|el|nad|ob|u|v|am|an|der|da|do|dos|sur|en|N|S)\b"
_TOWN_WORD = r"(?![a-z])[^\W\d_](?:[^\W\d_]|['’\-])*(?!\w)\.?"
_TOWN = re.compile(rf"{_BREAK}(?P<part>{_TOWN_WORD}(?:[ \-](?:{_TOWN_WORD}|{_SMALL})){{0,5}})")
_AFTER_CODE = re.compile(rf" (?P<part>{_TOWN_WORD}(?:[ \-](?:(?:de|del|di|la|am|an der|do|da) )?{_TOWN_WORD}){{0,2}})")
"""A town that stands after its code: `75002 Paris`."""
_REGION = re.compile(rf"{_BREAK}(?P<part>(?:[A-Z]{{1,3}}|nan|\d{{1,2}})(?=[ \n,]|$))")
_CODE = re.compile(
    rf"{_BREAK}(?P<part>\d{{4,6}}(?:-\d{{3,4}})?(?: [A-Z]{{2}}(?= [A-Z]))?"
    r"|\d{3} \d{2}(?= [^\W\d_a-z])|\d{2}-\d{3}"
    rf"|[A-Z]\d[A-Z] \d[A-Z]\d|[A-Z]{{1,2}}\d[A-Z\d]? \d[A-Z]{{2}})(?!\w)"
)


@dataclass(slots=True)
class _Address:
    """An address while it is read: its parts as places in the text."""

    parts: list[tuple[int, int]]
    end: int
    lines: bool = False
    """Whether its parts stand on lines of their own."""
    whole: bool = False
    """Whether it goes beyond its street and town."""
    town: tuple[int, int] | None = None
    codes: list[tuple[int, int]] = field(default_factory=list)


class StreetAddresses:
    """Finds postal addresses by the forms that streets take."""

    id = "street_address"
    family = "address"

    def search(self, text: str) -> Iterator[tuple[int, int, Confidence]]:
        """Yield each address; one that is written in lines is yielded line by line, without its town.

        What says little by itself, such as a unit or a house number before another, is POSSIBLE.
        """
        last = 0
        for match in sorted(streets(text), key=lambda m: (m.start(), -m.end())):
            if match.start() < last:
                continue
            if match.re is CORNER:
                last = match.end()
                yield match.start(), match.end(), Confidence.LIKELY
                continue
            address = _read(text, match)
            if match.re is BARE and not (address.whole or address.lines or _is_asked(text, match)):
                continue
            for start, end in _shown(text, address):
                last = max(last, end)
                street = start <= match.start("street") < end
                yield start, end, Confidence.LIKELY if street else Confidence.POSSIBLE


_ASKED = re.compile(
    r"(?:address|lives?|living|resid\w+|located|ship(?:ped|ping)?|deliver\w*|sent?|mail|office|offices|street|visit|moved|home"
    r"|adres\w*|adress\w*|indirizzo|direcci[oó]n|endere[cç]o|wohn\w*|property|house|building|corner|map|route|directions?|meet|taxi|cab|bus|drops?|stops?)\b[^\n]{0,48}$",
    re.IGNORECASE,
)


def _is_asked(text: str, match: re.Match[str]) -> bool:
    """Tell whether the words before a name between two numbers speak of a place."""
    return bool(_ASKED.search(text, max(match.start() - 64, 0), match.start()))


def _read(text: str, match: re.Match[str]) -> _Address:
    """Read on from a street to the end of its address."""
    start, end = match.span("street")
    lead = match.groupdict().get("lead")
    parts = [match.span("lead"), (start, end)] if lead else [(start, end)]
    address = _Address(parts, end)
    post = _POST.match(text, end)
    if post:
        address.end, address.whole = post.end(), True
        return address
    while (unit := _UNIT.match(text, address.end)) is not None:
        address.lines |= "\n" in text[address.end : unit.start("part")]
        address.parts.append(unit.span("part"))
        address.end, address.whole = unit.end(), True
    town = _TOWN.match(text, address.end)
    if town and not _starts_sentence(text, town):
        _towns(text, address, town)
    elif code := _CODE.match(text, address.end):
        address.end, address.whole = code.end(), True
        after = _AFTER_CODE.match(text, code.end())
        if after and not _starts_sentence(text, after):
            address.end = after.end()
    return address


def _starts_sentence(text: str, town: re.Match[str]) -> bool:
    """Tell whether what follows is no town but the label of the next line."""
    return text[town.end("part") : town.end("part") + 1] in (":", "@")


def _towns(text: str, address: _Address, town: re.Match[str]) -> None:
    """Take town, region, code and country, as far as they are there."""
    begin = address.end
    end = town.end()
    for _ in range(2):
        if region := _REGION.match(text, end):
            end = region.end()
        if code := _CODE.match(text, end):
            address.codes.append(code.span("part"))
            end = code.end()
        country = _TOWN.match(text, end)
        known = country and any(fold(w) in words("places") for w in country["part"].split())
        if not country or not (known or _CODE.match(text, country.end())):
            break
        end = country.end()
    if code := _CODE.match(text, end):
        address.codes.append(code.span("part"))
        end = code.end()
    plain = text[begin:end]
    address.lines |= "\n" in plain[:4]
    address.whole |= bool(address.codes) or end > town.end()
    address.town = town.span("part")
    if address.whole:
        address.end = end


def _shown(text: str, address: _Address) -> list[tuple[int, int]]:
    """Return the places to report: the whole, or the parts of an address that is written in lines."""
    first = address.parts[0][0]
    if text[address.end - 1] == "." and text[address.end - 5 : address.end - 1].isalpha():
        address.end -= 1
        address.parts[-1] = (address.parts[-1][0], min(address.parts[-1][1], address.end))
    line = text[text.rfind("\n", 0, first) + 1 : first]
    block = address.lines and not line.strip(" \t>?|•*")
    if address.whole and not block:
        return [(first, address.end)]
    return [*address.parts, *(address.codes if block else [])]
