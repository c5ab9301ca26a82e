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


_TERM = re.compile(
    r"(?i)(?:(?:sha|md|aes|rsa|des|base|pbkdf|argon|oauth|http|utf|ipv?|v|win|windows|python|java|node|bcrypt"
    r"|pkcs|x|rfc|tls|ssl|ed|rs|hs|es"
    r"|office|excel|word|outlook|exchange|sql|server|iso|nist|pci|cve|kb|php|perl|ruby|go|c|cpp|gcc|jdk|rhel"
    r"|ubuntu|debian|centos"
    r"|level|step|part|page|room|team|user|test|host|web|db|app|node|rack|site|zone|vlan|eth|port|pin|gpt|llama"
    r"|claude|web|issue|pr|ticket"
    r"|version|rev|build|release|chapter|section|figure|table|day|week|month|year|q|h|fy)"
    r"[-_]?\d{1,5}(?:[a-z]{1,2}|[.-][\w.-]*)?)"
)
"""Names and numbered things that have digits."""
_TAG = re.compile(r"![A-Za-z]+")
"""A tag of YAML, such as `!vault`."""
_LIMP = re.compile(r"[A-Za-z]+(?:[ _\-./][A-Za-z]+)*[.:!?]?")


def _password(value: str) -> Confidence | bool:
    if _names_itself(value) or TEMPLATE.search(value) or CODE.search(value) or len(set(value)) < 3:
        return False
    if SAMPLE.search(value) or _TAG.fullmatch(value):
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
    if _TERM.fullmatch(value) or (value.isalpha() and not value.isascii()):  # a word, such as `oublié`
        return False
    if _IDENTIFIER.fullmatch(value) and not _ENVIRONMENT.search(text, max(0, start - 64), start):
        return False
    return _password(value)


@check
def sentence_password(value: str, text: str, start: int, end: int, /) -> Confidence | bool:
    """Judge a word that a sentence says is a password: a bare word must have a digit or a sign; a quoted one may not.

    Numbers of four and more digits are, unless they are a year or counted; words joined by hyphens, when there are
    three that no sentence is made of.
    """
    quoted = start > 0 and text[start - 1] in "\"'`*“‘«" and text[end : end + 1] in tuple("\"'`*”’»")
    if text[end : end + 1] in ("(", "[") or value[-1:] in ("(", "[") or (_REFERENCE.fullmatch(value) and not quoted):
        return False
    if _NUMBER.fullmatch(value):
        return len(set(value)) > 1 and not _YEAR.fullmatch(value) and not _COUNTED.match(text, end)
    if (not quoted and (_HOST.fullmatch(value) or _TERM.fullmatch(value))) or re.fullmatch(r"[A-Za-z]+=", value):
        return False
    if _JOINED.fullmatch(value):
        return _phrase(value.lower().split("-"))
    if not quoted and (not any(not c.isalpha() for c in value) or _PROSE.fullmatch(value)):
        return False
    return _password(value)


_REFERENCE = re.compile(r"[A-Za-z_]+(?:[_.][A-Za-z_]+)+|_\w+")
_HOST = re.compile(r"[\w\-]+(?:\.[\w\-]+)*\.[A-Za-z]{2,}")
_NUMBER = re.compile(r"\d{4,12}")
_YEAR = re.compile(r"(?:19|20)\d\d")
_COUNTED = re.compile(
    r"[ -]?(?:char|digit|bit|day|time|hour|second|user|account|attempt|letter|%|\d|mal|zeichen|tage)|[.,:/-]\d",
    re.IGNORECASE,
)
_JOINED = re.compile(r"[A-Za-z]{3,}(?:-[A-Za-z]{3,}){2,}")
_PROSE = re.compile(
    r"[A-Za-z]+(?:['’.:/\-][A-Za-z]+)+|[\d.,:%/\-]+|[\d.,:/]+(?:st|nd|rd|th|s|ms|h|am|pm|min|x|k|kb|mb|gb"
    r"|bits?)|@\w+|#\d+"
    r"|[A-Z]{2,8}-\d{1,6}|v\d[\d.]*\w{0,3}|(?:\+|-)\w{1,6}|(?:https?|www)\b.*",
    re.IGNORECASE,
)
"""What sentences hold beside words: compounds, numbers, times, mentions, tickets, versions."""


def _phrase(parts: list[str]) -> bool:
    """Tell words drawn for a passphrase from words of a sentence or of a name."""
    return not any(part in _NO_PASSWORD or part in _FUNCTION for part in parts) and len(set(parts)) == len(parts)


