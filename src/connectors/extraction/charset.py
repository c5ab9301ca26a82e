"""Bytes to text in any encoding, without losing a byte that could be content."""

from __future__ import annotations

import codecs
import sys

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLE = 65_536
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\f\x1b\b\x0b\x1a") | {127})


def is_text(data: bytes) -> bool:
    """Say whether `data` reads as text in some encoding: a BOM, UTF-8, UTF-16, or few control bytes."""
    sample = data[:_SAMPLE]
    if any(sample.startswith(bom) for bom, _ in _BOMS) or _wide(sample):
        return True
    if b"\0" in sample:
        return False
    share = 0.95 if _is_utf8(sample) else 0.99  # of packed data, nine bytes in a hundred are control characters
    return len(sample.translate(None, _CONTROLS)) >= share * len(sample)


def is_plain_utf8(data: bytes) -> bool:
    """Say whether `data` is valid UTF-8 to its end, without NULs: the fast path needs no guess."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return b"\0" not in data


def decode(data: bytes, *, final: bool = True, hint: str = "") -> str:
    """Decode `data`, guessing its encoding; bytes that fit nowhere become U+FFFD.

    `final` is False when `data` was cut, so that half a character at its end is dropped. `hint` is an
    encoding that the surrounding format names (a mail part's charset, say); it is tried before guessing.
    """
    for bom, name in _BOMS:
        if data.startswith(bom):
            return data.decode(name, "replace")
    if wide := _wide(data[:_SAMPLE]):
        return data.decode(wide, "replace")
    if b"\x1b$B" in data[:_SAMPLE] and (text := _try(data, "iso2022_jp_ext")) is not None:
        return text  # the mail encoding of Japan is ASCII to look at
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(data, final)
    except UnicodeDecodeError:
        return _guess(data, hint)


def decode_as(data: bytes, encoding: str) -> str:
    """Decode `data` as the format says it is; an encoding that Python does not know falls back to cp1252."""
    text = _try(data, encoding)
    return data.decode("cp1252", "replace") if text is None else text


def _guess(data: bytes, hint: str) -> str:
    if hint and (text := _try(data, hint)) is not None:
        return text
    if _broken_utf8(data):
        return data.decode("utf-8", "replace")
    from charset_normalizer import from_bytes  # slow to import, and most files are UTF-8

    best = from_bytes(data[:_SAMPLE], steps=5, chunk_size=512).best()
    encoding = best.encoding if best is not None else "cp1252"
    return data.decode(encoding, "replace")


def _try(data: bytes, encoding: str) -> str | None:
    try:
        if not codecs.lookup(encoding)._is_text_encoding:  # noqa: SLF001 - "zlib" is a codec too, and a bomb
            return None
        return data.decode(encoding)
    except (LookupError, UnicodeError, AttributeError):
        return None


def _is_utf8(sample: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample, final=len(sample) < _SAMPLE)
    except UnicodeDecodeError:
        return False
    return True


def _broken_utf8(data: bytes) -> bool:
    """Say whether this is UTF-8 with a few bad bytes: guessing would turn all of it into another language."""
    text = data[:_SAMPLE].decode("utf-8", "replace")
    bad = text.count("\ufffd")
    good = sum(1 for character in text if character > "\x7f") - bad
    return good >= 4 * bad


def _wide(sample: bytes) -> str:
    """Recognize UTF-16 and UTF-32 without a BOM; both have NULs, at least beside blanks and line breaks."""
    pairs = len(sample) // 2
    if pairs < 4 or b"\0" not in sample:
        return ""
    even, odd = sample[0 : 2 * pairs : 2].count(0), sample[1 : 2 * pairs : 2].count(0)
    if odd >= 0.7 * pairs and even <= 0.02 * pairs:
        return "utf-16-le"
    if even >= 0.7 * pairs and odd <= 0.02 * pairs:
        return "utf-16-be"
    if found := next((name for name in ("utf-32-le", "utf-32-be") if _reads(sample, name, 4)), ""):
        return found
    best = max(("utf-16-le", "utf-16-be"), key=lambda name: _blanks(sample, name))
    return best if _blanks(sample, best) and _reads(sample, best, 2) else ""


def _reads(sample: bytes, encoding: str, width: int) -> bool:
    """Say whether nearly all of a sample reads as printable characters, which bytes of another kind do not."""
    whole = sample[: len(sample) - len(sample) % width]
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(whole)
    except UnicodeDecodeError:
        return False
    shown = sum(map(str.isprintable, text)) + sum(map(text.count, "\t\r\n\ufeff"))
    return len(text) >= _LEAST and shown >= 0.99 * len(text)


_LEAST = 8
"""Fewer characters than that are too few to tell."""


def _blanks(sample: bytes, encoding: str) -> int:
    """Count the blanks and line breaks that a sample has in an encoding, each at an even place."""
    marks = {mark.encode(encoding) for mark in " \n、。　"}
    pairs = memoryview(sample[: len(sample) - len(sample) % 2]).cast("H")
    wanted = [int.from_bytes(mark, sys.byteorder) for mark in marks]
    return sum(1 for pair in pairs if pair in wanted)
