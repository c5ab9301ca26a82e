"""Find a customer's own values without keeping them: only salted hashes of them rest on disk.

Who holds the file and the salt can still test guesses against it, so values that are easy to guess (short
numbers) are protected only by a `salt` that is kept elsewhere, such as one taken from the vault.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from connectors.errors import ConfigError
from connectors.model import Confidence

SHORTEST = 6
"""Letters and digits that a value must have; shorter ones would match everywhere."""
LONGEST = 16
"""Words that a value may have."""
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class ExactData:
    """A list of hashed values. A searcher for the engine: finds them in any case, spacing and punctuation."""

    id: str
    salt: bytes = field(repr=False)
    digests: frozenset[bytes] = field(repr=False)
    lengths: frozenset[int] = field(repr=False)
    words: int = 1
    """How many words the longest value has."""
    family: str = "exact"

    def search(self, text: str) -> Iterator[tuple[int, int, Confidence]]:
        """Yield each place of `text` that holds a value of the list, of overlapping ones the longest."""
        found = [match.span() for match in _WORD.finditer(text)]
        last = -1
        for at, (start, _) in enumerate(found):
            if start >= last:
                end = self._longest(text, found[at : at + self.words])
                if end:
                    last = end
                    yield start, end, Confidence.VERY_LIKELY

    def _longest(self, text: str, parts: list[tuple[int, int]]) -> int:
        """Return where the longest value that starts with the first of `parts` ends; 0 when none does."""
        flat = ""
        best = 0
        for start, end in parts:
            flat += text[start:end].casefold()
            if len(flat) in self.lengths and _digest(flat, self.salt) in self.digests:
                best = end
        return best

    def save(self, path: Path, *, with_salt: bool = True) -> None:
        """Write the list to `path`; without its salt when that is kept elsewhere."""
        content = {
            "id": self.id,
            "family": self.family,
            "words": self.words,
            "lengths": sorted(self.lengths),
            "salt": self.salt.hex() if with_salt else None,
            "digests": sorted(digest.hex() for digest in self.digests),
        }
        path.write_text(json.dumps(content), encoding="utf-8")

    @classmethod
    def load(cls, path: Path, *, salt: bytes | None = None) -> ExactData:
        """Read a list that `save` wrote. Raises `ConfigError` when it is none, or its salt is missing."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            known = salt if salt is not None else bytes.fromhex(content["salt"] or "")
            digests = frozenset(map(bytes.fromhex, content["digests"]))
            lengths = frozenset(map(int, content["lengths"]))
            found = cls(content["id"], known, digests, lengths, int(content["words"]), content["family"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise ConfigError(f"{path} is not a list of hashed values") from None
        if not known:
            raise ConfigError(f"{path} was written without its salt", hint="give the salt that it was built with")
        return found


def build_exact(values: Iterable[str], *, id: str, salt: bytes | None = None) -> tuple[ExactData, int]:  # noqa: A002  # as in `Detector`
    """Hash `values`; return the list, and how many values were left out as too short or too long.

    `salt` is 16 bytes or more, 64 at most; a random one when it is not given.
    """
    salt = salt or secrets.token_bytes(32)
    if not 16 <= len(salt) <= hashlib.blake2b.MAX_KEY_SIZE:
        raise ConfigError("a salt has 16 to 64 bytes")
    digests: set[bytes] = set()
    lengths: set[int] = set()
    longest = 1
    refused = 0
    for value in values:
        parts = _WORD.findall(value)
        flat = "".join(parts).casefold()
        if len(flat) < SHORTEST or len(parts) > LONGEST:
            refused += 1
            continue
        digests.add(_digest(flat, salt))
        lengths.add(len(flat))
        longest = max(longest, len(parts))
    return ExactData(id, salt, frozenset(digests), frozenset(lengths), longest), refused


def _digest(flat: str, salt: bytes) -> bytes:
    return hashlib.blake2b(flat.encode("utf-8", "surrogatepass"), key=salt, digest_size=16).digest()