_STATUS = frozenset(
    """
    right good fine bad blank simple easy hard fixed valid null void gone back done live dead late fresh stale
    clear plain free full legacy basic root admin administrator user guest text plaintext cleartext varchar
    bytes char secure insecure leaked hidden local global static dynamic manual automatic ready pending active
    inactive locked unlocked longer shorter stronger weaker newer older better worse alphanumeric numeric
    uppercase lowercase random auto automatic internal external owner member editor viewer manager staff
    operator developer falsch richtig korrekt leer geheim bekannt unbekannt alt neu gleich weg dasselbe optional
    siehe faux vide bon mauvais incorrect incorrecta correcta secreto errada certa vazia sbagliata corta larga
    obligatoria nueva vieja misma mismo lastpass bitwarden keepass keeper dashlane okta vault kerberos ldap saml
    oauth bcrypt hashed kdbx wiki confluence slack signal email mail phone post teams jira discord whatsapp
    telegram sharepoint notion secretsmanager ansible terraform below above attached enclosed inside outside
    online offline today tomorrow yesterday soon later never immediately again something anything nothing
    everything whatever yours mine ours theirs itself myself
    """.split()  # noqa: SIM905  # read and kept in order as text
)
"""What people say of a password without telling it."""
_INFLECTED = re.compile(
    r".*(?:ed|ing|able|ible|ly|ent|ant|ive|ous|ory|ful|less|ic|ary|ish|ung|lich|ig|iert|isch|ated|ieren)|ge\w+t"
)
_SENTENCE_END = re.compile(
    r"[.!]{0,3}[\"')]?(?:\s*(?:\Z|\n)|[ ]?[,(][ ]?(?:no|all|without|lower|upper|btw|fyi|capital|with|but|as)\b"
    r"|[ ][:;]-?[)D])"
)


@check
def bare_word(value: str, text: str, _start: int, end: int, /) -> bool:
    """Keep a single word at the end of a sentence that says it is a password, when it is not said of one."""
    word = value.lower()
    status = word in _NO_PASSWORD or word in _FUNCTION or word in _STATUS or _INFLECTED.fullmatch(word)
    return not status and bool(_SENTENCE_END.match(text, end))


_WORD_NUMBER = re.compile(r"[A-Za-z][a-z]{3,}[-_.]?\d{2,4}[!#$%&*?.+@]?")


@check
def far_password(value: str, text: str, start: int, end: int, /) -> bool:
    """Keep a value that nobody writes but as a password: with signs, a word and a year, drawn letters."""
    before = text[max(start - 24, 0) : start].lower()
    if sentence_password(value, text, start, end) is not True or _OF_WHAT.search(before) or _MAIL.match(value):
        return False
    letters, numbers = sum(map(str.isalpha, value)), sum(map(str.isdigit, value))
    if (
        not letters
        or not numbers
        or re.fullmatch(r"[A-Z\d_\-.]+|[0-9a-f\-]+|[\w.\-]*\.[a-z]{2,4}|[a-z\d]+(?:[-_.][a-z\d]+)+", value)
    ):
        return False
    if re.search(r"[!#$%&?^+@]", value):
        return True
    if _WORD_NUMBER.fullmatch(value):
        return numbers > 2
    return len(re.findall(r"[a-z][A-Z\d]|[A-Z\d][a-z]|[A-Z]\d|\d[A-Z]", value)) > 2


_OF_WHAT = re.compile(
    r"\b(?:on|at|in|for|from|by|user|account|host|server|see|ticket|room|version|via|runs?|build|release|of|to"
    r"|file|page|called|named)"
    r"[ :]{1,2}[\"'`*(]{0,2}$"
)


_HEADER = re.compile(r"pass|pwd?|kennwort|mdp|contrase|senha|wachtwoord", re.IGNORECASE)


@check
def cell_password(value: str, text: str, start: int, end: int, /) -> Confidence | bool:
    """Judge a cell of a column of passwords: what is said of one, a blank, a date or a count is none.

    Where the header is not far off, what stands here may be no table: then a plain word is none either.
    """
    word, before = value.lower(), text[max(start - 40, 0) : start]
    if "=" in value[:-2] or _HEADER.search(text, end, end + 40):
        return False
    if header := list(_HEADER.finditer(before)):
        apart = before[header[-1].end() :]
        return "\n" in apart and any(c in apart for c in ",;|\t") and drawn_word(value, text, start, end)
    if word in _STATUS or word in ("yes", "true", "false") or re.fullmatch(r"[\d.:/-]{1,10}|[-*.•#_]+", value):
        return False
    return _password(value) is not False


@check
def told_phrase(value: str, _text: str, _start: int, _end: int, /) -> bool:
    """Keep three and more quoted words, none of which sentences need."""
    return _phrase(re.findall(r"[a-z0-9]+", value.lower()))


