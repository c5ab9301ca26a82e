"""Passwords that people tell each other in passing."""

from __future__ import annotations

from connectors.detection.catalog.forms import secret
from connectors.model import Confidence

_CWE = "https://cwe.mitre.org/data/definitions/522.html"
_NAMES = r"(?:pass(?:word|wort|phrase|code|wd)|kennwort|pwd?)"
_VALUE = r"(?-i:[^\s\"'`*“”‘’«»<>(){}\[\],;:][^\s\"'`*“”‘’«»<>,;]{3,62}[^\s\"'`*“”‘’«».,;:?)])"

DETECTORS = (
    secret(
        "told_password",
        "Password told in passing",
        pattern=rf"(?<![a-z]){_NAMES}(?:['’]s|,(?: (?:it['’]?s|is))?|[ ]\() ?[\"'`“‘]?(?P<value>{_VALUE})",
        ignore_case=True,
        factors=(r"\b(?:pass(?:word|wort|phrase|code|wd)|kennwort|pwd?)(?:'s|, | \()",),
        validators=("sentence_password",),
        base=Confidence.POSSIBLE,
        model="secret",
        aliases=("PASSWORD_IN_CODE",),
        examples=("just use the old password, Tr0ub4dor!9", "the password's blue-Tiger-77", "the pw (Tr0ub4dor&3)"),
        near_misses=(
            "the password's length",
            "your password, please",
            "password (required)",
            "the password, as always",
        ),
        source=_CWE,
    ),
    secret(
        "told_password_after",
        "Password told before its name in brackets",
        pattern=rf"(?:^|(?<=\s))[\"'`“‘]?(?P<value>{_VALUE})[\"'`”’]? \((?:the |root |admin |wifi )?{_NAMES}\)",
        ignore_case=True,
        factors=(r" \((?:the |root |admin |wifi )?(?:pass(?:word|wort|phrase|code|wd)|kennwort|pwd?)\)",),
        validators=("sentence_password",),
        base=Confidence.POSSIBLE,
        model="secret",
        aliases=("PASSWORD_IN_CODE",),
        examples=("it's Tr0ub4dor&3 (password)", "log in with Zx81!spectrum (the password)"),
        near_misses=("your secret (password)", "something you know (password)"),
        source=_CWE,
    ),
    secret(
        "told_account",
        "Account and password told side by side",
        pattern=rf"(?<![a-z])(?:creds?|credentials|login|ssh [\w.\-]{{1,32}}@[\w.\-]{{1,64}} with)[ :]{{1,3}}"
        rf"(?:(?:admin|root|administrator|user|test|demo|guest|postgres|oracle|sa)[ ]{{1,3}})?(?P<value>{_VALUE})",
        ignore_case=True,
        factors=(
            (
                r"\b(?:creds?|credentials|login)[ :]{1,3}"
                r"(?:admin|root|administrator|user|test|demo|guest|postgres|oracle|sa) "
            ),
            r"\bssh [\w.\-]{1,32}@[\w.\-]{1,64} with ",
        ),
        validators=("sentence_password", "mixed"),
        base=Confidence.POSSIBLE,
        model="secret",
        aliases=("PASSWORD_IN_CODE",),
        examples=("default creds: admin Tr0ub4dor&3", "ssh root@10.0.0.5 with Tr0ub4dor&3"),
        near_misses=("credentials: user missing", "ssh root@10.0.0.5 with sudo"),
        source=_CWE,
    ),
)
