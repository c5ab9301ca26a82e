"""Encryption at rest with rotation, and keyed fingerprints.

A sealed value is AES-256-GCM: `version, key name, salt, nonce, ciphertext, tag`. The key that encrypts is derived from
a vault key and the salt, which a process draws anew every few million values: so random nonces stay far from meeting,
however many values an installation seals. Every value is bound to what it belongs to: copied to another row, it does
not decrypt there.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from connectors.errors import ConfigError

_COMPACT = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)

_VERSION = b"\x01"
_NAME, _SALT, _NONCE, _TAG = 4, 16, 12, 16
_HEAD = len(_VERSION) + _NAME + _SALT
_VALUES_PER_SALT = 2**22
_SALTS_KEPT = 4096


class _Key:
    """One vault key: encrypts with a derived key of this process, and derives again what others encrypted with."""

    def __init__(self, text: str) -> None:
        self._secret = base64.urlsafe_b64decode(text)
        if len(self._secret) != 32:
            raise ValueError("a vault key has 32 bytes")
        self.name = hashlib.sha256(b"connectors vault key\x1f" + self._secret).digest()[:_NAME]
        self._derived: OrderedDict[bytes, AESGCM] = OrderedDict()
        self._lock = threading.Lock()
        self._head, self._cipher, self._left = b"", AESGCM(self._secret), 0

    def encrypt(self, plain: bytes) -> bytes:
        with self._lock:
            if self._left <= 0:
                salt = os.urandom(_SALT)
                self._head, self._cipher = _VERSION + self.name + salt, self._derive(salt)
                self._left = _VALUES_PER_SALT
            self._left -= 1
            head, cipher = self._head, self._cipher
        # Random, not counted: processes that are forked share the salt.
        nonce = os.urandom(_NONCE)
        return head + nonce + cipher.encrypt(nonce, plain, head)

    def decrypt(self, token: bytes) -> bytes:
        """Raises `InvalidTag` when the token is not what this key wrote."""
        head, nonce, sealed = token[:_HEAD], token[_HEAD : _HEAD + _NONCE], token[_HEAD + _NONCE :]
        return self._cipher_of(head[-_SALT:]).decrypt(nonce, sealed, head)

    def _cipher_of(self, salt: bytes) -> AESGCM:
        with self._lock:
            cipher = self._derived.get(salt)
            if cipher is None:
                cipher = self._derived[salt] = self._derive(salt)
                if len(self._derived) > _SALTS_KEPT:
                    self._derived.popitem(last=False)
            return cipher

    def _derive(self, salt: bytes) -> AESGCM:
        return AESGCM(HKDF(algorithm=SHA256(), length=32, salt=salt, info=b"seal").derive(self._secret))


class Vault:
    """Encrypts and fingerprints with the keys of this installation.

    `keys` are what `new_key` makes, newest first: the first encrypts, all decrypt. `fingerprint_key` must never change,
    or known values would no longer be recognised; it is independent of rotation for that reason.
    """

    def __init__(self, keys: Sequence[str], fingerprint_key: str) -> None:
        if not keys:
            raise ConfigError(
                "the vault has no key",
                hint="write `vault: {keys: [...]}` or let `connectors db upgrade` make a key file",
            )
        try:
            made = [_Key(key) for key in keys]
        except ValueError as error:
            raise ConfigError(
                "a vault key is not 32 bytes in base64", hint="make one with `connectors vault key`"
            ) from error
        self._newest = made[0]
        self._keys = {key.name: key for key in reversed(made)}
        self._fingerprint_key = derive(fingerprint_key.encode(), "fingerprint")
        self._signing_key = derive(fingerprint_key.encode(), "signing")

    def __repr__(self) -> str:
        return "<Vault>"

    def encrypt(self, plain: bytes, *, context: str) -> bytes:
        """Encrypt `plain` for the place that `context` names, such as a row's natural key."""
        return self._newest.encrypt(_bound(context) + plain)

    def decrypt(self, token: bytes, *, context: str) -> bytes:
        """Return what `encrypt` was given. Raises `ConfigError` when no key fits or the place is another one."""
        plain = self._opened(token)
        if not hmac.compare_digest(plain[:16], _bound(context)):
            raise ConfigError("a stored value belongs to another place", hint="the database was changed by hand")
        return plain[16:]

    def rotate(self, token: bytes) -> bytes:
        """Encrypt a stored value again, with the first key."""
        return self._newest.encrypt(self._opened(token))

    def seal(self, value: Any, *, context: str) -> bytes:
        """Encrypt a JSON-able value."""
        try:
            text = orjson.dumps(value)
        except TypeError:
            # Apps cut texts inside an emoji: half of one is no Unicode, and must come back as it was. So must numbers
            # of more than 64 bits. The space says which of the two wrote it.
            text = b" " + _COMPACT.encode(value).encode("utf-8", "surrogatepass")
        return self.encrypt(text, context=context)

    def open(self, token: bytes, *, context: str) -> Any:
        """Return the value that `seal` was given."""
        text = self.decrypt(token, context=context)
        return json.loads(text) if text.startswith(b" ") else orjson.loads(text)

    def seal_text(self, value: Any, *, context: str) -> str:
        """Encrypt a JSON-able value into URL-safe text, for a cookie or a form."""
        return base64.urlsafe_b64encode(self.seal(value, context=context)).decode()

    def open_text(self, token: str, *, context: str) -> Any:
        """Return the value that `seal_text` was given. Raises `ConfigError` for anything else."""
        try:
            sealed = base64.b64decode(token.encode(), altchars=b"-_", validate=True)
        except ValueError as error:
            raise ConfigError("a sealed text is not base64") from error
        return self.open(sealed, context=context)

    def fingerprint(self, *, tenant: str, family: str, value: str) -> str:
        """Return the keyed identity of a normalized value: equal values of a tenant have equal fingerprints.

        HMAC-SHA256, because a plain hash of a card or social security number is reversed by enumeration.
        """
        message = f"{tenant}\x1f{family}\x1f{value}".encode("utf-8", "surrogatepass")
        return hmac.new(self._fingerprint_key, message, hashlib.sha256).hexdigest()[:40]

    def _opened(self, token: bytes) -> bytes:
        key = self._keys.get(token[1 : 1 + _NAME])
        try:
            if key is None or token[:1] != _VERSION or len(token) < _HEAD + _NONCE + _TAG:
                raise InvalidTag
            return key.decrypt(token)
        except InvalidTag as error:
            raise ConfigError(
                "a stored value cannot be decrypted",
                hint="put the vault key that wrote it back into `vault.keys`",
            ) from error

    def sign(self, purpose: str, message: bytes) -> str:
        """Return a URL-safe signature of `message` that holds for one purpose only."""
        digest = hmac.new(self._signing_key, purpose.encode() + b"\x1f" + message, hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    def verify(self, purpose: str, message: bytes, signature: str) -> bool:
        """Tell in constant time whether `sign` made this signature."""
        return hmac.compare_digest(self.sign(purpose, message).encode(), signature.encode())


def new_key() -> str:
    """Return a fresh vault key."""
    return base64.urlsafe_b64encode(os.urandom(32)).decode()


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