_FUNCTION = frozenset(
    """
    is are was were be been being has have had do does did will would can could should must may might shall the
    a an this that these those my your his her our their its no not never always again before after than then
    too very more most least per and or but nor so because when where who what which how why out off over under
    into onto about without within up down you he she it we they me him us them see ask please same last first
    next all any each every some here there yes contain contains include includes expire expires protected
    """.split()  # noqa: SIM905  # read and kept in order as text
)
"""Words that sentences are made of, and passphrases seldom."""


@check
def drawn_word(value: str, _text: str, _start: int, _end: int, /) -> Confidence | bool:
    """Judge a word beside the word password: only one with letters, digits and a mixture that no plain word has."""
    inner = sum(c.isdigit() for c in value)
    mixture = inner > 1 and any(c.isalpha() for c in value)
    mixture = mixture or bool(re.search(r"[A-Za-z]\d[A-Za-z]|[!@#$%&*+?]", value))
    if (
        not inner
        or not mixture
        or _TERM.fullmatch(value)
        or _HOST.fullmatch(value)
        or (value[:1].isdigit() and "-" in value)
    ):
        return False
    return _password(value)


@check
def spoken_login(value: str, text: str, start: int, end: int, /) -> Confidence | bool:
    """Judge `user / password` in a sentence by its second half, which must have a digit and a letter."""
    last = re.split(r"[\"'`*]?[ ]?[/|:][ ]?[\"'`*]?", value)[-1]
    if last.isalpha():
        known = re.match(r"(?:admin\w*|root|sa|system|guest|demo|deploy|postgres)\W", value, re.IGNORECASE)
        return known is not None and bare_word(last, text, start, end)
    return (
        mixed(last, text, start, end) is True and not last[:2].isdigit() and sentence_password(last, text, start, end)
    )


_PAIR = re.compile(r"[^/|: ]+([ ]?[/|:][ ]?)(.+)")
_NUMBERED = re.compile(r"v?\d.*|[a-z]{1,10}[-_.]?\d{1,2}(?:\.\d+)*", re.IGNORECASE)
_VERSION = re.compile(r"[a-z]{0,10}[-_.]?\d[\d.]*(?:-\w+)*|[a-z]+\d{1,2}|\d.*", re.IGNORECASE)


@check
def account_pair(value: str, text: str, _start: int, end: int, /) -> Confidence | bool:
    """Judge a well-known account and what follows it: a path, a version, a port or a word is no password.

    Without blanks around the sign it must have a sign of its own, as image names and paths look alike.
    """
    found = _PAIR.fullmatch(value)
    if found is None:
        return False
    sign, last = found.groups()
    if any(c in last for c in "/:=()\\") or _NUMBERED.fullmatch(last):
        return False
    if " " not in sign and _VERSION.fullmatch(last):
        return False
    if " " not in sign and not re.search(r"[!#$%&*?^+@]", last):
        strong = all(any(map(of, last)) for of in (str.isupper, str.islower, str.isdigit))
        if not strong or sum(map(str.isdigit, last)) < 2:
            return False
    return drawn_word(last, text, end - len(last), end)


_COPIES = re.compile(r"(?:scp|rsync|sftp|git|clone|mount|remote)\b[^\n]{0,80}$")


@check
def mailbox_pair(value: str, text: str, start: int, end: int, /) -> Confidence | bool:
    """Judge a mail address and what follows it: an address, a port or a path is no password."""
    last = re.split(
        r"[ ]?[/|:][ ]?", value.rpartition("@")[2] if value.count("@") == 1 else value.partition("@")[2], maxsplit=1
    )[-1]
    if _COPIES.search(text, max(start - 90, 0), start) or "/" in last or last.endswith(".git") or _MAIL.fullmatch(last):
        return False
    return drawn_word(last, text, end - len(last), end)


_MAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")


@check
def door_code(value: str, text: str, start: int, _end: int, /) -> bool:
    """Keep the code of a door or phone; postal codes and one-time codes that a message sends are none."""
    number = value.strip("#*")
    before = text[max(start - 60, 0) : start].lower()
    if re.search(
        r"zip|post(?:al|leitzahl)|area|country|verif|one.time|otp|error|status|exit|color|colour|pincode", before
    ):
        return False
    return len(set(number)) > 1 and not (
        len(number) == 6 and re.search(r"(?:^|[\n,;|\t ])pin ?(?:code)? ?[:=-] ?$", before)
    )


@check
def bitlocker_groups(value: str, _text: str, _start: int, _end: int, /) -> bool:
    """Keep eight groups that are each a multiple of 11 below 720,896.

    https://learn.microsoft.com/archive/blogs/si_team/bitlocker-recovery-password-details
    """
    return all(group.isdecimal() and int(group) % 11 == 0 and int(group) < 720_896 for group in value.split("-"))


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
