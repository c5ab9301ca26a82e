"""Values that look like secrets and personal data and belong to nobody, and how a fake company says where they are."""

from __future__ import annotations

import hashlib
import string
import zlib
from dataclasses import dataclass

_DIGITS = string.digits
_ALNUM = string.digits + string.ascii_uppercase + string.ascii_lowercase
_BASE32 = string.ascii_uppercase + "234567"


@dataclass(frozen=True, slots=True)
class Planted:
    """One value that must be found: in which app and resource, by which detector of which family."""

    app: str
    resource: str
    detector: str
    family: str
    place: str


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that somebody does: the webhook that tells it, and what it brings in."""

    app: str
    headers: dict[str, str]
    body: bytes
    planted: tuple[Planted, ...] = ()
    told: str = ""


def letters(length: int, seed: str, alphabet: str = _ALNUM) -> str:
    """Return `length` characters that look random and are the same for the same seed."""
    found = ""
    while len(found) < length:
        digest = hashlib.sha256(f"{seed}:{len(found)}".encode()).digest()
        found += "".join(alphabet[byte % len(alphabet)] for byte in digest)
    return found[:length]


def card(seed: str) -> str:
    """Return a number that passes the card checks, in groups of four."""
    digits = "400012" + letters(9, seed, _DIGITS)
    total = sum(_doubled(int(digit)) if place % 2 == 0 else int(digit) for place, digit in enumerate(digits))
    whole = digits + str(-total % 10)
    return " ".join(whole[place : place + 4] for place in range(0, 16, 4))


def _doubled(digit: int) -> int:
    return digit * 2 if digit < 5 else digit * 2 - 9


def social_security(seed: str) -> str:
    """Return a well-formed US social security number."""
    group, serial = 10 + int(letters(4, seed, _DIGITS)) % 80, 1000 + int(letters(6, seed, _DIGITS)) % 8000
    return f"5{letters(2, seed + 'a', '123456')}-{group}-{serial}"


def iban(seed: str) -> str:
    """Return a German IBAN with a right check."""
    account = letters(18, seed, _DIGITS)
    check = 98 - int(account + "131400") % 97
    whole = f"DE{check:02d}{account}"
    return " ".join(whole[place : place + 4] for place in range(0, 22, 4))


def aws_key(seed: str) -> str:
    """Return an AWS access key id."""
    return "AKIA" + letters(16, seed, _BASE32)


def github_token(seed: str) -> str:
    """Return a GitHub personal access token with a right checksum."""
    body, check, tail = letters(30, seed), zlib.crc32(letters(30, seed).encode()), ""
    while len(tail) < 6:
        check, place = divmod(check, 62)
        tail = _ALNUM[place] + tail
    return "ghp_" + body + tail


def stripe_key(seed: str) -> str:
    """Return a Stripe secret key."""
    return "sk_" + "live_" + letters(24, seed)


def slack_token(seed: str) -> str:
    """Return a Slack bot token."""
    return f"xoxb-{letters(12, seed, _DIGITS)}-{letters(12, seed + 'b', _DIGITS)}-{letters(24, seed + 'c')}"


def database_url(seed: str) -> str:
    """Return a database address with a password."""
    return f"postgres://orders:{letters(16, seed)}@db1.internal.acme.example:5432/orders"


def private_key(seed: str) -> str:
    """Return what looks like a private key."""
    lines = [letters(64, f"{seed}{number}", _ALNUM + "+/") for number in range(12)]
    return "\n".join(["-----BEGIN RSA " + "PRIVATE KEY-----", *lines, "-----END RSA " + "PRIVATE KEY-----"])
