"""Invented values for the catalog's examples.

Token-like values are drawn from a fixed linear congruential sequence, so that no string in this repository
looks like a live secret and every run gives the same ones. Checksummed values are computed.
"""

from __future__ import annotations

import base64
import json
import zlib
from functools import lru_cache

DIGITS = "0123456789"
HEX = "0123456789abcdef"
LOWER = "abcdefghijklmnopqrstuvwxyz"
UPPER = LOWER.upper()
BASE62 = DIGITS + UPPER + LOWER


@lru_cache(maxsize=1)
def _sequence() -> tuple[int, ...]:
    state, out = 7919, []
    for _ in range(2048):
        state = (state * 1103515245 + 12345) & 0x7FFFFFFF
        out.append(state >> 15)
    return tuple(out)


@lru_cache(maxsize=32)
def _pool(alphabet: str) -> str:
    size = len(alphabet)
    return "".join([alphabet[number % size] for number in _sequence()])


def draw(alphabet: str, length: int, seed: int = 1) -> str:
    """Return `length` (at most 1,024) characters of `alphabet`, always the same for the same arguments."""
    start = (seed * 97 + length * 31) % 1024
    return _pool(alphabet)[start : start + length]


def digits(length: int, seed: int = 1) -> str:
    """Return invented decimal digits."""
    return draw(DIGITS, length, seed)


def hexa(length: int, seed: int = 1) -> str:
    """Return invented lower-case hexadecimal digits, a letter and a digit among the first two."""
    return ("c7" + draw(HEX, length, seed))[:length]


def lower(length: int, seed: int = 1) -> str:
    """Return invented lower-case letters and digits, of both kinds."""
    return ("q5" + draw(LOWER + DIGITS, length, seed))[:length]


def upper(length: int, seed: int = 1) -> str:
    """Return invented upper-case letters and digits, of both kinds."""
    return ("Q5" + draw(UPPER + DIGITS, length, seed))[:length]


def mixed(length: int, seed: int = 1) -> str:
    """Return invented letters and digits, with both cases and a digit among the first three."""
    return ("kR4" + draw(BASE62, length, seed))[:length]


def base32(length: int, seed: int = 1) -> str:
    """Return invented characters of the upper-case base32 alphabet."""
    return draw(UPPER + "234567", length, seed)


def base32z(length: int, seed: int = 1) -> str:
    """Return invented characters of the lower-case base32 alphabet, of both kinds."""
    return ("q5" + draw(LOWER + "234567", length, seed))[:length]


def uuid(seed: int = 1) -> str:
    """Return an invented version 4 UUID."""
    text = hexa(32, seed)
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"


def segment(value: object) -> str:
    """Return `value` as an unpadded base64url JSON segment, the way a JSON web token carries it."""
    text = json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def jwt(header: dict[str, str] | None = None, claims: dict[str, object] | None = None) -> str:
    """Return a JSON web token with an invented signature."""
    head = segment(header or {"alg": "HS256", "typ": "JWT"})
    return f"{head}.{segment(claims or {'sub': 'u-4711', 'iat': 1700000000})}.{mixed(43)}"


def crc_base62(payload: str, width: int = 6) -> str:
    """Return the CRC-32 of `payload` in base 62, as GitHub and npm end their tokens."""
    value, out = zlib.crc32(payload.encode()), ""
    while value:
        value, rest = divmod(value, 62)
        out = BASE62[rest] + out
    return out.rjust(width, "0")


def checksummed(prefix: str, length: int = 30, seed: int = 1) -> str:
    """Return a GitHub or npm token: prefix, entropy and the checksum of the entropy."""
    entropy = mixed(length, seed)
    return prefix + entropy + crc_base62(entropy)


def luhn(partial: str) -> str:
    """Return `partial` with its Luhn check digit appended."""
    total = 0
    for index, char in enumerate(reversed(partial)):
        digit = int(char) * (2 if index % 2 == 0 else 1)
        total += digit - 9 if digit > 9 else digit
    return partial + str(-total % 10)


def pem(label: str, body: str = "", lines: int = 3) -> str:
    """Return an armoured block with an invented body, its markers joined here and nowhere else."""
    dashes = "-" * 5
    text = body or "\n".join(mixed(64, seed) for seed in range(1, lines + 1))
    return f"{dashes}BEGIN {label}{dashes}\n{text}\n{dashes}END {label}{dashes}"
