"""Checks of passwords: in quotes, in configuration, in sentences, in URLs and on command lines."""

from __future__ import annotations

import base64
import re

from connectors.detection.checks.registry import check
from connectors.detection.checks.tokens import CODE, SAMPLE, TEMPLATE, mixed
from connectors.model import Confidence

_NEVER = """
    password passwd pass pwd secret token key string str text none null nil undefined true false required optional empty
    default value input field type hidden username user login email name admin_password new_password old_password
    your_password mypassword variable bool int object any varchar char var let const function return print the a an is
    to for in of and or not be it this that if with by on at as from reset change changed forgot forgotten wrong
    incorrect invalid correct expired protected here there below above prompt generated random manager hash hashed
    encrypted encryption policy rotation strength length label confirm confirmation missing needed same different set
    unset stored too already never safe weak strong ok okay public available something update updated sent saved used
    only required. visible known unknown shared kept getpass something-else basestring passphrase passcode passwords
    """
_NO_PASSWORD = frozenset(_NEVER.split())


def _names_itself(value: str) -> bool:
    """Whether the value is a name for a password, such as `new_password` or `DB_PASSWORD`, or is said to be none."""
    plain = value.lower().strip("_-.:!?#*$@ ")
    return plain in _NO_PASSWORD or (
        bool(re.fullmatch(r"[a-z_\-. ]*(?:password|passwd|passphrase|pwd)[a-z_\-. ]*", plain))
    )


_LIMP = re.compile(r"[A-Za-z]+(?:[ _\-./][A-Za-z]+)*[.:!?]?")


def _password(value: str) -> Confidence | bool:
    if _names_itself(value) or TEMPLATE.search(value) or CODE.search(value) or len(set(value)) < 3:
        return False
    if SAMPLE.search(value):
        return False
    return Confidence.POSSIBLE if _LIMP.fullmatch(value) else True


_SIGIL = re.compile(r"[$#%@][A-Za-z_{][\w.\-]*\}?(?<![A-Z]\d)(?<!\d[A-Za-z])")


@check
def quoted_password(value: str, _text: str, _start: int, _end: int, /) -> Confidence | bool:
    """Judge a quoted value that is called a password: names, types, references, labels and sentences are none."""
    if value.count(" ") > 2 or value[:1] in ("", *" /.,;)") or value[-1] in " (,;:=" or _SIGIL.fullmatch(value):
        return False
    return _password(value.lstrip("$#%@!"))


_IDENTIFIER = re.compile(r"[A-Za-z_]+(?:\.[A-Za-z_]\w*)*[?!.]?|\w+(?:\.\w+)+")


_ENVIRONMENT = re.compile(r"(?:^|[\s;])[A-Z][A-Z0-9_]{3,60}=$")


@check
def config_password(value: str, text: str, start: int, end: int, /) -> Confidence | bool:
    """Judge a bare value that is called a password: what may be an expression of a program is none."""
    if text[end : end + 1] in ("(", "[") or value[-1:] in "\\:" or "[" in value:
        return False
    if _IDENTIFIER.fullmatch(value) and not _ENVIRONMENT.search(text, max(0, start - 64), start):
        return False
    return _password(value)


@check
def sentence_password(value: str, text: str, start: int, end: int, /) -> Confidence | bool:
    """Judge a word that a sentence says is a password: bare words must have a digit or a sign; quoted ones may not."""
    quoted = start > 0 and text[start - 1] in "\"'`*“‘«" and text[end : end + 1] in tuple("\"'`*”’»")
    marks = sum(not c.isalpha() for c in value)
    if text[end : end + 1] in ("(", "[") or value[-1:] in ("(", "[") or _REFERENCE.fullmatch(value):
        return False
    if not quoted and (not marks or re.fullmatch(r"[A-Za-z]+(?:['’.:/\-][A-Za-z]+)+|[\d.,:%]+", value)):
        return False
    return _password(value)


_REFERENCE = re.compile(r"[A-Za-z_]+(?:[_.][A-Za-z_]+)+|_\w+")


@check
def drawn_word(value: str, _text: str, _start: int, _end: int, /) -> Confidence | bool:
    """Judge a word beside the word password: only one with letters, digits and a mixture that no plain word has."""
    inner = sum(c.isdigit() for c in value)
    mixture = inner > 1 and any(c.isalpha() for c in value)
    mixture = mixture or bool(re.search(r"[A-Za-z]\d[A-Za-z]|[!@#$%&*+?]", value))
    if not inner or not mixture or _TERM.fullmatch(value) or (value[:1].isdigit() and "-" in value):
        return False
    return _password(value)


_TERM = re.compile(
    r"(?i)(?:sha|md|aes|rsa|base|pbkdf|argon|oauth|http|utf|ipv?|v|win|windows|python|bcrypt|pkcs|x|rfc)"
    r"[-_]?\d[\w.-]*"
)


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
def connection_password(value: str, _text: str, _start: int, _end: int, /) -> Confidence | bool:
    """Judge a connection string by the password at its end."""
    last = value.rpartition("=")[2].strip()
    if TEMPLATE.search(last) or len(set(last)) < 2:
        return False
    return Confidence.POSSIBLE if _names_itself(last) else len(last) > 2


@check
def command_password(value: str, text: str, start: int, _end: int, /) -> Confidence | bool:
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


_PASSWORD = re.compile(r"://[^:@/\s]*:(.*)@")


@check
def url_password(value: str, _text: str, _start: int, _end: int, /) -> Confidence | bool:
    """Keep a URL whose password is not empty and not a reference such as `${PASSWORD}` or `<password>`."""
    found = _PASSWORD.search(value)
    if not found or not found[1] or found[1][0] in "$%{[<" or TEMPLATE.search(found[1]):
        return False
    return Confidence.POSSIBLE if _names_itself(found[1]) else len(set(found[1])) > 1
