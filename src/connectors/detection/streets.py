"""The forms that streets take in some thirty countries, and where in a text one of them may stand.

Forms as national post offices describe them:
https://www.upu.int/en/postal-solutions/programmes-services/addressing-solutions
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from connectors.detection.lexicon import fold, words

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
_PUBLIC = r"(?:u\.|utca|[úu]t|[úu]tja|t[ée]r|tere|k[öo]z|k[öo]r[úu]t|sor|sugár[úu]t)"
_HUNGARIAN = rf"(?:{_NAME} ){{1,3}}{_PUBLIC}"
_KIND_BEFORE = rf"{_BEFORE}(?:(?<=/)|(?<=\.) ?| )(?:d'|l')?"
_ALONE = r"(?<![\w.,/\-#:$€£])"
_LEAD = rf"(?:(?P<lead>{_NUMBER}),? )?"
_MILITARY = rf"(?:PSC|CMR|UNIT) \d{{1,5}},? BOX \d{{1,5}}|US(?:NV|NS|CGC|S) {_NAME}"


def _form(street: str, *, lead: str = _LEAD, after: str = "") -> re.Pattern[str]:
    return re.compile(f"{_ALONE}{lead}(?P<street>{street}){after}", re.IGNORECASE)


_PLACED = _form(rf"\b{_KIND_BEFORE}(?:{_NAME} ){{1,5}}?{_NUMBER}\b\.?")
"""A kind of street, its name and a number: `Via delle Coste 41`."""
BARE = _form(rf"(?:{_NAME} ){{1,4}}?\d{{1,5}}[A-Za-z]?", lead=rf"(?P<lead>{_NUMBER}) ", after=r"\b(?![.:\-/]\d)")
"""A name between two numbers, with nothing that says street: `450 Tylova 285`."""
_CODED = re.compile(
    rf"{_ALONE}(?P<street>(?:(?:Am|An|Auf|Im|In|Zum|Zur|Unter) (?:de[rnm] )?)?{_CAPITAL} (?:{_NAME} )?"
    r"\d{1,4}[A-Za-z]?)(?=,? ?\n?(?!19\d\d|20\d\d)(?:[A-Z]{1,2}-)?\d{4,5} [^\W\d_a-z][^\W\d_])"
)
"""A name and a number before a code and a town: `Am Stadtpark 3, 22303 Hamburg`."""
_CUES = (
    r"lives? (?:on|at|in)|located (?:at|on|in)|(?:north|south|east|west) side of|corner of|refers to|is on"
    r"|must enter on"
    r"|address(?: is|:)?|office is at|offices are (?:located )?at|meet (?:me|you) at|return to"
)
_CUED = re.compile(rf"(?i:\b(?:{_CUES})) (?P<street>(?:{_CAPITAL} ){{1,4}}?\d{{1,5}})\b(?![.:\-/%]\d)")
CORNER = re.compile(
    rf"(?i:\bthe corner of) (?:{_NUMBER} )?(?:{_NAME} ){{1,6}}?(?:{_NUMBER} )?(?i:and) (?:{_NUMBER} )?"
    rf"(?:{_CAPITAL} ?){{1,4}}\d{{0,5}}"
)


_FORMS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (r"\d{4} [^\W\d_]", _CODED),
    (
        rf" {_AFTER}",
        _form(
            rf"{_NUMBER},? (?:{_NAME} ){{1,4}}?{_AFTER}", lead=rf"(?:(?P<lead>{_NUMBER}) (?=\d))?", after=r"(?![\w'])"
        ),
    ),
    (
        rf"\d[a-z]?,? {_BEFORE}[/. ]",
        _form(
            rf"{_NUMBER},? {_KIND_BEFORE}(?:{_NAME} ?){{1,5}}?(?:(?<= ){_NUMBER}\b\.?|(?=,|\n|$| Suite| Apt| in ))",
            lead=rf"(?:(?P<lead>{_NUMBER}),? (?=\d))?",
        ),
    ),
    (rf"\b{_BEFORE}[/. ]", _PLACED),
    (rf"(?:{_ENDS})\.? \d", _form(rf"(?:(?-i:{_CAPITAL}) )?{_GLUED}\.? {_NUMBER}", after=r"\b")),
    (rf" {_PUBLIC} \d", _form(rf"{_HUNGARIAN} {_NUMBER}\.?")),
    (r"\d[a-z]? [^\W\d_]", BARE),
    (r"\b(?:psc|cmr|unit|us(?:nv|ns|cgc|s)) ", _form(_MILITARY, lead="", after=r"(?=\s{1,3}[AFD]PO )")),
    (
        r"box \d|postboks|postfach",
        _form(r"(?:P\. ?O\. ?|PO )Box \d{1,7}|Postboks \d+|Postfach [\d ]+", after=r"\b"),
    ),
    (rf"\b(?:{_CUES}) ", _CUED),
)
"""Forms, each with what stands in the lower case of every part that holds one, and is quicker to look for."""
_HINTS = tuple((re.compile(hint).search, form) for hint, form in _FORMS)


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


def streets(text: str) -> Iterator[re.Match[str]]:
    """Yield the beginnings of addresses: a street with its number, in the group `street`."""
    for low, high in _places(text):
        part = text[low:high].lower()
        for hint, form in _HINTS:
            if hint(part):
                yield from (match for match in form.finditer(text, low, high) if _is_street(match))
        if "the corner of" in part:
            yield from CORNER.finditer(text, low, high)


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
    if match.re is BARE:
        return all(name[:1].isupper() for name in names) and not _everyday(plain)
    if match.re is _PLACED:
        return any(name[:1].isupper() for name in names[1:]) or not _everyday(plain)
    return True


def _everyday(names: list[str]) -> bool:
    """Tell whether most of the words are common ones."""
    return 2 * sum(name in words("common_words") for name in names) > len(names)


_LETTERS = re.compile(r"[^\W\d_]{2,}")
