"""The checks that detectors name: pure, quick, and never raising.

A detector names them in `validators`: a function registered by `@check`, or `stdnum.<module>` for a check of
python-stdnum (https://arthurdejong.org/python-stdnum/doc/), imported when it is first asked for.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import importlib
import ipaddress
import json
import math
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from functools import lru_cache

from connectors.detection.validation import Validator
from connectors.model import Confidence

_CHECKS: dict[str, Validator] = {}


def check(function: Validator) -> Validator:
    """Register a function under its own name."""
    _CHECKS[function.__name__] = function  # type: ignore[attr-defined]  # every Validator here is a function
    return function


@lru_cache(maxsize=512)
def validator(name: str) -> Validator:
    """Return the check of that name. Called when the engine compiles a set of detectors.

    Raises KeyError for a name that no check has.
    """
    if name.startswith("stdnum."):
        return _stdnum(name)
    return _CHECKS[name]


class _Validators(Mapping[str, Validator]):
    """Every check by name; those of python-stdnum are there when asked for, and not listed."""

    def __getitem__(self, name: str) -> Validator:
        return validator(name)

    def __iter__(self) -> Iterator[str]:
        return iter(_CHECKS)

    def __len__(self) -> int:
        return len(_CHECKS)


VALIDATORS: Mapping[str, Validator] = _Validators()
"""What `Engine.build` takes the checks of the catalog from."""


def _luhn(number: str) -> bool:
    total = 0
    for place, digit in enumerate(map(int, reversed(number))):
        double = 2 * digit if place % 2 else digit
        total += double - 9 if double > 9 else double
    return bool(number) and total % 10 == 0


def _stdnum(name: str) -> Validator:
    try:
        is_valid: Callable[[str], bool] = importlib.import_module(name).is_valid
    except (ImportError, AttributeError) as error:
        raise KeyError(name) from error

    def judge(value: str, _text: str, _start: int, _end: int, /) -> bool:
        return is_valid(value) is True and len(set(value)) > 3

    return judge


# --- credentials

_TEMPLATE = re.compile(
    r"\$\{|\{\{|\$\(|<[^>]{0,60}>|%\(|%s|\[[A-Z_ ]{3,}\]|process\.env|os\.environ|getenv|\*{4,}|\.{4,}"
    r"|x{5,}|X{5,}|#\{|@\{|\bnull\b|\bundefined\b"
)
_SAMPLE = re.compile(
    r"example|sample|placeholder|change_?-?me|your[_-]?|dummy|redacted|replace[_-]?(?:me|with)|insert[_-]?"
    r"|to-?do\b|<|>|f[o0]{2}b[a4]r|hidden|removed",
    re.IGNORECASE,
)
_RUNS = re.compile(r"0123456|1234567|2345678|9876543|abcdefg|bcdefgh|qwerty|deadbeef", re.IGNORECASE)


def entropy(value: str) -> float:
    """Return the Shannon entropy of the characters of `value`, in bits per character."""
    total = len(value)
    if not total:
        return 0.0
    return -sum(n / total * math.log2(n / total) for n in Counter(value).values())


@check
def not_template(value: str, _text: str, _start: int, _end: int, /) -> bool:
    """Drop references and blanks: `${VAR}`, `{{ var }}`, `<token>`, `xxxxx`, `*****`, `aaaaa`."""
    return not _TEMPLATE.search(value) and len(set(value)) > 3


@check
def not_placeholder(value: str, text: str, start: int, end: int, /) -> Confidence | bool:
    """Drop templates and sample words; a value with a counted-up run (`1234567`, `abcdefg`) is POSSIBLE."""
    if not not_template(value, text, start, end) or _SAMPLE.search(value):
        return False
    return Confidence.POSSIBLE if _RUNS.search(value) else True


@check
def mixed(value: str, _text: str, _start: int, _end: int, /) -> bool:
    """Keep values with both letters and digits, which words and counters are not."""
    return any(c.isdigit() for c in value) and any(c.isalpha() for c in value)


def _floor(bits: float) -> Validator:
    def judge(value: str, _text: str, _start: int, _end: int, /) -> bool:
        return entropy(value) >= bits

    return judge


for _bits in (2.0, 2.5, 3.0, 3.5, 4.0):
    _CHECKS[f"entropy_{_bits:.1f}"] = _floor(_bits)

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@check
def crc32_base62(value: str, _text: str, _start: int, _end: int, /) -> Confidence:
    """Judge a GitHub or npm token by the CRC-32 in its last six characters.

    https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/
    """
    body = value.partition("_")[2]
    number = 0
    for char in body[-6:]:
        number = number * 62 + max(0, _BASE62.find(char))
    return Confidence.VERY_LIKELY if number == zlib.crc32(body[:-6].encode()) else Confidence.POSSIBLE


def _unpad(segment: str) -> bytes:
    return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))


@check
def jwt_header(value: str, _text: str, _start: int, _end: int, /) -> bool:
    """Keep a JSON web token whose header decodes to an object with `alg` or `enc` (RFC 7515, RFC 7516)."""
    try:
        header = json.loads(_unpad(value.split(".", 1)[0]))
    except (ValueError, binascii.Error):
        return False
    return isinstance(header, dict) and ("alg" in header or "enc" in header)


_KEY_BODY = re.compile(r"[A-Za-z0-9+/=]{20}")


@check
def pem_base64(value: str, _text: str, _start: int, _end: int, /) -> bool:
    """Keep base64 of an armoured private key."""
    try:
        return b"PRIVATE KEY" in base64.b64decode(value[:80])
    except ValueError:
        return False


@check
def pem_body(value: str, _text: str, _start: int, _end: int, /) -> bool:
    """Keep an armoured key that has key material below its first line, not dots or a blank."""
    body = value.split("-----", 2)[-1].split("-----END")[0]
    found = "".join(_KEY_BODY.findall(body))
    return len(found) >= 40 and len(set(found)) > 10


_WORDY = re.compile(r"[A-Za-z]{2,}(?:[_.\-/: ][A-Za-z]+)+|[A-Z]?[a-z]+(?:[A-Z][a-z]+)+\d{0,2}|[a-z]+|[A-Z]+")
_CODE = re.compile(
    r"\(|\)|;|\{|\}|::|->|\[\]|^(?:self|this|env|config|settings|params|args|options|request|props|data|process|os)\."
    r"|^(?:https?|file|ftp|arn|urn|data|sha\d+|md5)[:\-]|^[./~]|\\|^@|^\$|^%|^--"
)
_STAMP = re.compile(r"[\dTZ:., /+]*[TZ:.,\- /+][\dTZ:.,\- /+]*|v?\d+(?:\.\d+){1,3}[\w.\-]*")


@check
def random_value(value: str, text: str, start: int, end: int, /) -> Confidence | bool:
    """Judge whether a value assigned to a key-like name was drawn, not written: no words, code, dates or paths.

    Two kinds of characters and some entropy are the least; a counted-up run leaves it POSSIBLE.
    """
    verdict = not_placeholder(value, text, start, end)
    if verdict is False or _WORDY.fullmatch(value) or _CODE.search(value) or _STAMP.fullmatch(value):
        return False
    count = sum(c.isdigit() for c in value)
    drawn = count >= 2 or (len(value) >= 24 and entropy(value) >= 4.2)
    if not drawn or entropy(value) < 2.5 or (count == len(value) and count < 24):
        return False
    return Confidence.POSSIBLE if len(value) < 16 else verdict


_NO_PASSWORD = frozenset(
    """
    password passwd pass pwd secret token key string str text none null nil undefined true false required optional empty
    default value input field type hidden username user login email name admin_password new_password old_password
    your_password mypassword variable bool int object any varchar char var let const function return print the a an is
    to for in of and or not be it this that if with by on at as from reset change changed forgot forgotten wrong
    incorrect invalid correct expired protected here there below above prompt generated random manager hash hashed
    encrypted encryption policy rotation strength length label confirm confirmation missing needed same different set
    unset stored too already never safe weak strong ok okay public available something update updated sent saved used
    only required. visible known unknown shared kept getpass something-else basestring passphrase passcode passwords
    """.split()
)


def _names_itself(value: str) -> bool:
    """Whether the value is a name for a password, such as `new_password` or `DB_PASSWORD`, or is said to be none."""
    plain = value.lower().strip("_-.:!?#*$@ ")
    return plain in _NO_PASSWORD or (
        bool(re.fullmatch(r"[a-z_\-. ]*(?:password|passwd|passphrase|pwd)[a-z_\-. ]*", plain))
    )


_LIMP = re.compile(r"[A-Za-z]+(?:[ _\-./][A-Za-z]+)*[.:!?]?")


def _password(value: str) -> Confidence | bool:
    if _names_itself(value) or _TEMPLATE.search(value) or _CODE.search(value) or len(set(value)) < 3:
        return False
    if _SAMPLE.search(value):
        return False
    return Confidence.POSSIBLE if _LIMP.fullmatch(value) else True


@check
def quoted_password(value: str, _text: str, _start: int, _end: int, /) -> Confidence | bool:
    """Judge a quoted value that is called a password: names, types, references, labels and sentences are none."""
    if value.count(" ") > 2 or value[:1] in ("", *" /.,;)") or value[-1] in " (,;:=" or _SIGIL.fullmatch(value):
        return False
    return _password(value.lstrip("$#%@!"))


_SIGIL = re.compile(r"[$#%@][A-Za-z_{][\w.\-]*\}?(?<![A-Z]\d)(?<!\d[A-Za-z])")


@check
def config_password(value: str, text: str, start: int, end: int, /) -> Confidence | bool:
    """Judge a bare value that is called a password: what may be an expression of a program is none."""
    if text[end : end + 1] in ("(", "[") or value[-1:] in "\\:" or "[" in value:
        return False
    if _IDENTIFIER.fullmatch(value) and not _ENVIRONMENT.search(text, max(0, start - 64), start):
        return False
    return _password(value)


_ENVIRONMENT = re.compile(r"(?:^|[\s;])[A-Z][A-Z0-9_]{3,60}=$")


_IDENTIFIER = re.compile(r"[A-Za-z_]+(?:\.[A-Za-z_]\w*)*[?!.]?|\w+(?:\.\w+)+")


@check
def sentence_password(value: str, text: str, start: int, end: int, /) -> Confidence | bool:
    """Judge a word that a sentence says is a password: bare words must have a digit or a sign; quoted ones may not."""
    quoted = start > 0 and text[start - 1] in "\"'`*“‘«" and text[end : end + 1] in tuple("\"'`*”’»")
    marks = sum(not c.isalpha() for c in value)
    if not quoted and (not marks or re.fullmatch(r"[A-Za-z]+(?:['’.:/\-][A-Za-z]+)+|[\d.,:%]+", value)):
        return False
    return _password(value)


@check
def spoken_login(value: str, text: str, start: int, end: int, /) -> Confidence | bool:
    """Judge `user / password` in a sentence by its second half, which must have a digit and a letter."""
    last = re.split(r"[ ]?[/|:][ ]?", value)[-1]
    return (
        mixed(last, text, start, end) is True and not last[:2].isdigit() and sentence_password(last, text, start, end)
    )


@check
def login_pair(value: str, text: str, start: int, end: int, /) -> Confidence | bool:
    """Judge a user name and password that stand together by the password at its end."""
    last = re.split(r"[\s\"'=:,>\\]+", value)[-1]
    if text[end : end + 1] in ("(", "[", "."):
        return False
    quoted = text[end : end + 1] in ('"', "'")
    return quoted_password(last, text, start, end) if quoted else config_password(last, text, end - len(last), end)


@check
def connection_password(value: str, text: str, start: int, end: int, /) -> Confidence | bool:
    """Judge a connection string by the password at its end."""
    last = value.rpartition("=")[2].strip()
    if _TEMPLATE.search(last) or len(set(last)) < 2:
        return False
    return Confidence.POSSIBLE if _names_itself(last) else len(last) > 2


@check
def command_password(value: str, text: str, start: int, end: int, /) -> Confidence | bool:
    """Judge a password given as an option of a program: ports, numbers and file names are none."""
    last = re.split(r"[\s=:\"']+", value)[-1].removeprefix("-p").removeprefix("-P")
    paired = value.startswith("-u") and "psexec" in text[max(0, start - 160) : start].lower()
    if last.isdigit() or last.startswith("-") or not (paired or any(not c.isalpha() for c in last)):
        return False
    return _password(last)


@check
def basic_auth(value: str, _text: str, _start: int, _end: int, /) -> bool:
    """Keep base64 that says `user:password` in printable characters (RFC 7617)."""
    try:
        plain = base64.b64decode(value + "=" * (-len(value) % 4)).decode()
    except (ValueError, UnicodeDecodeError):
        return False
    return plain.isprintable() and 0 < plain.find(":") < len(plain) - 1


_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


@check
def base58check(value: str, _text: str, _start: int, _end: int, /) -> bool:
    """Keep base58 whose last four bytes are its double SHA-256 checksum (Bitcoin keys and addresses)."""
    number = 0
    for char in value:
        at = _BASE58.find(char)
        if at < 0:
            return False
        number = number * 58 + at
    zeros = len(value) - len(value.lstrip("1"))
    raw = b"\0" * zeros + number.to_bytes((number.bit_length() + 7) // 8, "big")
    digest = hashlib.sha256(hashlib.sha256(raw[:-4]).digest()).digest()
    return len(raw) > 20 and digest[:4] == raw[-4:]


@check
def seed_words(value: str, _text: str, _start: int, _end: int, /) -> bool:
    """Keep 12, 15, 18, 21 or 24 words none of which is a word of everyday sentences that BIP 39 lacks."""
    words = value.lower().split()
    return len(words) in (12, 15, 18, 21, 24) and not _EVERYDAY.intersection(words)


_EVERYDAY = frozenset(
    "the and for you your with are was not but this that from have has will then them they into".split()
)

# --- numbers


def digits(value: str) -> str:
    """Return the decimal digits of `value`."""
    return "".join(c for c in value if c.isdigit())


_ISSUERS: tuple[tuple[int, int, frozenset[int]], ...] = tuple(
    (low, high, frozenset(lengths))
    for low, high, lengths in (
        (4, 4, (13, 16, 19)),
        (51, 55, (16,)),
        (2221, 2720, (16,)),
        (34, 34, (15,)),
        (37, 37, (15,)),
        (6011, 6011, (16, 19)),
        (622126, 622925, (16, 17, 18, 19)),
        (644, 649, (16, 19)),
        (65, 65, (16, 19)),
        (300, 305, (14, 16, 19)),
        (309, 309, (14, 16, 19)),
        (36, 36, (14, 16, 19)),
        (38, 39, (14, 16, 19)),
        (3528, 3589, (16, 17, 18, 19)),
        (2131, 2131, (15,)),
        (1800, 1800, (15,)),
        (62, 62, (16, 17, 18, 19)),
        (81, 82, (16,)),
        (2200, 2204, (16, 17, 18, 19)),
        (500, 509, (12, 13, 14, 15, 16, 17, 18, 19)),
        (56, 58, (12, 13, 14, 15, 16, 17, 18, 19)),
        (60, 60, (12, 13, 14, 15, 16, 17, 18, 19)),
        (63, 64, (12, 13, 14, 15, 16, 17, 18, 19)),
        (66, 69, (12, 13, 14, 15, 16, 17, 18, 19)),
        (9792, 9792, (16,)),
    )
)


def _issuer(number: str) -> bool:
    return any(
        low <= int(number[: len(str(low))]) <= high and len(number) in lengths for low, high, lengths in _ISSUERS
    )


@check
def card(value: str, _text: str, _start: int, _end: int, /) -> Confidence | bool:
    """Judge a payment card number: Luhn digit (ISO/IEC 7812-1), an issuer's range and one of its lengths.

    A number of the block around JCB's range that is not given out is POSSIBLE.
    """
    number = digits(value)
    if len(set(number)) < 3 or not _luhn(number):
        return False
    spare = len(number) == 16 and number.startswith("35") and not _issuer(number)
    return Confidence.POSSIBLE if spare else _issuer(number)


@check
def luhn_digit(value: str, _text: str, _start: int, _end: int, /) -> bool:
    """Keep a number whose last digit is its Luhn digit."""
    return _luhn(digits(value))


_PUBLISHED = frozenset({"078051120", "219099999", "123456789", "111111111", "333333333", "987654321", "999999999"})


@check
def us_ssn(value: str, _text: str, _start: int, _end: int, /) -> Confidence | bool:
    """Judge a social security number: no part is zero; one never issued (666, 9xx) is UNLIKELY.

    https://www.ssa.gov/employer/randomization.html
    """
    number = digits(value)
    if len(number) != 9:
        return False
    area, group, serial = number[:3], number[3:5], number[5:]
    if area == "000" or group == "00" or serial == "0000" or number in _PUBLISHED:
        return False
    return Confidence.UNLIKELY if area == "666" or area[0] == "9" else True


@check
def iban(value: str, _text: str, _start: int, _end: int, /) -> Confidence | bool:
    """Judge an account number by country, length and mod-97 digits (ISO 13616).

    One that fails is UNLIKELY, so that only a word such as "IBAN" beside it makes a mistyped one count.
    """
    if validator("stdnum.iban")(value.replace("-", " "), "", 0, 0) is True:
        return True
    flat = value.replace(" ", "").replace("-", "")
    return Confidence.UNLIKELY if len(flat) >= 18 and sum(map(str.isdigit, flat)) >= 10 else False


@check
def some_digits(value: str, _text: str, _start: int, _end: int, /) -> bool:
    """Keep a number with at least four digits, which words are not."""
    return sum(c.isdigit() for c in value) >= 4


def _weighted(number: str, weights: tuple[int, ...]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(number, weights, strict=False))


@check
def nino_prefix(value: str, _text: str, _start: int, _end: int, /) -> bool:
    """Keep a national insurance number without a prefix that is never given (NIM39110)."""
    return value[:2].upper() not in ("BG", "GB", "KN", "NK", "NT", "TN", "ZZ")


@check
def chi_digit(value: str, _text: str, _start: int, _end: int, /) -> bool:
    """Keep a community health index number by its modulus 11 check digit."""
    number = digits(value)
    return len(number) == 10 and (11 - _weighted(number, tuple(range(10, 1, -1))) % 11) % 11 == int(number[9])


@check
def kvnr_digit(value: str, _text: str, _start: int, _end: int, /) -> bool:
    """Keep a German health insurance number: letter as two digits, then Luhn from the left."""
    number = f"{ord(value[:1].upper() or 'A') - 64:02d}{digits(value)}"
    if len(number) != 11:
        return False
    products = (int(d) * (1 + index % 2) for index, d in enumerate(number[:10]))
    return sum(p // 10 + p % 10 for p in products) % 10 == int(number[10])


@check
def birth_prefix(value: str, _text: str, _start: int, _end: int, /) -> bool:
    """Keep a number that starts with a day of birth as year, month and day."""
    number = digits(value)
    return (
        len(number) >= 8
        and 1900 <= int(number[:4]) <= 2100
        and _day(*(int(number[a:b]) for a, b in ((0, 4), (4, 6), (6, 8))))
    )


@check
def snils_digits(value: str, _text: str, _start: int, _end: int, /) -> bool:
    """Keep a Russian insurance number by its two check digits."""
    number = digits(value)
    return len(number) == 11 and _weighted(number, tuple(range(9, 0, -1))) % 101 % 100 == int(number[9:])


@check
def hkid_digit(value: str, _text: str, _start: int, _end: int, /) -> bool:
    """Keep a Hong Kong identity card number by its check digit in brackets."""
    plain = re.sub(r"\W", "", value).upper().rjust(9)
    if len(plain) != 9 or not plain.isascii():
        return False
    marks = [36 if c == " " else int(c, 36) for c in plain]
    return sum(mark * weight for mark, weight in zip(marks, range(9, 0, -1), strict=True)) % 11 == 0


@check
def twid_digit(value: str, _text: str, _start: int, _end: int, /) -> bool:
    """Keep a Taiwanese identity number by its letter and check digit."""
    place = "ABCDEFGHJKLMNPQRSTUVXYWZIO".find(value[:1].upper()) + 10
    number = digits(value)
    return (
        bool(value)
        and len(number) == 9
        and (place // 10 + place % 10 * 9 + _weighted(number, (8, 7, 6, 5, 4, 3, 2, 1, 1))) % 10 == 0
    )


@check
def nric_letter(value: str, _text: str, _start: int, _end: int, /) -> bool:
    """Keep a Singapore NRIC or FIN by its last letter."""
    number, first = digits(value), value[:1].upper()
    if len(number) != 7 or first not in tuple("STFGM"):
        return False
    total = _weighted(number, (2, 7, 6, 5, 4, 3, 2)) + {"T": 4, "G": 4, "M": 3}.get(first, 0)
    letters = {"S": "JZIHGFEDCBA", "T": "JZIHGFEDCBA", "M": "KLJNPQRTUWX"}.get(first, "XWUTRQPNMLK")
    return letters[10 - total % 11 if first == "M" else total % 11] == value[-1].upper()


@check
def medicare_digit(value: str, _text: str, _start: int, _end: int, /) -> bool:
    """Keep an Australian Medicare number by its ninth digit."""
    number = digits(value)
    return len(number) >= 10 and _weighted(number[:8], (1, 3, 7, 9, 1, 3, 7, 9)) % 10 == int(number[8])


@check
def kwid_digit(value: str, _text: str, _start: int, _end: int, /) -> bool:
    """Keep a Kuwaiti civil id by its check digit."""
    number = digits(value)
    return len(number) == 12 and 11 - _weighted(number[:11], (2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)) % 11 == int(number[11])


@check
def melli_digit(value: str, _text: str, _start: int, _end: int, /) -> bool:
    """Keep an Iranian national code by its check digit."""
    number = digits(value)
    if len(number) != 10 or len(set(number)) < 2:
        return False
    rest = _weighted(number[:9], tuple(range(10, 1, -1))) % 11
    return int(number[9]) == (rest if rest < 2 else 11 - rest)


@check
def aba_routing(value: str, _text: str, _start: int, _end: int, /) -> bool:
    """Keep a routing number of a Federal Reserve district whose weighted sum is a multiple of ten."""
    number = digits(value)
    district = int(number[:2]) if len(number) == 9 else -1
    known = 1 <= district <= 12 or 21 <= district <= 32 or 61 <= district <= 72 or district == 80
    return known and _weighted(number, (3, 7, 1) * 3) % 10 == 0


@check
def npi_digit(value: str, _text: str, _start: int, _end: int, /) -> bool:
    """Keep a national provider identifier: Luhn over 80840 and the number (45 CFR 162.406)."""
    number = digits(value)
    return len(number) == 10 and _luhn("80840" + number)


@check
def dea_digit(value: str, _text: str, _start: int, _end: int, /) -> bool:
    """Keep a DEA registration number by its check digit (21 CFR 1301)."""
    number = digits(value)
    if len(number) != 7:
        return False
    return (_weighted(number[0:6:2], (1, 1, 1)) + 2 * _weighted(number[1:6:2], (1, 1, 1))) % 10 == int(number[6])


_VIN = dict(
    zip("0123456789ABCDEFGHJKLMNPRSTUVWXYZ", (*range(10), *range(1, 9), *range(1, 6), 7, 9, *range(2, 10)), strict=True)
)


@check
def vin_digit(value: str, _text: str, _start: int, _end: int, /) -> Confidence | bool:
    """Judge a vehicle number by the check digit of 49 CFR 565, which European makers do not use: then POSSIBLE."""
    marks = [_VIN.get(c, -1) for c in value.upper()]
    if len(marks) != 17 or min(marks) < 0 or not mixed(value, "", 0, 0):
        return False
    rest = sum(m * w for m, w in zip(marks, (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2), strict=True)) % 11
    return Confidence.LIKELY if "0123456789X"[rest] == value[8].upper() else Confidence.POSSIBLE


_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


@check
def bech32(value: str, _text: str, _start: int, _end: int, /) -> bool:
    """Keep an address whose bech32 or bech32m checksum agrees (BIP 173, BIP 350)."""
    prefix, _, data = value.lower().rpartition("1")
    marks = [_BECH32.find(c) for c in data]
    if not prefix or min(marks, default=-1) < 0:
        return False
    total = 1
    for mark in (*(ord(c) >> 5 for c in prefix), 0, *(ord(c) & 31 for c in prefix), *marks):
        top, total = total >> 25, (total & 0x1FFFFFF) << 5 ^ mark
        for bit, part in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            total ^= part if top >> bit & 1 else 0
    return total in (1, 0x2BC830A3)


@check
def public_ip(value: str, _text: str, _start: int, _end: int, /) -> Confidence | bool:
    """Judge an address: one of a private, loopback or documentation range is POSSIBLE, the unspecified one none."""
    try:
        address = ipaddress.ip_interface(value).ip
    except ValueError:
        return False
    if address.is_unspecified:
        return False
    return Confidence.VERY_LIKELY if address.is_global else Confidence.POSSIBLE


@check
def local_phone(value: str, _text: str, _start: int, _end: int, /) -> bool:
    """Keep a number without country code: 7 to 13 digits, no date, address or social security number."""
    number = digits(value)
    return 7 <= len(number) <= 13 and len(set(number)) > 2 and not _NO_PHONE.fullmatch(value)


_NO_PHONE = re.compile(r"\d{4}-\d\d-\d\d|\d\d?[./]\d\d?[./]\d{4}|\d{3}-\d\d-\d{4}|\d{1,3}(?:\.\d{1,3}){3}")


# --- contact and network

_FILES = frozenset("png jpg jpeg gif svg webp ico css js mjs ts py md json yaml yml html map".split())


@check
def email_address(value: str, _text: str, _start: int, _end: int, /) -> bool:
    """Keep an address with well-formed parts, and that is no file name such as `icon@2x.png`."""
    local, _, domain = value.rpartition("@")
    top = domain.rpartition(".")[2]
    if (
        not local
        or not top.isalpha()
        or len(top) < 2
        or top.lower() in _FILES
        or ".." in local
        or "'" in (local[0], local[-1])
    ):
        return False
    return local[0] not in ".%-" and local[-1] not in ".%" and domain[0] != "-" and "-." not in domain


@check
def ip_address(value: str, _text: str, _start: int, _end: int, /) -> bool:
    """Keep what the standard library reads as an address, a prefix length allowed."""
    try:
        ipaddress.ip_interface(value)
    except ValueError:
        return False
    return True


@check
def phone_number(value: str, _text: str, _start: int, _end: int, /) -> Confidence | bool:
    """Judge a phone number: by the shape of the North American plan, else by the plans that phonenumbers carries."""
    plain = "".join(c for c in re.split(r"[xe]", value, maxsplit=1)[0] if c in "+0123456789")
    if len(plain) < 7:
        return False
    if plain.startswith("+1") or plain[0] not in "+0":
        number = plain[-10:]
        shaped = len(plain) in (10, 11, 12) and number[0] > "1" and len(set(number)) > 2
        return Confidence.LIKELY if shaped and number[3] > "1" else shaped and Confidence.POSSIBLE
    return _plan("+" + plain[2:] if plain.startswith("00") else plain)


@lru_cache(maxsize=8192)
def _plan(value: str) -> Confidence | bool:
    """Return what phonenumbers says of a number with country code."""
    import phonenumbers  # here, because its metadata takes longer to import than a first scan

    try:
        number = phonenumbers.parse(value, None)
    except phonenumbers.NumberParseException:
        return False
    if phonenumbers.is_valid_number(number):
        return True
    return Confidence.POSSIBLE if phonenumbers.is_possible_number(number) else False


@check
def calendar_date(value: str, _text: str, _start: int, _end: int, /) -> bool:
    """Keep digits that are a day of the calendar, read as year first, month first or day first."""
    parts = [int(part) for part in re.findall(r"\d+", value)]
    if len(parts) != 3:
        return len(parts) in (1, 2)
    a, b, c = parts
    return _day(a, b, c) or _day(c, a, b) or _day(c, b, a)


def _day(year: int, month: int, day: int) -> bool:
    try:
        date(year if year > 99 else 1900 + year, month, day)
    except ValueError:
        return False
    return 0 <= year <= 2200


_PASSWORD = re.compile(r"://[^:@/\s]*:(.*)@")


@check
def url_password(value: str, _text: str, _start: int, _end: int, /) -> Confidence | bool:
    """Keep a URL whose password is not empty and not a reference such as `${PASSWORD}` or `<password>`."""
    found = _PASSWORD.search(value)
    if not found or not found[1] or found[1][0] in "$%{[<" or _TEMPLATE.search(found[1]):
        return False
    return Confidence.POSSIBLE if _names_itself(found[1]) else len(set(found[1])) > 1


@check
def ipv6(value: str, text: str, start: int, end: int, /) -> Confidence | bool:
    """Judge an IPv6 address as `public_ip` does; names such as `a::b` of a program are none."""
    if sum(c.isdigit() for c in value) < 2 or len(value) < 6:
        return False
    return public_ip(value, text, start, end)


@check
def mac_address(value: str, _text: str, _start: int, _end: int, /) -> bool:
    """Keep a hardware address that is not all zeros or ones, nor dotted decimal digits."""
    plain = re.sub(r"[^0-9a-f]", "", value.lower())
    return len(set(plain)) > 2 and not (plain.isdigit() and "." in value)


@check
def birth_date(value: str, text: str, start: int, end: int, /) -> bool:
    """Keep a day on which a living person may have been born."""
    years = [int(part) for part in re.findall(r"\d{4}", value)]
    return calendar_date(value, text, start, end) is True and all(1900 <= year <= 2100 for year in years)
