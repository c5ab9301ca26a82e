"""Passwords that people tell each other in sentences: `the root pw is …`, `… is the new password`."""

from __future__ import annotations

from connectors.detection.catalog.forms import secret
from connectors.model import Confidence

_CWE = "https://cwe.mitre.org/data/definitions/522.html"
_WIRELESS = r"(?:wi-?fi|wlan|wireless|ssid|hotspot|guest network)"
_SHORT = r"(?:pass?word[eds]?|passwort|passwrd|psswd|pswd|passphrase|pass phrase|passcode|passwd|kennwort)"
_BRIEF = r"(?<![a-z/])(?:pwd?|pass|psw|p/w)(?![a-z])"
_FOREIGN = (
    r"mot de passe|palavra-passe|(?<![a-z])mdp|contrase.a|senha|(?<![a-z])clave|wachtwoord|parola(?: d'ordine)?"
    r"|has[łl]o|l.senord(?:et)?"
    r"|adgangskode|salasana|[şs]ifre(?:si)?(?![a-z])|парол[ья]|(?<![a-z])ww(?=[ ]?[:=])|密[码碼]|パスワード"
)
_KEYS = (
    rf"(?:pre-?)?shared (?:key|secret)|(?<![a-z])psk|(?:client|signing|webhook) secret|community string|redis auth"
    rf"|(?:{_WIRELESS}|wpa2?)[ \-](?:key|code|schl.ssel)|code wi-?fi"
)
_SAID = rf"(?:{_SHORT}|{_BRIEF}|{_FOREIGN}|(?<![a-z])creds?|credentials|old one(?= was)|{_KEYS})"
_ABOUT = (
    r"(?![ \-](?:lengths?|resets?(?! (?:to|auf))|reset (?:link|flow|page|mail|e-?mail)|attempts?|count|hash"
    r"|field|manager"
    r"|policy|strength|rotation|expir\w{0,8}|prompt|rules?|requirements?|changes|protected|history|age|based|less)\b)"
)
"""What is said of passwords in general, such as their length."""
_OF = r"(?:[ ](?:\([^()\n]{1,30}\)|[^\s:=,;.!?]{1,24}|[\w\-]{1,20}(?:\.[\w\-]{1,20}){1,3})){0,7}?"
_NOW = (
    r"(?:[ ](?:now|still|just|currently|simply|literally|probably|either|always|going to be|set to|changed to"
    r"|reset to|updated to"
    r"|back to|jetzt|nun|noch|übrigens|aktuell|derzeit|gerade|ahora|agora|maintenant)){0,2}"
)
_IS = (
    r"(?:,?[ ](?:is|was|are|should be|will be|it'?s|says|remains|(?:re)?set to|changed to|updated to"
    r"|switched to|ist|war|lautet"
    rf"|hei(?:ß|ss)t|est|c'est|es|é|è|är|er|(?<=salasana )on|now|still){_NOW}"
    r"|[*_`~\"')\]]{0,3}[ ]?(?:[:=]|->|=>|→|>|-|\?)[*_`~\"')\]]{0,3}(?: A:)?(?=[ ])"
    r"|(?<=[^\x00-\x7f])[ ]?(?::|は|是|=)(?=[ ]?[!-~]{4}))"
)
_QUOTE = r"[\"'`*_~|“‘«]{0,3}"
_VALUE = r"(?-i:[^\s\"'`*_~“”‘’«»<>(){}\[\],;:|=][^\s\"'`“”‘’«»<>,;]{2,62}[^\s\"'`*_~“”‘’«».,;:!?)\]}|]!?)"
_NAMED = (
    r"(?:pass?word|passwort|passwrd|psswd|pswd|passphrase|pass phrase|passcode|passwd|\bp/?wd?|\bpsw|\bpass"
    r"|kennwort|mot de passe"
    r"|palavra-passe|\bmdp|contrase.a|senha|\bclave|wachtwoord|parola|has.o|l.senord|adgangskode|salasana|.ifre"
    r"|shared (?:key|secret)|\bpsk|(?:client|signing|webhook) secret|community string|redis auth"
    r"|(?:fi|wlan|less|ssid|wpa2?)[ -](?:key|code|schl.ssel)|code wi-?fi|\bww|old one|\bcreds?|credentials)[^\n]{0,48}"
)
_LINKED = (
    r"(?: (?:is|was|are|be|it'?s|says|remains|to|ist|war|lautet|hei..?t|est|c'est|es|\xe9|\xe8|\xe4r|er|on|now|still|-)"
    r"|[:=>?][*_`~\x22')\]]{0,3})(?: A:)? (?:[a-z]{2,10} ){0,2}"
)
_SAID_FACTOR = rf"{_NAMED}{_LINKED}[^\s]{{0,16}}[\d!#$%&+@^\x22'`*_~-]"
_FAR_FACTORS = (
    "\ufffd{6}[^\n\\d]{0,24}[a-z][^\\s]{0,24}\\d",
    "\ufffd\ufffd[ :]{0,2}\ufffd{0,2}[ ]?[A-Za-z][!-~]{2,24}\\d",
)
"""The same in scripts of which a factor sees only `?`, as which U+FFFD is looked for."""

