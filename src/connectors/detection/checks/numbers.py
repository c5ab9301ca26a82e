"""Checks of cards, accounts, licences and other numbers with check digits."""

from __future__ import annotations

from connectors.detection.checks.registry import check
from connectors.detection.checks.tokens import RUNS, mixed
from connectors.model import Confidence


def digits(value: str) -> str:
    """Return the decimal digits of `value`."""
    return "".join(c for c in value if c.isdigit())


def luhn(number: str) -> bool:
    total = 0
    for place, digit in enumerate(map(int, reversed(number))):
        double = 2 * digit if place % 2 else digit
        total += double - 9 if double > 9 else double
    return bool(number) and total % 10 == 0


def weighted(number: str, weights: tuple[int, ...]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(number, weights, strict=False))


_ISSUERS: tuple[tuple[int, int, frozenset[int]], ...] = tuple(
    (low, high, frozenset(lengths))
    for low, high, lengths in (
        (4, 4, (13, 16, 19)),
        (51, 55, (16,)),
        (2221, 2720, (16,)),
        (34, 34, (15,)),
        (37, 37, (15,)),
        (6011, 6011, (16, 19)),
        (622126, 622925, (16, 17, 18, 19)),
        (644, 649, (16, 19)),
        (65, 65, (16, 19)),
        (300, 305, (14, 16, 19)),
        (309, 309, (14, 16, 19)),
        (36, 36, (14, 16, 19)),
        (38, 39, (14, 16, 19)),
        (3528, 3589, (16, 17, 18, 19)),
        (2131, 2131, (15,)),
        (1800, 1800, (15,)),
        (62, 62, (16, 17, 18, 19)),
        (81, 82, (16,)),
        (2200, 2204, (16, 17, 18, 19)),
        (500, 509, (12, 13, 14, 15, 16, 17, 18, 19)),
        (56, 58, (12, 13, 14, 15, 16, 17, 18, 19)),
        (60, 60, (12, 13, 14, 15, 16, 17, 18, 19)),
        (63, 64, (12, 13, 14, 15, 16, 17, 18, 19)),
        (66, 69, (12, 13, 14, 15, 16, 17, 18, 19)),
        (9792, 9792, (16,)),
    )
)


def _issuer(number: str) -> bool:
    return any(
        low <= int(number[: len(str(low))]) <= high and len(number) in lengths for low, high, lengths in _ISSUERS
    )


@check
def card(value: str, _text: str, _start: int, _end: int, /) -> Confidence | bool:
    """Judge a payment card number: Luhn digit (ISO/IEC 7812-1), an issuer's range and one of its lengths.

    A number of the block around JCB's range that is not given out is POSSIBLE.
    """
    number = digits(value)
    if len(set(number)) < 3 or not luhn(number):
        return False
    spare = len(number) == 16 and number.startswith("35") and not _issuer(number)
    return Confidence.POSSIBLE if spare else _issuer(number)


@check
def luhn_digit(value: str, _text: str, _start: int, _end: int, /) -> bool:
    """Keep a number whose last digit is its Luhn digit."""
    return luhn(digits(value))


_PUBLISHED = frozenset({"078051120", "219099999", "123456789", "111111111", "333333333", "987654321", "999999999"})


@check
def us_ssn(value: str, _text: str, _start: int, _end: int, /) -> Confidence | bool:
    """Judge a social security number: no part is zero; one never issued (666, 9xx) is UNLIKELY.

    https://www.ssa.gov/employer/randomization.html
    """
    number = digits(value)
    if len(number) != 9:
        return False
    area, group, serial = number[:3], number[3:5], number[5:]
    if area == "000" or group == "00" or serial == "0000" or number in _PUBLISHED:
        return False
    if area == "666" or area[0] == "9":
        return Confidence.UNLIKELY if "12345" not in number else False
    return True


def _is_iban(value: str) -> bool:
    from stdnum import iban as accounts  # here, because most texts hold none

    return bool(accounts.is_valid(value, check_country=False))


@check
def iban(value: str, _text: str, _start: int, _end: int, /) -> Confidence | bool:
    """Judge an account number by country, length and mod-97 digits (ISO 13616); banks that a country lists may be new.

    One that fails is UNLIKELY, so that only a word such as "IBAN" beside it makes a mistyped one count; a counted-up
    one is none.
    """
    if len(set(value)) > 3 and _is_iban(value.replace("-", " ")):
        return True
    flat = value.replace(" ", "").replace("-", "")
    written = len(flat) >= 18 and sum(map(str.isdigit, flat)) >= 10 and not RUNS.search(flat)
    return Confidence.UNLIKELY if written else False


@check
def some_digits(value: str, _text: str, _start: int, _end: int, /) -> bool:
    """Keep a number with at least four digits, which words are not."""
    return sum(c.isdigit() for c in value) >= 4


@check
def aba_routing(value: str, _text: str, _start: int, _end: int, /) -> bool:
    """Keep a routing number of a Federal Reserve district whose weighted sum is a multiple of ten."""
    number = digits(value)
    district = int(number[:2]) if len(number) == 9 else -1
    known = 1 <= district <= 12 or 21 <= district <= 32 or 61 <= district <= 72 or district == 80
    return known and weighted(number, (3, 7, 1) * 3) % 10 == 0


@check
def npi_digit(value: str, _text: str, _start: int, _end: int, /) -> bool:
    """Keep a national provider identifier: Luhn over 80840 and the number (45 CFR 162.406)."""
    number = digits(value)
    return len(number) == 10 and luhn("80840" + number)


@check
def dea_digit(value: str, _text: str, _start: int, _end: int, /) -> bool:
    """Keep a DEA registration number by its check digit (21 CFR 1301)."""
    number = digits(value)
    if len(number) != 7:
        return False
    return (weighted(number[0:6:2], (1, 1, 1)) + 2 * weighted(number[1:6:2], (1, 1, 1))) % 10 == int(number[6])


_VIN = dict(
    zip("0123456789ABCDEFGHJKLMNPRSTUVWXYZ", (*range(10), *range(1, 9), *range(1, 6), 7, 9, *range(2, 10)), strict=True)
)


@check
def vin_digit(value: str, _text: str, _start: int, _end: int, /) -> Confidence | bool:
    """Judge a vehicle number by the check digit of 49 CFR 565, which European makers do not use: then POSSIBLE."""
    marks = [_VIN.get(c, -1) for c in value.upper()]
    if len(marks) != 17 or min(marks) < 0 or not mixed(value, "", 0, 0):
        return False
    rest = sum(m * w for m, w in zip(marks, (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2), strict=True)) % 11
    return Confidence.LIKELY if "0123456789X"[rest] == value[8].upper() else Confidence.POSSIBLE
