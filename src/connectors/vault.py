"""Encryption at rest with rotation, and keyed fingerprints.

Every ciphertext is bound to what it belongs to: a value copied to another row does not decrypt there.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from connectors.errors import ConfigError

_COMPACT = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)


class Vault:
    """Encrypts and fingerprints with the keys of this installation.

    `keys` are Fernet keys, newest first: the first encrypts, all decrypt. `fingerprint_key` must never change,
    or known values would no longer be recognised; it is independent of rotation for that reason.
    """

    def __init__(self, keys: Sequence[str], fingerprint_key: str) -> None:
        if not keys:
            raise ConfigError(
                "the vault has no key",
                hint="write `vault: {keys: [...]}` or let `connectors db upgrade` make a key file",
            )
        try:
            self._fernet = MultiFernet([Fernet(key) for key in keys])
        except ValueError as error:
            raise ConfigError("a vault key is not a Fernet key", hint="make one with `connectors vault key`") from error
        self._fingerprint_key = derive(fingerprint_key.encode(), "fingerprint")
        self._signing_key = derive(fingerprint_key.encode(), "signing")

    def __repr__(self) -> str:
        return "<Vault>"

    def encrypt(self, plain: bytes, *, context: str) -> bytes:
        """Encrypt `plain` for the place that `context` names, such as a row's natural key."""
        return self._fernet.encrypt(_bound(context) + plain)

    def decrypt(self, token: bytes, *, context: str) -> bytes:
        """Return what `encrypt` was given. Raises `ConfigError` when no key fits or the place is another one."""
        try:
            plain = self._fernet.decrypt(token)
        except InvalidToken as error:
            raise ConfigError(
                "a stored value cannot be decrypted",
                hint="put the vault key that wrote it back into `vault.keys`",
            ) from error
        if not hmac.compare_digest(plain[:16], _bound(context)):
            raise ConfigError("a stored value belongs to another place", hint="the database was changed by hand")
        return plain[16:]

    def rotate(self, token: bytes) -> bytes:
        """Encrypt a stored value again, with the first key."""
        return self._fernet.rotate(token)

    def seal(self, value: Any, *, context: str) -> bytes:
        """Encrypt a JSON-able value."""
        text = _COMPACT.encode(value)
        # Apps cut texts inside an emoji: half of one is no Unicode, and must come back as it was.
        return self.encrypt(text.encode("utf-8", "surrogatepass"), context=context)

    def open(self, token: bytes, *, context: str) -> Any:
        """Return the value that `seal` was given."""
        return json.loads(self.decrypt(token, context=context))

    def fingerprint(self, *, tenant: str, family: str, value: str) -> str:
        """Return the keyed identity of a normalized value: equal values of a tenant have equal fingerprints.

        HMAC-SHA256, because a plain hash of a card or social security number is reversed by enumeration.
        """
        message = f"{tenant}\x1f{family}\x1f{value}".encode("utf-8", "surrogatepass")
        return hmac.new(self._fingerprint_key, message, hashlib.sha256).hexdigest()[:40]

    def sign(self, purpose: str, message: bytes) -> str:
        """Return a URL-safe signature of `message` that holds for one purpose only."""
        digest = hmac.new(self._signing_key, purpose.encode() + b"\x1f" + message, hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    def verify(self, purpose: str, message: bytes, signature: str) -> bool:
        """Tell in constant time whether `sign` made this signature."""
        return hmac.compare_digest(self.sign(purpose, message).encode(), signature.encode())


def new_key() -> str:
    """Return a fresh vault key."""
    return Fernet.generate_key().decode()


def derive(secret: bytes, purpose: str) -> bytes:
    """Derive an independent 32-byte key from a secret."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose.encode()).derive(secret)


def load_key_file(path: Path, *, create: bool) -> tuple[tuple[str, ...], str]:
    """Read (keys, fingerprint key) from a key file, making it readable by its owner only when it is new.

    Raises `ConfigError` when it is absent and may not be made, or cannot be read.
    """
    if not path.exists():
        if not create:
            raise ConfigError(
                f"the key file {path} is missing",
                hint="restore it from your backup: without it stored values cannot be read",
            )
        content = {"keys": [new_key()], "fingerprint_key": secrets.token_urlsafe(32)}
        write_key_file(path, tuple(content["keys"]), str(content["fingerprint_key"]), exclusive=True)
    try:
        stored = json.loads(path.read_text())
        return tuple(stored["keys"]), stored["fingerprint_key"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"the key file {path} cannot be read", hint="it must hold the JSON that `connectors` wrote"
        ) from error


def write_key_file(path: Path, keys: Sequence[str], fingerprint_key: str, *, exclusive: bool = False) -> None:
    """Write a key file that only its owner can read; with `exclusive`, never over one that another process made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump({"keys": list(keys), "fingerprint_key": fingerprint_key}, file)
        file.flush()
        os.fsync(file.fileno())
    if not exclusive:
        temporary.replace(path)
        return
    try:
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        temporary.unlink()


def _bound(context: str) -> bytes:
    return hashlib.sha256(context.encode()).digest()[:16]
