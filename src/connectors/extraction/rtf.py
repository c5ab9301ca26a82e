"""Rich Text Format: all text, comments and fields included, and the files embedded in it."""

from __future__ import annotations

import re
from binascii import unhexlify
from collections.abc import Iterator
from dataclasses import dataclass, replace

from connectors.extraction import ole_native
from connectors.extraction.charset import decode_as
from connectors.extraction.extractor import Text
from connectors.extraction.items import Inner, Item, Meter, OverBudget

_TOKEN = re.compile(
    rb"\\([a-zA-Z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-fA-F]{2})|\\([^a-zA-Z])|([{}])|([^\\{}\r\n]+)|[\r\n]+"
)
_SKIPPED = frozenset(
    b"fonttbl colortbl stylesheet themedata colorschememapping datastore listtable listoverridetable "
    b"rsidtbl generator xmlnstbl latentstyles panose filetbl blipuid pntext pnseclvl wgrffmtfilter "
    b"mmathPr fchars lchars".split()
)
_HEX = frozenset({b"pict", b"objdata"})
_BREAKS = {b"par": "\n", b"line": "\n", b"row": "\n", b"sect": "\n", b"page": "\n", b"tab": "\t",
           b"cell": "\t", b"nestcell": "\t", b"emdash": "-", b"endash": "-", b"bullet": "*",
           b"lquote": "'", b"rquote": "'", b"ldblquote": '"', b"rdblquote": '"'}  # fmt: skip
_SYMBOLS = {b"~": " ", b"_": "-", b"\n": "\n", b"\r": "\n", b"\\": "\\", b"{": "{", b"}": "}"}


@dataclass(frozen=True, slots=True)
class _Group:
    """What holds inside the braces that are open: is text shown, is it hex, how long is a fallback."""

    is_skipped: bool = False
    is_hex: bool = False
    fallback: int = 1


def read_rtf(data: bytes, meter: Meter) -> Iterator[Item]:
    """Yield the text of an RTF document, then its pictures and embedded objects."""
    scan = _Scan(meter)
    ended: OverBudget | None = None
    try:
        for match in _TOKEN.finditer(data):
            scan.token(match)
    except OverBudget as error:
        ended = error
    scan.flush()
    text = "".join(scan.text).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    yield Text(text, media_type="application/rtf")
    for number, digits in enumerate(scan.objects if ended is None else (), 1):
        meter.member()
        body = unhexlify(digits[: len(digits) // 2 * 2])
        name, inner = ole_native.from_ole1(body)
        yield Inner(name or f"object {number}", inner)
    if ended is not None:
        raise ended


class _Scan:
    """The state of one pass over the tokens."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._groups = [_Group()]
        self._codepage = "cp1252"
        self._to_skip = 0
        self._bytes = bytearray()
        self.text: list[str] = []
        self.objects: list[bytes] = []

    def token(self, match: re.Match[bytes]) -> None:
        word, number, hexadecimal, symbol, brace, plain = match.groups()
        if hexadecimal:
            self._byte(int(hexadecimal, 16))
        elif plain:
            self._plain(plain)
        elif brace:
            self._brace(brace)
        elif word:
            self._word(word, int(number) if number else None)
        elif symbol:
            self._symbol(symbol)

    def _byte(self, value: int) -> None:
        if self._to_skip:
            self._to_skip -= 1
        elif not self._groups[-1].is_skipped:
            self._bytes.append(value)

    def _plain(self, plain: bytes) -> None:
        group = self._groups[-1]
        if group.is_hex:
            digits = re.sub(rb"[^0-9a-fA-F]", b"", plain)
            self.objects[-1] += digits
        elif not group.is_skipped:
            self._bytes += plain[self._to_skip :]
            self._to_skip = max(self._to_skip - len(plain), 0)

    def _brace(self, brace: bytes) -> None:
        self.flush()
        self._to_skip = 0
        if brace == b"{":
            self._meter.tick()
            self._groups.append(self._groups[-1])
        elif len(self._groups) > 1:
            self._groups.pop()

    def _word(self, word: bytes, number: int | None) -> None:
        if word == b"u" and number is not None:
            self._emit(chr(number & 0xFFFF))
            self._to_skip = self._groups[-1].fallback
        elif word == b"uc" and number is not None:
            self._groups[-1] = replace(self._groups[-1], fallback=max(number, 0))
        elif word == b"ansicpg" and number:
            self._codepage = f"cp{number}"
        elif word in _BREAKS:
            self._emit(_BREAKS[word])
        elif word in _SKIPPED:
            self._groups[-1] = replace(self._groups[-1], is_skipped=True)
        elif word in _HEX:
            self._groups[-1] = replace(self._groups[-1], is_skipped=True, is_hex=True)
            self.objects.append(b"")

    def _symbol(self, symbol: bytes) -> None:
        self._emit(_SYMBOLS.get(symbol, ""))

    def _emit(self, text: str) -> None:
        if text and not self._groups[-1].is_skipped:
            self.flush()
            self.text.append(text)

    def flush(self) -> None:
        """Decode the bytes that are waiting: characters of several bytes come one byte at a time."""
        if self._bytes:
            self.text.append(decode_as(bytes(self._bytes), self._codepage))
            self._bytes.clear()
