"""Checks of mail addresses, phone numbers, network addresses and dates."""

from __future__ import annotations

import ipaddress
import re
from datetime import date
from functools import lru_cache

from connectors.detection.checks.numbers import digits
from connectors.detection.checks.registry import check
from connectors.detection.lexicon import fold
from connectors.model import Confidence

_ENDINGS = "png jpg jpeg gif svg webp ico css js mjs ts py md json yaml yml html map"
_FILES = frozenset(_ENDINGS.split())


@check
def email_address(value: str, _text: str, _start: int, _end: int, /) -> bool:
    """Keep an address with well-formed parts, and that is no file name such as `icon@2x.png`."""
    local, _, domain = value.rpartition("@")
    top = domain.rpartition(".")[2]
    if (
        not local
        or not top.isalpha()
        or len(top) < 2
        or top.lower() in _FILES
        or ".." in local
        or "'" in (local[0], local[-1])
    ):
        return False
    return local[0] not in ".%-" and local[-1] not in ".%" and domain[0] != "-" and "-." not in domain


@check
def ip_address(value: str, _text: str, _start: int, _end: int, /) -> bool:
    """Keep what the standard library reads as an address, a prefix length allowed."""
    try:
        ipaddress.ip_interface(value)
    except ValueError:
        return False
    return True


@check
def public_ip(value: str, text: str, start: int, _end: int, /) -> Confidence | bool:
    """Judge an address: one of a private, loopback or documentation range is POSSIBLE, the unspecified one none.

    The version of a program (`LibreOffice/7.4.7.2`) is none: https://datatracker.ietf.org/doc/html/rfc9110#section-10.1.5
    """
    try:
        address = ipaddress.ip_interface(value).ip
    except ValueError:
        return False
    if address.is_unspecified or (address.is_global and _PROGRAM.search(text, max(start - 32, 0), start)):
        return False
    return Confidence.VERY_LIKELY if address.is_global else Confidence.POSSIBLE


_PROGRAM = re.compile(r"(?<![\w./\-])[A-Z][A-Za-z]{2,30}/\Z")


@check
def ipv6(value: str, text: str, start: int, end: int, /) -> Confidence | bool:
    """Judge an IPv6 address as `public_ip` does; names such as `a::b` of a program are none."""
    if sum(c.isdigit() for c in value) < 2 or len(value) < 6:
        return False
    return public_ip(value, text, start, end)


@check
def mac_address(value: str, _text: str, _start: int, _end: int, /) -> bool:
    """Keep a hardware address that is not all zeros or ones, nor dotted decimal digits."""
    plain = re.sub(r"[^0-9a-f]", "", value.lower())
    return len(set(plain)) > 2 and not (plain.isdigit() and "." in value)


_EXTENSION = re.compile("[xe]")
_NO_PART = bytes({*range(256)} - {*b"+0123456789"})
_NO_PHONE = re.compile(r"\d{4}-\d\d-\d\d|\d\d?[./]\d\d?[./]\d{4}|\d{3}-\d\d-\d{4}|\d{1,3}(?:\.\d{1,3}){3}")


@check
def local_phone(value: str, _text: str, _start: int, _end: int, /) -> bool:
    """Keep a number without country code: 7 to 13 digits, no date, address or social security number."""
    number = digits(value)
    return 7 <= len(number) <= 13 and len(set(number)) > 2 and not _NO_PHONE.fullmatch(value)


@check
def phone_number(value: str, _text: str, _start: int, _end: int, /) -> Confidence | bool:
    """Judge a phone number: by the shape of the North American plan, else by the plans that phonenumbers carries."""
    extension = _EXTENSION.search(value)
    number = value[: extension.start()] if extension else value
    plain = number.encode("ascii", "ignore").translate(None, _NO_PART).decode()
    if len(plain) < 7:
        return False
    if plain.startswith("+1") or plain[0] not in "+0":
        number = plain[-10:]
        shaped = len(plain) in (10, 11, 12) and number[0] > "1" and len(set(number)) > 2
        return Confidence.LIKELY if shaped and number[3] > "1" else shaped and Confidence.POSSIBLE
    return _plan("+" + plain[2:] if plain.startswith("00") else plain)


@lru_cache(maxsize=8192)
def _plan(value: str) -> Confidence | bool:
    """Return what phonenumbers says of a number with country code."""
    import phonenumbers  # here, because its metadata takes longer to import than a first scan

    try:
        number = phonenumbers.parse(value, None)
    except phonenumbers.NumberParseException:
        return False
    if phonenumbers.is_valid_number(number):
        return True
    return Confidence.POSSIBLE if phonenumbers.is_possible_number(number) else False


def day(year: int, month: int, day: int) -> bool:
    try:
        date(year if year > 99 else 1900 + year, month, day)
    except ValueError:
        return False
    return 0 <= year <= 2200


@check
def calendar_date(value: str, _text: str, _start: int, _end: int, /) -> bool:
    """Keep digits that are a day of the calendar, read as year first, month first or day first."""
    parts = [int(part) for part in re.findall(r"\d+", value)]
    if len(parts) != 3:
        return len(parts) in (1, 2)
    a, b, c = parts
    return day(a, b, c) or day(c, a, b) or day(c, b, a)


_MONTHS = frozenset(
    """
    jan feb mar apr may jun jul aug sep oct nov dec mai mei maj maa okt dez des dic ene abr ago set out gen mag giu
    lug ott fev avr jui aou sty lut kwi cze lip sie wrz paz lis gru янв фев мар апр мая маи май июн июл авг
    сен окт ноя дек
    """.split()  # noqa: SIM905  # read and kept in order as text
)
"""How months begin in the languages whose words for birth are known, without accents."""


@check
def birth_date(value: str, text: str, start: int, end: int, /) -> bool:
    """Keep a day on which a living person may have been born."""
    if len(value) == 8 and value.isdecimal():
        parts = (
            (value[:4], value[4:6], value[6:]),
            (value[4:], value[2:4], value[:2]),
            (value[4:], value[:2], value[2:4]),
        )
        return any(_lived(int(year)) and day(int(year), int(month), int(of)) for year, month, of in parts)
    written = re.search(r"[^\W\d_]{3,}", value)
    if written and written[0] not in ("年", "月", "日") and fold(written[0])[:3] not in _MONTHS:
        return False
    years = [int(part) for part in re.findall(r"\d{4}", value)]
    return calendar_date(value, text, start, end) is True and all(map(_lived, years))


def _lived(year: int) -> bool:
    return 1900 <= year <= date.today().year  # noqa: DTZ011  # a day more or less is the same year nearly always
