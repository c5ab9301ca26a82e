"""Undo the look-alikes that hide values in text that is not ASCII, and keep the way back to the original."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass, field

_INVISIBLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff"
    "\U000e0000-\U000e007f"
)
_SPACES = "\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
_PUNCTUATION = "\u2010-\u2015\u2018-\u201f\u2032\u2033\u2212\u2024\u2025\u2026\u2044\u2215"
_COMPATIBLE = (
    "\u00aa\u00b2\u00b3\u00b9\u00ba\u2070-\u209c\u2100-\u214f\u2460-\u24ff\ufb00-\ufb06\ufe10-\ufe6f\uff01-\uffef"
)
_ASTRAL = "\U0001d400-\U0001d7ff\U0001f100-\U0001f16f\U0001fbf0-\U0001fbf9"
_DIGITS = (
    "\u0660-\u0669\u06f0-\u06f9\u07c0-\u07c9\u0966-\u096f\u09e6-\u09ef\u0a66-\u0a6f\u0ae6-\u0aef\u0b66-\u0b6f"
    "\u0be6-\u0bef\u0c66-\u0c6f\u0ce6-\u0cef\u0d66-\u0d6f\u0e50-\u0e59\u0ed0-\u0ed9\u0f20-\u0f29\u1040-\u1049\u17e0-\u17e9"
)
_SUSPECT = re.compile(f"[{_INVISIBLE}{_SPACES}{_PUNCTUATION}{_COMPATIBLE}{_ASTRAL}{_DIGITS}]")
_PLAIN = {
    **dict.fromkeys(range(0x2010, 0x2016), "-"),
    0x2212: "-",
    **dict.fromkeys((0x2018, 0x2019, 0x201A, 0x201B, 0x2032), "'"),
    **dict.fromkeys((0x201C, 0x201D, 0x201E, 0x201F, 0x2033), '"'),
    0x2044: "/",
    0x2215: "/",
}


@dataclass(frozen=True, slots=True)
class Normalized:
    """A text as the detectors see it, and how its offsets lead back to the text as it was."""

    text: str = field(repr=False)
    starts: tuple[int, ...] = ()
    """Offsets in `text` from which a new shift holds; empty when all offsets are the same in both texts."""
    shifts: tuple[int, ...] = ()

    def original(self, start: int, end: int) -> tuple[int, int]:
        """Return where the part [start, end) of the normalized text stands in the original."""
        if not self.starts:
            return start, end
        return self._back(start), self._back(end - 1) + 1

    def seen(self, originals: tuple[int, ...]) -> tuple[int, ...]:
        """Return where offsets of the original text stand in the normalized one."""
        if not self.starts:
            return originals
        places = [start + shift for start, shift in zip(self.starts, self.shifts, strict=True)]
        shifts = (0, *self.shifts)
        return tuple(offset - shifts[bisect_right(places, offset)] for offset in originals)

    def _back(self, offset: int) -> int:
        at = bisect_right(self.starts, offset) - 1
        return offset + self.shifts[at] if at >= 0 else offset


def normalize(text: str) -> Normalized:
    """Return `text` with look-alikes undone.

    Invisible characters go; look-alike digits, letters, spaces, dashes and quotes become their ASCII forms
    (NFKC). Characters that hide nothing, such as accents, stay as they are.
    """
    if text.isascii() or not _SUSPECT.search(text):
        return Normalized(text)
    pieces: list[str] = []
    starts: list[int] = []
    shifts: list[int] = []
    done = length = shift = 0
    for match in _SUSPECT.finditer(text):
        at = match.start()
        plain = _plain(match.group())
        pieces += (text[done:at], plain)
        length += at - done + len(plain)
        done = at + 1
        if len(plain) != 1:
            shift = _record(starts, shifts, length - len(plain), len(plain), at, shift)
    pieces.append(text[done:])
    return Normalized("".join(pieces), tuple(starts), tuple(shifts))


def _record(starts: list[int], shifts: list[int], offset: int, width: int, at: int, shift: int) -> int:
    """Note the new shift after one original character at `at` became `width` characters at `offset`."""
    for step in range(1, width):
        starts.append(offset + step)
        shifts.append(shift - step)
    shift = at + 1 - (offset + width)
    if starts and starts[-1] == offset + width:
        shifts[-1] = shift
    else:
        starts.append(offset + width)
        shifts.append(shift)
    return shift


def _plain(character: str) -> str:
    code = ord(character)
    if code in _PLAIN:
        return _PLAIN[code]
    kind = unicodedata.category(character)
    if kind == "Zs":
        return " "
    if kind == "Nd":
        return str(unicodedata.digit(character))
    if kind in ("Cf", "Mn", "Cn") or 0x115F <= code <= 0x1160:
        return ""
    return unicodedata.normalize("NFKC", character)
