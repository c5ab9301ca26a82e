"""Passwords, time-based codes and signed links."""

from __future__ import annotations

import base64
import hmac
import json
import secrets
import struct
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import quote

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from connectors.errors import Unverified
from connectors.vault import Vault

SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 256
STEP = 30
"""Seconds that a time-based code holds."""


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()


@cache
def _nobody() -> str:
    """Return a hash that no password fits: an unknown name takes as long as a wrong password."""
    return _hasher().hash(secrets.token_urlsafe(32))


def hash_password(password: str) -> str:
    """Return the argon2id hash of a password."""
    return _hasher().hash(password)


def check_password(stored: str, password: str) -> bool:
    """Tell whether a password fits a stored hash; an empty one fits nothing, in the same time."""
    if len(password) > LONGEST_PASSWORD:
        return False
    try:
        return _hasher().verify(stored or _nobody(), password) and bool(stored)
    except (Argon2Error, InvalidHashError):
        return False


def weakness(password: str, name: str) -> str:
    """Say why a password is not taken; empty when it is."""
    if len(password) < SHORTEST_PASSWORD:
        return f"a password has at least {SHORTEST_PASSWORD} characters"
    if len(password) > LONGEST_PASSWORD:
        return f"a password has at most {LONGEST_PASSWORD} characters"
    if len(set(password)) < 5 or (name and name.lower() in password.lower()):
        return "a password does not repeat few characters, nor holds the name"
    return ""


def new_totp() -> str:
    """Return a fresh secret for time-based codes, base32."""
    return base64.b32encode(secrets.token_bytes(20)).decode()


def totp(secret: str, step: int) -> str:
    """Return the six digits of a time step, https://www.rfc-editor.org/rfc/rfc6238 with HMAC-SHA-1."""
    digest = hmac.digest(base64.b32decode(secret), struct.pack(">Q", step), "sha1")
    offset = digest[-1] & 0x0F
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{number % 1_000_000:06d}"


def totp_step(secret: str, code: str, now: datetime) -> int | None:
    """Return the time step that a code is for, one step early or late included; None when it is wrong."""
    given = "".join(code.split())
    current = int(now.timestamp()) // STEP
    steps = (current - 1, current, current + 1)
    found = [step for step in steps if hmac.compare_digest(totp(secret, step).encode(), given.encode())]
    return found[-1] if found else None


def totp_uri(secret: str, name: str) -> str:
    """Return the address that authenticator apps read."""
    return f"otpauth://totp/connectors:{quote(name)}?secret={secret}&issuer=connectors"


def make_link(vault: Vault, purpose: str, values: Mapping[str, Any], until: datetime) -> str:
    """Return a signed token that holds `values` for one purpose until a time. It hides nothing."""
    body = json.dumps({**values, "until": int(until.timestamp())}, separators=(",", ":"), sort_keys=True).encode()
    return f"{base64.urlsafe_b64encode(body).rstrip(b'=').decode()}.{vault.sign(purpose, body)}"


def read_link(vault: Vault, purpose: str, token: str, now: datetime) -> dict[str, Any]:
    """Return what `make_link` was given. Raises `Unverified` for a token that is not ours, or is over."""
    encoded, _, signature = token.partition(".")
    try:
        body = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise Unverified("this link is not valid") from None
    if not vault.verify(purpose, body, signature):
        raise Unverified("this link is not valid")
    values: dict[str, Any] = json.loads(body)
    if values["until"] < now.timestamp():
        raise Unverified("this link has expired")
    return values
