"""Numbers of a workbook as the user sees them: dates, masks such as 000-00-0000, integers without exponent."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta

from lxml import etree

_BUILT_IN_DATES = frozenset({*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)})
"""Number formats that mean a date without being written out (ECMA-376 part 1, 18.8.30)."""
_DATE = "yyyy-mm-dd"
_LONGEST_MASK = 40
_MASK = re.compile(r"[0\-\\ ./()]*0[\-\\ ./()]+0[0\-\\ ./()]*")


def column(reference: str) -> int:
    """Return the 0-based column of a cell reference such as `AB12`; -1 when there is none."""
    number = 0
    for character in reference:
        if not "A" <= character <= "Z":
            break
        number = number * 26 + ord(character) - 64
    return number - 1


def epoch(is_1904: bool) -> datetime:
    """Return the day from which a workbook counts."""
    return datetime(1904, 1, 1) if is_1904 else datetime(1899, 12, 30)  # noqa: DTZ001 - sheets know no zone


def formats(styles: bytes) -> dict[str, str]:
    """Map the style index of cells to the number formats that change how a number reads."""
    codes: dict[str, str] = {}
    found: dict[str, str] = {}
    if not styles:
        return found
    try:
        root = etree.fromstring(styles, etree.XMLParser(resolve_entities=False, no_network=True, recover=True))
    except etree.LxmlError:
        return found
    if root is None:
        return found
    for element in root.iter("{*}numFmt"):
        codes[element.get("numFmtId", "")] = element.get("formatCode", "")
    for cells in root.iter("{*}cellXfs"):
        for index, style in enumerate(cells):
            if kind := _kind(style.get("numFmtId", "0"), codes):
                found[str(index)] = kind
    return found


def _kind(identifier: str, codes: dict[str, str]) -> str:
    code = codes.get(identifier, "")
    if len(code) < _LONGEST_MASK and _MASK.fullmatch(code):
        return code
    bare = re.sub(r'"[^"]*"|\\.|\[[^\]]*\]', "", code).lower()
    is_date = re.search(r"[dmyhs]", bare) and "general" not in bare
    built_in = identifier.isdigit() and int(identifier) in _BUILT_IN_DATES
    return _DATE if is_date or (built_in and not code) else ""


def shown(raw: str, code: str, start: datetime) -> str:
    """Return a stored number as its format shows it."""
    try:
        value = float(raw)
    except ValueError:
        return raw
    if code == _DATE and 0 < value < 2_958_466:
        return text(start + timedelta(days=value))
    plain = f"{value:.0f}" if value == int_or_nan(value) and abs(value) < 1e18 else raw
    return _masked(plain, code) if code and code != _DATE and plain.isdigit() else plain


def int_or_nan(value: float) -> float:
    """Return the value without its fraction; NaN and the infinities have none."""
    return float(int(value)) if abs(value) < 1e18 else float("nan")


def _masked(digits: str, code: str) -> str:
    """Lay digits into a mask from the right: 123456789 in 000-00-0000 is 123-45-6789."""
    left = list(digits.rjust(code.count("0"), "0"))
    mask = code.replace("\\", "")
    laid = [left.pop() if character == "0" else character for character in reversed(mask)]
    return "".join(left) + "".join(reversed(laid))


def text(value: object) -> str:
    """Return a cell's value as text, dates in ISO form."""
    if isinstance(value, datetime):
        whole = value.replace(microsecond=0)
        return whole.date().isoformat() if whole.time() == time() else whole.isoformat(" ")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, float) and value == int_or_nan(value):
        return f"{value:.0f}"
    return str(value)
