"""What a value becomes: mask, phrase, kind, keyed hash or ciphertext."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from connectors.errors import ConfigError

_BLOCKS = "."
"""Stands between the blocks of a value too long for one; no character of Base64."""


class Rule(Protocol):
    """Says what a value found by a detector is replaced with."""

    def replace(self, value: str, detector: str) -> str:
        """Return the replacement of `value`, which `detector` found."""


@dataclass(frozen=True, slots=True)
class Mask:
    """Put `char` over every character, except `leave` of them and those in `ignore`.

    The characters left unmasked are counted from the left of the value when `from_left`, else from its right.
    Characters in `ignore` always stay and do not count: `Mask(leave=4, from_left=False, ignore={"-"})` makes
    `1234-5678-9012-3456` into `****-****-****-3456`.
    """

    char: str = "*"
    leave: int = 0
    from_left: bool = True
    ignore: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if len(self.char) != 1:
            raise ConfigError("the masking character must be exactly one character")
        if self.leave < 0:
            raise ConfigError("the number of characters to leave unmasked must not be negative")

    def replace(self, value: str, detector: str) -> str:  # noqa: ARG002 - the rule's contract
        """Return the value under its mask, of the same length in code points."""
        left = self.leave
        out = []
        for character in value if self.from_left else reversed(value):
            if character in self.ignore:
                out.append(character)
            elif left:
                out.append(character)
                left -= 1
            else:
                out.append(self.char)
        return "".join(out if self.from_left else reversed(out))


@dataclass(frozen=True, slots=True)
class Substitute:
    """Put the same phrase in place of every value; an empty phrase removes it."""

    phrase: str = "[REDACTED]"

    def replace(self, value: str, detector: str) -> str:  # noqa: ARG002 - the rule's contract
        """Return the phrase."""
        return self.phrase


@dataclass(frozen=True, slots=True)
class InfoType:
    """Put the name of the detector in place of the value. `names` maps detector ids to names to show."""

    names: Mapping[str, str] = field(default_factory=dict)
    form: str = "[{name}]"

    def replace(self, value: str, detector: str) -> str:  # noqa: ARG002 - the rule's contract
        """Return the detector's name in the rule's form."""
        return self.form.format(name=self.names.get(detector, detector))


@dataclass(frozen=True, slots=True)
class KeyedHash:
    """Put a keyed hash in place of the value: equal values stay recognizable, none can be guessed by trying.

    `length` is in hexadecimal digits, 64 at most.
    """

    key: bytes = field(repr=False)
    length: int = 32

    def __post_init__(self) -> None:
        if len(self.key) < 16:
            raise ConfigError("the key of a redaction hash needs at least 16 bytes")
        if not 8 <= self.length <= 64:
            raise ConfigError("a redaction hash has 8 to 64 digits")

    def replace(self, value: str, detector: str) -> str:  # noqa: ARG002 - the rule's contract
        """Return the first digits of HMAC-SHA-256 over the value's UTF-8."""
        return hmac.new(self.key, value.encode("utf-8", "replace"), hashlib.sha256).hexdigest()[: self.length]


@dataclass(frozen=True)
class Encrypt:
    """Put the value in place encrypted with an RSA public key (PEM), so that only its owner can read it.

    RSA-OAEP with SHA-256, in Base64. A value longer than one block is cut into several, joined by `.`.
    Raises `ConfigError` for anything that is no RSA public key of at least 2048 bits.
    """

    public_key: str = field(repr=False)

    def __post_init__(self) -> None:
        _ = self._key

    @cached_property
    def _key(self) -> rsa.RSAPublicKey:
        try:
            key = serialization.load_pem_public_key(self.public_key.encode())
        except ValueError:
            raise ConfigError("the public key is no PEM text of a public key") from None
        if not isinstance(key, rsa.RSAPublicKey) or key.key_size < 2048:
            raise ConfigError("the public key must be an RSA key of at least 2048 bits")
        return key

    def replace(self, value: str, detector: str) -> str:  # noqa: ARG002 - the rule's contract
        """Return the ciphertext; it differs from call to call."""
        data = value.encode("utf-8", "replace")
        size = self._key.key_size // 8 - 2 * hashes.SHA256.digest_size - 2
        blocks = [data[at : at + size] for at in range(0, len(data), size)] or [b""]
        return _BLOCKS.join(base64.b64encode(self._key.encrypt(block, _oaep())).decode() for block in blocks)


def decrypt(text: str, private_key: str) -> str:
    """Return the value that `Encrypt` made into `text`; `private_key` is an RSA private key in PEM.

    Raises `ConfigError` when the key does not fit.
    """
    try:
        key = serialization.load_pem_private_key(private_key.encode(), password=None)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise ConfigError("the private key must be an RSA key")
        blocks = [key.decrypt(base64.b64decode(block), _oaep()) for block in text.split(_BLOCKS)]
    except (ValueError, TypeError):
        raise ConfigError("the private key does not open this value") from None
    return b"".join(blocks).decode()


def _oaep() -> padding.OAEP:
    return padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)
