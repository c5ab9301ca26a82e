"""What stands in place of a match, as the redaction configs of the wire format say, and where it then stands."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from connectors.api.wire import MaskConfig, RedactionConfig

SMALLEST_KEY = 2048
LARGEST_KEY = 8192

Replace = Callable[[str], str]
"""Turns a matched value into what stands in its place."""


@dataclass(frozen=True, slots=True)
class Span:
    """A match to be replaced, by code points, and its replacement."""

    start: int
    end: int
    replacement: str


def replacer(config: RedactionConfig, name: str) -> Replace:
    """Return how a config replaces the matches of the detector `name`. Raises `ValueError` for a key unfit."""
    if config.maskConfig is not None:
        mask_config = config.maskConfig
        return lambda value: mask(value, mask_config)
    if config.substitutionConfig is not None:
        phrase = config.substitutionConfig.substitutionPhrase
        return lambda _value: phrase
    if config.cryptoConfig is not None:
        key = public_key(config.cryptoConfig.publicKey)
        return lambda value: encrypt(value, key)
    return lambda _value: f"[{name}]"


def mask(value: str, config: MaskConfig) -> str:
    """Mask characters, but for those to ignore and so many at one end.

    Only `maskLeftToRight` keeps the right end; `maskRightToLeft`, which other clients send, and no direction at
    all keep the left one.
    """
    ignored = set(config.charsToIgnore)
    solid = [place for place, character in enumerate(value) if character not in ignored]
    kept = config.numCharsToLeaveUnmasked
    hidden = solid[: max(len(solid) - kept, 0)] if config.maskLeftToRight else solid[kept:]
    characters = list(value)
    for place in hidden:
        characters[place] = config.maskingChar
    return "".join(characters)


@lru_cache(maxsize=256)
def public_key(pem: str) -> RSAPublicKey:
    """Read an RSA key. Raises `ValueError`."""
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("publicKey is not a public key in PEM form") from None
    if not isinstance(key, RSAPublicKey) or not SMALLEST_KEY <= key.key_size <= LARGEST_KEY:
        raise ValueError(f"publicKey is not an RSA key of {SMALLEST_KEY} to {LARGEST_KEY} bits")
    return key


def encrypt(value: str, key: RSAPublicKey) -> str:
    """Encrypt with RSA-OAEP (SHA-256), in base64.

    A value too long for that is encrypted with AES-256-GCM and a key of its own, which is encrypted with RSA:
    `<encrypted key>.<nonce and ciphertext>`, both in base64.
    """
    plain = value.encode()
    if len(plain) <= key.key_size // 8 - 66:
        return base64.b64encode(_rsa(plain, key)).decode()
    inner, nonce = secrets.token_bytes(32), secrets.token_bytes(12)
    sealed = nonce + AESGCM(inner).encrypt(nonce, plain, None)
    return f"{base64.b64encode(_rsa(inner, key)).decode()}.{base64.b64encode(sealed).decode()}"


def replace_all(text: str, spans: Sequence[Span]) -> tuple[str, list[tuple[int, int]]]:
    """Replace spans in a text; return it with the place of each span's replacement, in the order given.

    Of overlapping spans the first one (and of those the longest) is replaced as far as it reaches; what is left
    of the others is replaced by nothing, so that no part of a match stays readable.
    """
    places: dict[int, tuple[int, int]] = {}
    parts: list[str] = []
    done = size = 0
    for number in sorted(range(len(spans)), key=lambda n: (spans[n].start, -spans[n].end)):
        span = spans[number]
        if span.start >= done:
            parts += [text[done : span.start], span.replacement]
            size += span.start - done
            last = size, size + len(span.replacement)
            size = last[1]
        places[number] = last
        done = max(done, span.end)
    parts.append(text[done:])
    return "".join(parts), [places[number] for number in range(len(spans))]


def _rsa(plain: bytes, key: RSAPublicKey) -> bytes:
    return key.encrypt(plain, OAEP(mgf=MGF1(SHA256()), algorithm=SHA256(), label=None))
