"""Checks of national identifiers that python-stdnum does not have."""

from __future__ import annotations

import re

from connectors.detection.checks.contact import day
from connectors.detection.checks.numbers import digits, weighted
from connectors.detection.checks.registry import check


@check
def nino_prefix(value: str, _text: str, _start: int, _end: int, /) -> bool:
    """Keep a national insurance number without a prefix that is never given (NIM39110)."""
    return value[:2].upper() not in ("BG", "GB", "KN", "NK", "NT", "TN", "ZZ")


@check
def chi_digit(value: str, _text: str, _start: int, _end: int, /) -> bool:
    """Keep a community health index number by its modulus 11 check digit."""
    number = digits(value)
    return len(number) == 10 and (11 - weighted(number, tuple(range(10, 1, -1))) % 11) % 11 == int(number[9])


@check
def kvnr_digit(value: str, _text: str, _start: int, _end: int, /) -> bool:
    """Keep a German health insurance number: letter as two digits, then Luhn from the left."""
    number = f"{ord(value[:1].upper() or 'A') - 64:02d}{digits(value)}"
    if len(number) != 11:
        return False
    products = (int(d) * (1 + index % 2) for index, d in enumerate(number[:10]))
    return sum(p // 10 + p % 10 for p in products) % 10 == int(number[10])


@check
def birth_prefix(value: str, _text: str, _start: int, _end: int, /) -> bool:
    """Keep a number that starts with a day of birth as year, month and day."""
    number = digits(value)
    return (
        len(number) >= 8
        and 1900 <= int(number[:4]) <= 2100
        and day(*(int(number[a:b]) for a, b in ((0, 4), (4, 6), (6, 8))))
    )


@check
def snils_digits(value: str, _text: str, _start: int, _end: int, /) -> bool:
    """Keep a Russian insurance number by its two check digits."""
    number = digits(value)
    return len(number) == 11 and weighted(number, tuple(range(9, 0, -1))) % 101 % 100 == int(number[9:])


@check
def hkid_digit(value: str, _text: str, _start: int, _end: int, /) -> bool:
    """Keep a Hong Kong identity card number by its check digit in brackets."""
    plain = re.sub(r"\W", "", value).upper().rjust(9)
    if len(plain) != 9 or not plain.isascii():
        return False
    marks = [36 if c == " " else int(c, 36) for c in plain]
    return sum(mark * weight for mark, weight in zip(marks, range(9, 0, -1), strict=True)) % 11 == 0


@check
def twid_digit(value: str, _text: str, _start: int, _end: int, /) -> bool:
    """Keep a Taiwanese identity number by its letter and check digit."""
    place = "ABCDEFGHJKLMNPQRSTUVXYWZIO".find(value[:1].upper()) + 10
    number = digits(value)
    return (
        bool(value)
        and len(number) == 9
        and (place // 10 + place % 10 * 9 + weighted(number, (8, 7, 6, 5, 4, 3, 2, 1, 1))) % 10 == 0
    )


@check
def nric_letter(value: str, _text: str, _start: int, _end: int, /) -> bool:
    """Keep a Singapore NRIC or FIN by its last letter."""
    number, first = digits(value), value[:1].upper()
    if len(number) != 7 or first not in tuple("STFGM"):
        return False
    total = weighted(number, (2, 7, 6, 5, 4, 3, 2)) + {"T": 4, "G": 4, "M": 3}.get(first, 0)
    letters = {"S": "JZIHGFEDCBA", "T": "JZIHGFEDCBA", "M": "KLJNPQRTUWX"}.get(first, "XWUTRQPNMLK")
    return letters[10 - total % 11 if first == "M" else total % 11] == value[-1].upper()


@check
def medicare_digit(value: str, _text: str, _start: int, _end: int, /) -> bool:
    """Keep an Australian Medicare number by its ninth digit."""
    number = digits(value)
    return len(number) >= 10 and weighted(number[:8], (1, 3, 7, 9, 1, 3, 7, 9)) % 10 == int(number[8])


@check
def kwid_digit(value: str, _text: str, _start: int, _end: int, /) -> bool:
    """Keep a Kuwaiti civil id by its check digit."""
    number = digits(value)
    return len(number) == 12 and 11 - weighted(number[:11], (2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)) % 11 == int(number[11])


@check
def melli_digit(value: str, _text: str, _start: int, _end: int, /) -> bool:
    """Keep an Iranian national code by its check digit."""
    number = digits(value)
    if len(number) != 10 or len(set(number)) < 2:
        return False
    rest = weighted(number[:9], tuple(range(10, 1, -1))) % 11
    return int(number[9]) == (rest if rest < 2 else 11 - rest)