DETECTORS = (
    secret(
        "spoken_password",
        "Password said in a sentence",
        pattern=rf"{_SAID}{_ABOUT}{_OF}{_IS}[ :]{{0,3}}{_QUOTE}(?P<value>{_VALUE})",
        ignore_case=True,
        factors=(_SAID_FACTOR, *_FAR_FACTORS),
        validators=("sentence_password",),
        base=Confidence.LIKELY,
        aliases=("PASSWORD_IN_CODE",),
        examples=(
            "hey, the root pw is hunter22!",
            "Das Passwort für den Drucker lautet Sommer#2024.",
            "the password for user 'postgres' is 'admin9'",
            "le mot de passe du serveur c'est bleu-Tigre7",
            "hasło: blau77tiger",
            "the new password is Blau#77, the old one was Rot#66",
            "пароль от сервера: tr0ub4dor",
            "the pdf password is 934271",
        ),
        near_misses=(
            "the password is required",
            "your password is too short",
            "the password is stored in the vault",
            "change the password to something else",
            "password length is 8-64",
            "password hash: sha256",
            "the password is 12 characters long",
            "the password expires on 2026-11-02",
        ),
        source=_CWE,
    ),
    secret(
        "spoken_phrase",
        "Passphrase of several words said in a sentence",
        pattern=rf"{_SAID}{_ABOUT}{_OF}{_IS}[ :]{{0,3}}(?P<quote>[\"'`*])(?P<value>(?-i:[A-Za-z0-9]{{2,16}}"
        r"(?:[ ][A-Za-z0-9!?&]{2,16}){2,7}))(?P=quote)",
        ignore_case=True,
        factors=(_SAID_FACTOR,),
        reach=144,
        validators=("told_phrase",),
        base=Confidence.LIKELY,
        aliases=("PASSWORD_IN_CODE",),
        examples=('the passphrase is "copper meadow zebra tulip"', "wifi password: `purple rain dance`"),
        near_misses=('the password is "not the same as before"', "the password is `required for this user`"),
        source=_CWE,
    ),
    secret(
        "spoken_word",
        "Word said to be a password",
        pattern=rf"(?:(?:the|my|our|your|that|this|new|old|root|admin|db|database|guest|default|temp|demo"
        rf"|{_WIRELESS}|das|mein)[ ]"
        rf"(?:[\w\-]{{2,16}}[ ])?(?:{_SHORT}|{_BRIEF})(?:[ ](?:is|ist)|:)|(?m:^)(?:{_SHORT}|{_BRIEF})[ ](?:is|ist))[ ]"
        r"(?P<value>(?-i:[A-Za-z][a-z]{3,13}))(?![\w\-'’(/@:=\[])",
        ignore_case=True,
        factors=(
            (
                r"(?:password|passwort|passphrase|passcode|kennwort|\bpwd?|\bpass)"
                r"(?: (?:is|ist)|:) [a-z]{4,14}(?:[.!,]|[ \t]{0,8}$|\n)"
            ),
        ),
        validators=("bare_word",),
        base=Confidence.POSSIBLE,
        aliases=("PASSWORD_IN_CODE",),
        examples=("the root pw is marmalade", "our wifi password: lemonade"),
        near_misses=(
            "the password is required",
            "the password is wrong.",
            "your password: optional",
            "the root password is Bitwarden managed",
            "my password is expired",
        ),
        source=_CWE,
    ),
    secret(
        "spoken_password_far",
        "Password said further on in a sentence about one",
        pattern=rf"(?:{_SHORT}|{_BRIEF}|kennwort|mot de passe|contrase.a|senha)[^\n]{{1,72}}?(?:\n[^\n]{{0,12}})?"
        r"(?:\b(?:is|it'?s|was|says|one|worked|with|try|and|or|und|oder|ist|now)|[:=>–])[ ]{1,2}"
        r"[\"'`*_]{0,3}(?=[^\s]{0,40}\d)(?P<value>(?-i:[A-Za-z!#$%&?^+@][^\s\"'`*<>(){}\[\],;:="
        r"|/]{4,40}[A-Za-z0-9!#$%&?^+@]))"
        r"(?![\w/=(\[])",
        ignore_case=True,
        factors=(
            (
                r"(?:password|passwort|passphrase|passcode|kennwort|\bpwd?|\bpass|de passe|contrase.a"
                r"|senha)s?\b[^\n]{1,72}"
                r"(?:\n[^\n]{0,12})?"
                r"(?: is| it'?s| was| says| one| worked| with| try| and| or| und| oder| ist| now"
                r"|[:=>]) [\x22'`*_]{0,3}[a-z!#$%&?^+@]"
                r"[^\s]{2,40}[\d!#$%&?^+@]"
            ),
        ),
        validators=("far_password",),
        base=Confidence.POSSIBLE,
        aliases=("PASSWORD_IN_CODE",),
        examples=(
            "I had to reset the admin password, it is Blau1611 now",
            "the password that Sam gave me was Blau1611",
            "The passwords are Blau1403! (prod) and r0t&Loewe9 (staging)",
        ),
        near_misses=(
            "password for jdoe was reset, see ticket INC0012345",
            "the password service runs with Python311",
            "password login is disabled and db01 is down",
            "the password policy is based on NIST800",
        ),
        source=_CWE,
    ),
    secret(
        "spoken_password_second",
        "Second password said in a sentence",
        pattern=rf"{_SAID}{_ABOUT}{_OF}{_IS}[ :]{{0,3}}{_QUOTE}{_VALUE}{_QUOTE}(?:[ ]\([^()\n]{{1,24}}\))?,?[ ]"
        rf"(?:or|and|oder|und|ou|then|(?:if not|else|otherwise),? try|but (?:the )?(?:old|new) one (?:is"
        rf"|was))[ ]{_QUOTE}(?P<value>{_VALUE})",
        ignore_case=True,
        factors=(_SAID_FACTOR,),
        reach=144,
        validators=("far_password",),
        base=Confidence.POSSIBLE,
        aliases=("PASSWORD_IN_CODE",),
        examples=("the password is blau77Tiger! or r0t&Loewe9", "passwords: Blau1403! (prod) and r0t&Loewe9 (staging)"),
        near_misses=("the password is required and db01 too",),
        source=_CWE,
    ),
    secret(
        "spoken_password_changed",
        "Password that something was changed to",
        pattern=r"(?<![a-z])(?:(?:set|chang(?:e|ed|ing)|reset|updat(?:e|ed)|switch(?:ed)?|rotated|cambi[éo]"
        r"|mud(?:ei|ou)|chang[ée]"
        rf"|stell\w{{0,3}}|setz\w{{0,3}}|habe|have|has)[^\n.:=]{{0,40}}?{_SAID}[^\n.:=]{{0,24}}?"
        rf"|{_SAID} (?:geändert|gesetzt|changed|updated|modifié))[ ](?:to|auf|a|à|para|en)[ ]{_QUOTE}"
        rf"(?P<value>{_VALUE})",
        ignore_case=True,
        factors=(
            (
                r"(?:password|passwort|kennwort|pwd?|pass|passe|contrase.a|senha)[^\n.:=]{0,24} [tape\xe0][a-z]{0,3} "
                r"[^\s]{0,24}[\d!#$%&+@^\x22'`*_~-]"
            ),
        ),
        reach=160,
        validators=("sentence_password",),
        base=Confidence.LIKELY,
        aliases=("PASSWORD_IN_CODE",),
        examples=("I changed the wifi password to Blau-Pause7", "ich habe das Passwort auf Blau77 gesetzt"),
        near_misses=("I set the password to whatever", "changed the password on db01 to fix it"),
        source=_CWE,
    ),
    secret(
        "spoken_password_first",
        "Password said before its name",
        pattern=r"(?:^|(?<=[\s\"'`*(“]))"
        r"(?P<value>[^\s\"'`*“”<>(){}\[\],;:][^\s\"'`*“”<>,;]{2,62}[^\s\"'`*“”.,;:?)])[\"'`*”]?[ ]"
        r"(?i:as|is|for|<-{1,2}|<=|←|-)[ ](?i:(?:the|that's|this is|my|your|our|a|new|root|admin|wifi|temporary"
        r"|default|db"
        r"|database|prod|vpn)[ ]){0,3}"
        r"(?i:password|passwort|pw|pwd|passphrase|passcode)(?![A-Za-z])",
        factors=(
            (
                r" (?i:as|is|for|<-{1,2}|<=|\?|-) (?i:(?:the|that's|this is|my|your|our|a|new|root|admin|wifi"
                r"|temporary|default|db|database|prod|vpn) ){0,3}(?i:password|passwort|pwd?|passphrase|passcode)\b"
            ),
        ),
        validators=("sentence_password",),
        base=Confidence.LIKELY,
        aliases=("PASSWORD_IN_CODE",),
        examples=(
            "use Tr0ub4dor as the password",
            "hunter22 is the new admin pw",
            "use Tr0ub4dor for the db password",
            "Tr0ub4dor9 <-- that's the password",
        ),
        near_misses=(
            "use it as the password",
            "the same as my password",
            "this is the password",
            "ask it2 for a password",
        ),
        source=_CWE,
    ),
    secret(
        "bare_password",
        "Password right after the word",
        pattern=r"(?<![a-z])(?:password|passwd|pwd?|pass|passwort|kennwort|passphrase|passcode|wachtwoord"
        r"|contrase.a|senha"
        r"|пароль(?:[ ][^\s\d]{1,12}){0,2})[ ][\"'`]?(?P<value>(?-i:[^\s\"'`<>(){}\[\],;:=/]"
        r"[^\s\"'`<>(){},;=]{4,62}[^\s\"'`<>(){},;:=.?)]))(?![\w(])",
        ignore_case=True,
        factors=(
            (
                r"\b(?:password|passwd|pwd?|pass|passwort|kennwort|passphrase|passcode|wachtwoord|contrase.a|senha)"
                r" [\x22'`]?[^\s\d]{0,24}\d"
            ),
            _FAR_FACTORS[0],
        ),
        validators=("drawn_word",),
        base=Confidence.LIKELY,
        aliases=("PASSWORD_IN_CODE",),
        examples=(
            "ssh root@db password Tr0mb0ne!",
            "you can use pass `tiger55` for scott",
            "пароль от wifi blau77Tiger",
        ),
        near_misses=("password version2 is out", "password 2024-10-11", "pass 12 tests", "password sha256 hash"),
        source=_CWE,
    ),
    secret(
        "told_password",
        "Password told in passing",
        pattern=rf"(?:(?<![a-z]){_SHORT}|{_BRIEF})(?:['’]s(?: still| now)?|,(?: (?:it['’]?s|is))?"
        rf"|[ ]\() ?[\"'`“‘]?(?P<value>{_VALUE})",
        ignore_case=True,
        factors=(r"\b(?:pass(?:word|wort|phrase|code|wd)|kennwort|pwd?)(?:'s| 's|, | \()",),
        validators=("sentence_password",),
        base=Confidence.POSSIBLE,
        aliases=("PASSWORD_IN_CODE",),
        examples=(
            "just use the old password, Tr0ub4dor!9",
            "the password's blue-Tiger-77",
            "the password (Tr0ub4dor&3)",
        ),
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
        pattern=rf"(?:^|(?<=\s))[\"'`“‘]?(?P<value>{_VALUE})[\"'`”’]? \((?:the |root |admin |wifi )?(?:{_SHORT}"
        rf"|pwd?)\)",
        ignore_case=True,
        factors=(r" \((?:the |root |admin |wifi )?(?:pass(?:word|wort|phrase|code|wd)|kennwort|pwd?)\)",),
        validators=("sentence_password",),
        base=Confidence.POSSIBLE,
        aliases=("PASSWORD_IN_CODE",),
        examples=("it's Tr0ub4dor&3 (password)", "log in with Zx81!spectrum (the password)"),
        near_misses=("your secret (password)", "something you know (password)"),
        source=_CWE,
    ),
    secret(
        "told_unlock",
        "Password that opens something",
        pattern=r"(?<![a-z])(?:(?:unlock|unzip|open|decrypt|extract|protected|encrypted|secured|locked)s?"
        r"(?:[ ](?:it|this|them|the [\w.]{1,20}))?(?:[ ](?:with|using|by)|:)|key (?:to|for) (?:the"
        r"|this) [\w.]{1,20} is)"
        rf"[ ](?:{_SHORT}[ ])?{_QUOTE}(?P<value>{_VALUE})",
        ignore_case=True,
        factors=(
            (
                r"(?:unlock|unzip|open|crypt|extract|protected|encrypted|secured|locked)[\w. ]{0,28}(?: with| using"
                r"| by|:) "
            ),
            r"key (?:to|for) (?:the|this) [\w.]{1,20} is ",
        ),
        validators=("far_password",),
        base=Confidence.POSSIBLE,
        aliases=("PASSWORD_IN_CODE",),
        examples=("the sheet is protected with Blau777", "unlock it with Zx81!spectrum"),
        near_misses=("protected with AES256", "encrypted using sha256", "open it with Python3", "locked by user42"),
        source=_CWE,
    ),
)
