"""Postal addresses: a street with its number, then what belongs to it (unit, town, region, code, country).

Switched on by name, since it reads every word of a text: see the detector `street_address`. Forms as national
post offices describe them: https://www.upu.int/en/postal-solutions/programmes-services/addressing-solutions
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from connectors.detection.lexicon import fold, words
from connectors.model import Confidence

_NUMBER = r"\d{1,6}[A-Za-z]?(?:[/\-]\d{1,4}[A-Za-z]?)?"
_NAME = r"[^\W\d_][\w'’\-]*\.?"
_CAPITAL = r"(?![a-z])[^\W\d_][\w'’\-]*\.?"
_BEFORE = (  # kinds of street that stand before their names
    r"(?:rue|r\.|via|viale|vicolo|corso|largo|piazza|calle|c/|avenida|avda\.?|av\.?|paseo|plaza|camino|carrer|rua|travessa"
    r"|pra[çc]a|avenue|boulevard|bd\.?|place|all[ée]e|chemin|quai|impasse|route|cours|ul\.?|ulica|al\.|aleja|os\.|pl\.|plac|strada"
    r"|bulevardul|jalan|jl\.|nam\.|n[áa]m[ěe]st[íi])"
)
_AFTER = (  # kinds that stand after them
    r"(?:street|st|road|rd|avenue|ave|av|lane|ln|drive|dr|court|ct|place|pl|way|boulevard|blvd|terrace|ter|close|square|sq"
    r"|crescent|cres|circle|cir|parkway|pkwy|trail|trl|highway|hwy|row|gardens|grove|park|hill|hills|mews|alley|plaza|loop|path"
    r"|walk|rise|quay|wharf|bridge|gate|gateway|ridge|run|point|crossing|crossroad|bend|cove|creek|fork|glen|green|greens"
    r"|heights|isle|island|junction|key|knoll|lake|landing|lodge|manor|meadow|mill|motorway|orchard|parks|pass|pike|pine|plains|port"
    r"|prairie|ranch|rapid|rapids|route|shoal|shore|spring|spur|stream|summit|track|trace|turnpike|tunnel|union|valley"
    r"|via|view|village|ville|vista|wall|well|wells|terrasse|brae|parade|esplanade)\b\.?"
)
_ENDS = (
    r"stra(?:ss|ß)e|str\.|gasse|weg|platz|allee|damm|ufer|ring|straat|laan|gracht|plein|kade|singel|dreef"
    r"|gatan|v[äa]gen|gata|gate|gr[äa]nd|vej|veien|vegen|gade|katu|kuja|polku|tie|puisto|str[æa]e?ti|braut|gata|vegur|h[öo]fdi"
    r"|utca|[úu]tja|tee|puiestee|odos"
)
_GLUED = rf"[^\W\d_][\w'’\-]{{2,24}}(?:{_ENDS})"
_HUNGARIAN = rf"(?:{_NAME} ){{1,3}}(?:u\.|utca|[úu]t|[úu]tja|t[ée]r|tere|k[öo]z|k[öo]r[úu]t|sor|sugár[úu]t)"
_KIND_BEFORE = rf"{_BEFORE}(?:(?<=/)|(?<=\.) ?| )(?:d'|l')?"
_ALONE = r"(?<![\w.,/\-#:$€£])"
_LEAD = rf"(?:(?P<lead>{_NUMBER}),? )?"
_MILITARY = rf"(?:PSC|CMR|UNIT) \d{{1,5}},? BOX \d{{1,5}}|US(?:NV|NS|CGC|S) {_NAME}"


def _form(street: str, *, lead: str = _LEAD, after: str = "") -> re.Pattern[str]:
    return re.compile(f"{_ALONE}{lead}(?P<street>{street}){after}", re.IGNORECASE)


_PLACED = _form(rf"\b{_KIND_BEFORE}(?:{_NAME} ){{1,5}}?{_NUMBER}\b\.?")
"""A kind of street, its name and a number: `Via delle Coste 41`."""
_BARE = _form(rf"(?:{_NAME} ){{1,4}}?\d{{1,5}}[A-Za-z]?", lead=rf"(?P<lead>{_NUMBER}) ", after=r"\b(?![.:\-/]\d)")
"""A name between two numbers, with nothing that says street: `450 Tylova 285`."""
_CODED = re.compile(
    rf"{_ALONE}(?P<street>(?:(?:Am|An|Auf|Im|In|Zum|Zur|Unter) (?:de[rnm] )?)?{_CAPITAL} (?:{_NAME} )?"
    r"\d{1,4}[A-Za-z]?)(?=,? ?\n?(?!19\d\d|20\d\d)(?:[A-Z]{1,2}-)?\d{4,5} [^\W\d_a-z][^\W\d_])"
)
"""A name and a number before a code and a town: `Am Stadtpark 3, 22303 Hamburg`."""
_FORMS = (
    _CODED,
    _form(rf"{_NUMBER},? (?:{_NAME} ){{1,4}}?{_AFTER}", lead=rf"(?:(?P<lead>{_NUMBER}) (?=\d))?", after=r"(?![\w'])"),
    _form(
        rf"{_NUMBER},? {_KIND_BEFORE}(?:{_NAME} ?){{1,5}}?(?:(?<= ){_NUMBER}\b\.?|(?=,|\n|$| Suite| Apt| in ))",
        lead=rf"(?:(?P<lead>{_NUMBER}),? (?=\d))?",
    ),
    _PLACED,
    _form(rf"(?:(?-i:{_CAPITAL}) )?{_GLUED}\.? {_NUMBER}", after=r"\b"),
    _form(rf"{_HUNGARIAN} {_NUMBER}\.?"),
    _BARE,
    _form(_MILITARY, lead="", after=r"(?=\s{1,3}[AFD]PO )"),
    _form(r"(?:P\. ?O\. ?|PO )Box \d{1,7}|Postboks \d+|Postfach [\d ]+", after=r"\b"),
)
_CUES = (
    r"lives? (?:on|at|in)|located (?:at|on|in)|(?:north|south|east|west) side of|corner of|refers to|is on"
    r"|must enter on"
    r"|address(?: is|:)?|office is at|offices are (?:located )?at|meet (?:me|you) at|return to"
)
_CUED = re.compile(rf"(?i:\b(?:{_CUES})) (?P<street>(?:{_CAPITAL} ){{1,4}}?\d{{1,5}})\b(?![.:\-/%]\d)")
_CORNER = re.compile(
    rf"(?i:\bthe corner of) (?:{_NUMBER} )?(?:{_NAME} ){{1,6}}?(?:{_NUMBER} )?(?i:and) (?:{_NUMBER} )?"
    rf"(?:{_CAPITAL} ?){{1,4}}\d{{0,5}}"
)
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
        for match in sorted(_streets(text), key=lambda m: (m.start(), -m.end())):
            if match.start() < last:
                continue
            if match.re is _CORNER:
                last = match.end()
                yield match.start(), match.end(), Confidence.LIKELY
                continue
            address = _read(text, match)
            if match.re is _BARE and not (address.whole or address.lines or _is_asked(text, match)):
                continue
            for start, end in _shown(text, address):
                last = max(last, end)
                street = start <= match.start("street") < end
                yield start, end, Confidence.LIKELY if street else Confidence.POSSIBLE


_SPOT = re.compile(
    rf"\d(?:[A-Za-z]?,? (?:[^\W\d_a-z]|\d{{1,5}},? [^\W\d_]|(?i:{_BEFORE}) )"
    r"|(?<=[^\W\d_] \d)|(?<=\w[.,] \d))"
)
_NAMED = re.compile(rf"(?:[^\W\d_a-z][\w'’\-]*|(?i:{_ENDS}|[úu]t|u))\.? \Z")
_AROUND = 100


@lru_cache(maxsize=16_384)
def _named(word: str) -> bool:
    """Tell whether a word before a number looks like the name of a street."""
    return _NAMED.search(word) is not None


def _places(text: str) -> Iterator[tuple[int, int]]:
    """Yield the parts of a text that may hold a street: around a number beside a word that begins like one."""
    low = high = -1
    for spot in _SPOT.finditer(text):
        start = spot.start()
        near = max(start - 30, 0)
        if spot.end() == start + 1 and not _named(text[max(text.rfind(" ", near, start - 1), near) : start]):
            continue
        if start > high:
            if high >= 0:
                yield low, high
            low = max(start - _AROUND, 0)
        high = min(spot.end() + _AROUND, len(text))
    if high >= 0:
        yield low, high
    if "orner of" in text:
        yield 0, len(text)


def _streets(text: str) -> Iterator[re.Match[str]]:
    for low, high in _places(text):
        for form in (*_FORMS, _CUED):
            yield from (match for match in form.finditer(text, low, high) if _is_street(match))
        yield from _CORNER.finditer(text, low, high)


_ASKED = re.compile(
    r"(?:address|lives?|living|resid\w+|located|ship(?:ped|ping)?|deliver\w*|sent?|mail|office|offices|street|visit|moved|home"
    r"|adres\w*|adress\w*|indirizzo|direcci[oó]n|endere[cç]o|wohn\w*|property|house|building|corner|map|route|directions?|meet|taxi|cab|bus|drops?|stops?)\b[^\n]{0,48}$",
    re.IGNORECASE,
)


def _is_asked(text: str, match: re.Match[str]) -> bool:
    """Tell whether the words before a name between two numbers speak of a place."""
    return bool(_ASKED.search(text, max(match.start() - 64, 0), match.start()))


_UNITS = frozenset(
    """
    mb gb kb tb ms min mins minutes hours hour days day weeks months years year people users items percent usd eur euros
    dollars times pages rows points and or of the to in for at with by from on is was were are than more about
    january february march april may june july august september october november december
    jan feb mar apr jun jul aug sep sept oct nov dec
    """.split()  # noqa: SIM905  # read and kept in order as text
)
"""Words that tell an amount, a date or a sentence from a street."""


def _is_street(match: re.Match[str]) -> bool:
    """Tell a street from an amount, a date or a sentence between two numbers."""
    names = _LETTERS.findall(match["street"])
    plain = [fold(name) for name in names]
    if not names or any(name in _UNITS for name in plain):
        return False
    if match.re is _BARE:
        return all(name[:1].isupper() for name in names) and not _everyday(plain)
    if match.re is _PLACED:
        return any(name[:1].isupper() for name in names[1:]) or not _everyday(plain)
    return True


def _everyday(names: list[str]) -> bool:
    """Tell whether most of the words are common ones."""
    return 2 * sum(name in words("common_words") for name in names) > len(names)


_LETTERS = re.compile(r"[^\W\d_]{2,}")


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
