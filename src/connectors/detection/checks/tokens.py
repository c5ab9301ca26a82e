"""Checks of tokens and keys: templates and placeholders out, checksums and entropy in."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
import re
import zlib
from collections import Counter

from connectors.detection.checks.registry import CHECKS, check
from connectors.detection.validation import Validator
from connectors.model import Confidence

TEMPLATE = re.compile(
    r"\$\{|\{\{|\$\(|<[^>]{0,60}>|%\(|%s|\[[A-Z_ ]{3,}\]|process\.env|os\.environ|getenv|\*{4,}|\.{4,}"
    r"|x{5,}|X{5,}|#\{|@\{|\bnull\b|\bundefined\b"
)


SAMPLE = re.compile(
    r"example|sample|placeholder|change_?-?me|your[_-]?|dummy|redacted|replace[_-]?(?:me|with)|insert[_-]?"
    r"|to-?do\b|<|>|f[o0]{2}b[a4]r|hidden|removed",
    re.IGNORECASE,
)


RUNS = re.compile(r"0123456|1234567|2345678|9876543|abcdefg|bcdefgh|qwerty|deadbeef", re.IGNORECASE)


def entropy(value: str) -> float:
    """Return the Shannon entropy of the characters of `value`, in bits per character."""
    total = len(value)
    if not total:
        return 0.0
    return -sum(n / total * math.log2(n / total) for n in Counter(value).values())


@check
def not_template(value: str, _text: str, _start: int, _end: int, /) -> bool:
    """Drop references and blanks: `${VAR}`, `{{ var }}`, `<token>`, `xxxxx`, `*****`, `aaaaa`."""
    return not TEMPLATE.search(value) and len(set(value)) > 3


@check
def not_placeholder(value: str, text: str, start: int, end: int, /) -> Confidence | bool:
    """Drop templates and sample words; a value with a counted-up run (`1234567`, `abcdefg`) is POSSIBLE."""
    if not not_template(value, text, start, end) or SAMPLE.search(value):
        return False
    return Confidence.POSSIBLE if RUNS.search(value) else True


@check
def mixed(value: str, _text: str, _start: int, _end: int, /) -> bool:
    """Keep values with both letters and digits, which words and counters are not."""
    return any(c.isdigit() for c in value) and any(c.isalpha() for c in value)


def _floor(bits: float) -> Validator:
    def judge(value: str, _text: str, _start: int, _end: int, /) -> bool:
        return entropy(value) >= bits

    return judge


for _bits in (2.0, 2.5, 3.0, 3.5, 4.0):
    CHECKS[f"entropy_{_bits:.1f}"] = _floor(_bits)

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@check
def crc32_base62(value: str, _text: str, _start: int, _end: int, /) -> Confidence:
    """Judge a GitHub or npm token by the CRC-32 in its last six characters.

    https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/
    """
    body = value.partition("_")[2]
    number = 0
    for char in body[-6:]:
        number = number * 62 + max(0, _BASE62.find(char))
    return Confidence.VERY_LIKELY if number == zlib.crc32(body[:-6].encode()) else Confidence.POSSIBLE


def _unpad(segment: str) -> bytes:
    return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))


@check
def jwt_header(value: str, _text: str, _start: int, _end: int, /) -> bool:
    """Keep a JSON web token whose header decodes to an object with `alg` or `enc` (RFC 7515, RFC 7516)."""
    try:
        header = json.loads(_unpad(value.split(".", 1)[0]))
    except (ValueError, binascii.Error):
        return False
    return isinstance(header, dict) and ("alg" in header or "enc" in header)


_KEY_BODY = re.compile(r"[A-Za-z0-9+/=]{20}")


@check
def pem_base64(value: str, _text: str, _start: int, _end: int, /) -> bool:
    """Keep base64 of an armoured private key."""
    try:
        return b"PRIVATE KEY" in base64.b64decode(value[:80])
    except ValueError:
        return False


@check
def pem_body(value: str, _text: str, _start: int, _end: int, /) -> bool:
    """Keep an armoured key that has key material below its first line, not dots or a blank."""
    body = value.split("-----", 2)[-1].split("-----END")[0]
    found = "".join(_KEY_BODY.findall(body))
    return len(found) >= 40 and len(set(found)) > 10


_WORDY = re.compile(r"[A-Za-z]{2,}(?:[_.\-/: ][A-Za-z]+)+|[A-Z]?[a-z]+(?:[A-Z][a-z]+)+\d{0,2}|[a-z]+|[A-Z]+")


CODE = re.compile(
    r"\(|\)|;|\{|\}|::|->|\[\]|^(?:self|this|env|config|settings|params|args|options|request|props|data|process|os)\."
    r"|^(?:https?|file|ftp|arn|urn|data|sha\d+|md5)[:\-]|^[./~]|\\|^@|^\$|^%|^--"
)


_STAMP = re.compile(r"[\dTZ:., /+]*[TZ:.,\- /+][\dTZ:.,\- /+]*|v?\d+(?:\.\d+){1,3}[\w.\-]*")


@check
def random_value(value: str, text: str, start: int, end: int, /) -> Confidence | bool:
    """Judge whether a value assigned to a key-like name was drawn, not written: no words, code, dates or paths.

    Two kinds of characters and some entropy are the least; a counted-up run leaves it POSSIBLE.
    """
    verdict = not_placeholder(value, text, start, end)
    if verdict is False or _WORDY.fullmatch(value) or CODE.search(value) or _STAMP.fullmatch(value):
        return False
    count = sum(c.isdigit() for c in value)
    drawn = count >= 2 or (len(value) >= 24 and entropy(value) >= 4.2)
    if not drawn or entropy(value) < 2.5 or (count == len(value) and count < 24):
        return False
    return Confidence.POSSIBLE if len(value) < 16 else verdict


_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


@check
def base58check(value: str, _text: str, _start: int, _end: int, /) -> bool:
    """Keep base58 whose last four bytes are its double SHA-256 checksum (Bitcoin keys and addresses)."""
    number = 0
    for char in value:
        at = _BASE58.find(char)
        if at < 0:
            return False
        number = number * 58 + at
    zeros = len(value) - len(value.lstrip("1"))
    raw = b"\0" * zeros + number.to_bytes((number.bit_length() + 7) // 8, "big")
    digest = hashlib.sha256(hashlib.sha256(raw[:-4]).digest()).digest()
    return len(raw) > 20 and digest[:4] == raw[-4:]


_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


@check
def bech32(value: str, _text: str, _start: int, _end: int, /) -> bool:
    """Keep an address whose bech32 or bech32m checksum agrees (BIP 173, BIP 350)."""
    prefix, _, data = value.lower().rpartition("1")
    marks = [_BECH32.find(c) for c in data]
    if not prefix or min(marks, default=-1) < 0:
        return False
    total = 1
    for mark in (*(ord(c) >> 5 for c in prefix), 0, *(ord(c) & 31 for c in prefix), *marks):
        top, total = total >> 25, (total & 0x1FFFFFF) << 5 ^ mark
        for bit, part in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            total ^= part if top >> bit & 1 else 0
    return total in (1, 0x2BC830A3)


_COMMON = "the and for you your with are was not but this that from have has will then them they into"
_EVERYDAY = frozenset(_COMMON.split())


@check
def seed_words(value: str, _text: str, _start: int, _end: int, /) -> bool:
    """Keep 12, 15, 18, 21 or 24 words none of which is a word of everyday sentences that BIP 39 lacks."""
    words = value.lower().split()
    return len(words) in (12, 15, 18, 21, 24) and not _EVERYDAY.intersection(words)
