"""Passwords that are handed over in other words: as an answer, as something to use, in XML, in images."""

from __future__ import annotations

from connectors.detection.catalog.forms import secret
from connectors.model import Confidence

_CWE = "https://cwe.mitre.org/data/definitions/522.html"
_QUOTE = r"[\"'`*]{0,3}"
_VALUE = r"(?-i:[^\s\"'`*_~<>(){}\[\],;:|=/][^\s\"'`<>,;|]{3,62}[^\s\"'`*_~<>.,;:?)\]}|])"
_WORD = r"(?:password|passwort|passphrase|passcode|kennwort|pwd?)"

DETECTORS = (
    secret(
        "xml_password",
        "Password in an element of XML",
        pattern=r"<[\w.:\-]{0,48}(?:password|passwd|passphrase|passwort|pwd|secret)>(?P<value>[^<>\s]{4,128})</",
        ignore_case=True,
        factors=(r"(?:password|passwd|passphrase|passwort|pwd|secret)>[^<>\s]{4}",),
        validators=("quoted_password",),
        base=Confidence.LIKELY,
        model="secret",
        aliases=("PASSWORD_IN_CODE",),
        examples=("<password>mK4u9vXq2s</password>", "<ns:dbPassword>tr0ub4dor9</ns:dbPassword>"),
        near_misses=("<password></password>", "<password>${db.password}</password>", "<password>string</password>"),
        source=_CWE,
    ),
    secret(
        "keyed_password",
        "Password as the value of a named setting",
        pattern=r"(?:key|name)[ ]?=[ ]?[\"'][\w.:\- ]{0,48}(?:password|passwd|passphrase|pwd|secret)[\"']\s{1,8}"
        r"value[ ]?[=:][ ]?[\"'](?P<value>[^\"'\n<>]{4,128})[\"']",
        ignore_case=True,
        factors=(r"(?:password|passwd|passphrase|pwd|secret)[\x22']\s{1,8}value ?[=:] ?[\x22']",),
        validators=("quoted_password",),
        base=Confidence.LIKELY,
        model="secret",
        aliases=("PASSWORD_IN_CODE",),
        examples=('<add key="SmtpPassword" value="mK4u9vXq2s" />', "<property name='db.password' value='tr0ub4dor9'/>"),
        near_misses=(
            '<add key="SmtpPassword" value="#{SmtpPassword}#" />',
            '<input name="password" value="">',
            '<property name="password" value="${db.password}"/>',
        ),
        source="https://learn.microsoft.com/en-us/dotnet/framework/configure-apps/file-schema/appsettings/add-element-for-appsettings",
    ),
    secret(
        "image_password",
        "Password in an ENV line of a Dockerfile",
        pattern=r"(?m:^)[ \t]{0,8}ENV[ \t]{1,4}[A-Z][A-Z0-9_]{0,48}(?:PASS(?:WORD|WD|PHRASE)?|PWD)[ \t]{1,4}[\"']?"
        r"(?P<value>[^\s\"'`<>,;){}(\[\]$&*=:|/][^\s\"'`<>,;)(|]{3,63})",
        factors=(r"ENV[ \t]{1,4}[A-Z0-9_]{0,49}(?:PASS(?:WORD|WD|PHRASE)?|PWD)[ \t]",),
        validators=("config_password",),
        base=Confidence.LIKELY,
        aliases=("PASSWORD_IN_CODE",),
        examples=("ENV ADMIN_PASSWORD mK4u9vXq2s",),
        near_misses=("ENV ADMIN_PASSWORD $SECRET", "ENV ADMIN_PASSWORD_FILE /run/secrets/admin"),
        source="https://docs.docker.com/reference/dockerfile/#env",
    ),
    secret(
        "piped_password",
        "Password piped into sudo",
        pattern=r"echo[ ](?:-n[ ])?[\"']?(?P<value>[^\s\"'$|`<>]{4,64})[\"']?[ ]?\|[ ]?sudo[ ](?:-\w[ ]){0,2}-S",
        factors=(r"\| ?sudo (?:-\w ){0,2}-S",),
        validators=("not_template",),
        base=Confidence.LIKELY,
        aliases=("PASSWORD_IN_CODE",),
        examples=("echo mK4u9vXq2s | sudo -S apt-get update",),
        near_misses=("echo $PASS | sudo -S true", "echo done | sudo tee /etc/motd"),
        source="https://www.sudo.ws/docs/man/sudo.man/#S",
    ),
    secret(
        "used_password",
        "Password that somebody is told to use",
        pattern=rf"(?<![a-z])(?:used?|try|tried|enter|type|then|with)[ ]{_QUOTE}"
        rf"(?P<value>{_VALUE}){_QUOTE},?[ ](?:for[ ](?:sudo|root|the[ ]login)"
        r"|(?:when|if|once)[ ](?:it|you)[ ](?:asks?|prompts?|are asked|want)"
        r"|to[ ](?:open|unlock|unzip|decrypt|extract|log ?in|sign[ ]in))(?![a-z])",
        ignore_case=True,
        factors=(
            r"[^\s]{5},? (?:when|if|once) (?:it|you) (?:asks?|prompt|are asked|want)",
            r"(?:use|try|enter|type|then|with) [^\s]{5,66} to (?:open|unlock|unzip|decrypt|extract|log ?in|sign in)",
            r"[^\s]{5} for (?:sudo|root|the login)\b",
        ),
        reach=144,
        validators=("far_password",),
        base=Confidence.POSSIBLE,
        aliases=("PASSWORD_IN_CODE",),
        examples=(
            "the zip is encrypted, use blau77Tiger! to open it",
            "su - postgres, then r0t&Loewe9 when it asks",
        ),
        near_misses=("use python3 to open it", "use ssh-agent when it asks", "try web-02 if you want"),
        source=_CWE,
    ),
    secret(
        "answered_password",
        "Password as the answer to a question for it",
        pattern=rf"(?<![a-z]){_WORD}(?![a-z])[^\n:=]{{0,24}}\n[>\t ]{{0,4}}(?:[a-z'’]{{1,8}}[:,]?[ ]){{0,2}}{_QUOTE}"
        rf"(?P<value>{_VALUE}){_QUOTE}[ \t]{{0,4}}(?=\n|\Z)",
        ignore_case=True,
        factors=(rf"\b{_WORD}(?:[^\n:=a-z][^\n:=]{{0,23}})?\n[^\n]{{0,32}}[\d!#$%&^+]",),
        reach=144,
        validators=("far_password",),
        base=Confidence.POSSIBLE,
        aliases=("PASSWORD_IN_CODE",),
        examples=("what was the password again?\nit's Blau1611!", "can you send me the password\nsure: r0t&Loewe9"),
        near_misses=("what was the password?\nask Tom", "pw?\nsee OPS-4821", "enter the password\nstep 2"),
        source=_CWE,
    ),
    secret(
        "renewed_password",
        "Password said after it was set",
        pattern=rf"(?<![a-z])(?:{_WORD}[ ](?:was|has been|is|got)[ ](?:re)?(?:set|changed|updated|rotated)[:,]"
        rf"|enable secret[^\n:=]{{0,32}}?(?:[ ]is|:))[ ](?:it'?s[ ])?{_QUOTE}(?P<value>{_VALUE})",
        ignore_case=True,
        factors=(
            rf"{_WORD} (?:was|has been|is|got) (?:re)?(?:set|changed|updated|rotated)[:,] ",
            r"enable secret[^\n:=]{0,32}(?: is|:) ",
        ),
        validators=("drawn_word",),
        base=Confidence.LIKELY,
        aliases=("PASSWORD_IN_CODE",),
        examples=("password was reset: mK4u9vXq2s", "enable secret on the core switch is r0t&Loewe9"),
        near_misses=("password was reset: 2024-05-02", "enable secret on the core switch is encrypted"),
        source=_CWE,
    ),
    secret(
        "brief_login",
        "User name and password in one letter each",
        pattern=rf"(?<![a-z])u(?:ser)?[ ]{{0,2}}[:=]?[ ]{{1,2}}[\w.@+\-]{{2,40}}[ ,;/]{{0,3}}\s{{1,8}}"
        rf"p(?:ass|wd?)?[ ]{{0,2}}[:=]?[ ]{{1,2}}{_QUOTE}(?P<value>{_VALUE})",
        ignore_case=True,
        factors=(r"\bu(?:ser)? {0,2}[:=]? {1,2}[\w.@+-]{2,40}[ ,;/]{0,3}\s{1,8}p(?:ass|wd?)? {0,2}[:=]? {1,2}",),
        validators=("drawn_word",),
        base=Confidence.POSSIBLE,
        aliases=("PASSWORD_IN_CODE",),
        examples=("u: backup p: mK4u9vXq2s", "  user  ops\n  pass  r0t&Loewe9"),
        near_misses=("u: backup p: 5432", "user ops\npass 12 tests"),
        source=_CWE,
    ),
    secret(
        "guest_network_key",
        "Key of a wireless network beside its name",
        pattern=r"(?<![a-z])(?:wi-?fi|wlan|wireless|ssid|hotspot)[ ][\w\- ]{1,32}?"
        rf"(?::|[ ]?[/,|][ ]?(?:psk|key|pass)[:=]?)[ ]{_QUOTE}(?P<value>{_VALUE})(?=[\s\"'`*.,]|\Z)",
        ignore_case=True,
        factors=(
            (
                r"(?:wi-?fi|wlan|wireless|ssid|hotspot) [\w -]{1,32}(?::|[/,|] ?(?:psk|key|pass)[:=]?) "
                r"[^\s]{3,24}[\d!#$%&+@^]"
            ),
        ),
        validators=("far_password",),
        base=Confidence.POSSIBLE,
        aliases=("PASSWORD_IN_CODE",),
        examples=("wifi guest: blau77Tiger!", "SSID Acme-Guest / PSK Blau1611!"),
        near_misses=("wifi guest: ask the front desk", "SSID Acme-Guest / WPA2-Enterprise", "wifi floor 2: AP-0231"),
        source=_CWE,
    ),
    secret(
        "spoken_password_eastern",
        "Password said in Czech, Danish, Hungarian, Polish, Romanian and South Slavic",
        pattern=r"(?<![a-z])(?:heslo|jelsz[óo]|adgangskoden?|parol[ae]|has[łl]o|lozinka|geslo)"
        rf"(?:[ ][^\s:=,;]{{1,20}}){{0,4}}?(?:[ ](?:je|este|to|er|è)[ ]|[ ]?[:=][ ]?){_QUOTE}(?P<value>{_VALUE})",
        ignore_case=True,
        factors=(
            (
                r"(?:heslo|jelsz.|adgangskode|parola|has.o|lozinka|geslo)[^\n]{0,64}"
                r"(?: (?:je|este|to|er|\xe8) | ?[:=] ?)[^\s]{3,24}\d"
            ),
        ),
        validators=("drawn_word",),
        base=Confidence.LIKELY,
        aliases=("PASSWORD_IN_CODE",),
        examples=("heslo je Blau1611", "jelszó: Blau1611", "hasło do serwera to mK4u9vXq2s", "parola este blau898"),
        near_misses=("heslo je neplatné", "parola este gresita", "hasło do serwera to tajemnica"),
        source=_CWE,
    ),
)
