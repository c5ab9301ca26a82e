"""Logins, codes and keys that people paste into a chat: `admin / …`, a password on a line of its own, a door code."""

from __future__ import annotations

from connectors.detection.catalog.forms import secret
from connectors.detection.detector import Context
from connectors.model import Confidence

_CWE = "https://cwe.mitre.org/data/definitions/522.html"
_ACCOUNTS = (
    r"(?:admin|administrator|root|superuser|sysadmin|sa|sys|system|postgres|mysql|oracle|elastic|kibana|grafana"
    r"|jenkins|tomcat"
    r"|ubuntu|debian|centos|ec2-user|deploy|deployer|devops|cisco|ubnt|pi|guest|demo|operator|backup|service"
    r"|svc[\w\-]{1,16}"
    r"|vagrant|ansible|rabbitmq|minio|splunk|weblogic|nagios|zabbix)"
)
_LOGIN = (
    r"(?:creds?|credentials|logins?|user[/+]pass(?:word)?|u/p|(?:log|sign)[ \-]?in(?=[ ](?:with|as|using))"
    r"|zugang(?:sdaten)?"
    r"|anmeldedaten|identifiants?|accesos?|acesso|inloggen|account)"
)
_SECOND = r"[^\s/|:,;\"'`<>(){}][^\s|,;\"'`<>(){}]{2,62}[^\s/|:,;\"'`<>(){}.?]"
_QUOTE = r"[\"'`*_~|“‘«]{0,3}"

DETECTORS = (
    secret(
        "spoken_login",
        "User name and password said together",
        pattern=rf"(?<![a-z]){_LOGIN}(?:[ ](?:for|to|für|pour|para)[ ][^\n:]{{1,40}}?)?"
        r"(?:[ ](?:are|is|with|as|using|sind|ist|->|=>|→))?[ :=>]{1,3}[\"'`*]?(?P<value>"
        rf"(?-i:[\w.@+\-]{{2,64}}[\"'`*]?[ ]?[/|:][ ]?[\"'`*]?{_SECOND}))",
        ignore_case=True,
        factors=(
            (
                r"\b(?:creds?|credentials|logins?|user[/+]pass(?:word)?|u/p|(?:log|sign)[ -]?in"
                r"|zugang(?:sdaten)?|anmeldedaten"
                r"|identifiants?|accesos?|acesso|inloggen|account)"
                r"(?: (?:for|to|f.r|pour|para) [^\n:]{1,40})?(?: (?:are|is|with|as|using|sind|ist|->|=>))?"
                r"[ :=>]{1,3}[\x22'`*]?[\w.@+-]{2,64}[\x22'`*]? ?[/|:] ?[\x22'`*]?[^\s/|:]{4}"
            ),
        ),
        validators=("spoken_login",),
        base=Confidence.LIKELY,
        model="secret",
        aliases=("PASSWORD_IN_CODE",),
        examples=(
            "creds: admin / S3cret!pass",
            "login for the vpn is deploy/mK4u9vXq2s",
            "Zugangsdaten: admin / blau77Tiger",
            "demo account: demo@acme.test / blau77Tiger",
        ),
        near_misses=(
            "login: https://acme.test/login",
            "credentials for dev/test",
            "sign in: 10:30",
            "login with admin / owner",
        ),
        source=_CWE,
    ),
    secret(
        "told_account",
        "Account and password told side by side",
        pattern=r"(?<![a-z])(?:creds?|credentials|log[ ]?in|sign[ ]?in|connect|rdp|ssh|login|user(?:name)?"
        r"|router|switch|printer|panel)(?:[ ][\w.\-@]{1,40}){0,3}?"
        rf"(?:[ ](?:as|with|using|user|to)|:)?[ ]{_ACCOUNTS}(?:[ ](?:with|using|and|pw))?[ ,/]{{1,3}}{_QUOTE}"
        r"(?P<value>(?-i:[^\s\"'`*(){}\[\]<>,;:/][^\s\"'`*(){}\[\]<>,;:]{3,62}[^\s\"'`*(){}\[\]<>,;:.?]))",
        ignore_case=True,
        factors=(
            (
                r"\b(?:admin|administrator|root|superuser|sysadmin|system|postgres|mysql|oracle|elastic"
                r"|kibana|grafana|jenkins|tomcat|ubuntu|deploy|cisco|ubnt|guest|demo|operator|backup|service)"
                r"(?: [wuap][a-z]{1,4})?[ ,/]{1,3}[\x22'`*]?[a-z!#$%&+@^][^\s/]{2,24}\d"
            ),
            *(
                rf"\b{brief}(?: [wuap][a-z]{{1,4}})?[ ,/]{{1,3}}[\x22'`*]?[a-z!#$%&+@^][^\s/]{{2,24}}\d"
                for brief in ("sa", "sys", "pi")
            ),
            r"\bssh [\w.-]{1,32}@[\w.-]{1,64} with ",
        ),
        validators=("drawn_word",),
        base=Confidence.POSSIBLE,
        model="secret",
        aliases=("PASSWORD_IN_CODE",),
        examples=("default creds: admin Tr0ub4dor&3", "you can log in as admin with blau77Tiger"),
        near_misses=("credentials: user missing", "login as root with sudo", "login as admin, ticket OPS-1234"),
        source=_CWE,
    ),
    secret(
        "told_login",
        "Account of any name and its password in a sentence",
        pattern=r"(?<![a-z])(?:log(?:ged|ging)?|sign(?:ed|ing)?)[ \-]?in(?:to [\w.\-]{1,40})?[ ](?:as|with"
        r"|using)[ ](?:the )?(?:user |account )?"
        r"[\"'`]?[\w.@+\-]{2,40}[\"'`]?,?[ ](?:with|using|and|pw|pass|password)[ ](?:the )?(?:password |pw "
        r"|pass )?[\"'`]?"
        r"(?P<value>(?-i:[^\s\"'`*(){}\[\]<>,;:/][^\s\"'`*(){}\[\]<>,;:]{3,62}[^\s\"'`*(){}\[\]<>,;:.?]))",
        ignore_case=True,
        factors=(
            (
                r"\b(?:log(?:ged|ging)?|sign(?:ed|ing)?)[ -]?in(?:to [\w.-]{1,40})? (?:as|with"
                r"|using) [\w \x22'`.@+,-]{2,56}"
                r" (?:with|using|and|pw|pass|password) [^\n]{0,40}\d"
            ),
        ),
        validators=("far_password",),
        base=Confidence.POSSIBLE,
        aliases=("PASSWORD_IN_CODE",),
        examples=("log in as svc_report using blau77Tiger!", "please log in with jdoe and Blau1649"),
        near_misses=("log in as jdoe with your Office365 account", "log in with jdoe and check db01"),
        source=_CWE,
    ),
    secret(
        "told_ssh",
        "Password told beside a host",
        pattern=r"(?<![a-z])ssh [\w.\-]{1,32}@[\w.\-]{1,64},? (?:with|using|pw|pass|password)[ :]{1,2}[\"'`]?"
        r"(?P<value>(?-i:[^\s\"'`*(){}\[\]<>,;:/-][^\s\"'`*(){}\[\]<>,;:]{3,62}[^\s\"'`*(){}\[\]<>,;:.?]))",
        ignore_case=True,
        factors=(r"\bssh [\w.-]{1,32}@[\w.-]{1,64},? (?:with|using|pw|pass) ?",),
        validators=("drawn_word",),
        base=Confidence.POSSIBLE,
        model="secret",
        aliases=("PASSWORD_IN_CODE",),
        examples=("ssh root@10.0.0.5 with Tr0ub4dor&3",),
        near_misses=("ssh root@10.0.0.5 with sudo", "ssh root@10.0.0.5 with ed25519"),
        source=_CWE,
    ),
    secret(
        "account_pair",
        "Well-known account and its password",
        pattern=rf"(?:^|(?<=[\s(\"'`>|\\]))(?P<value>(?i:{_ACCOUNTS})(?:[ ]/[ ]|[/:])(?-i:{_SECOND}))(?=$"
        rf"|[\s)\"'`.,;!?|])",
        factors=(
            (
                r"\b(?i:admin|administrator|root|superuser|sysadmin|sa|sys|system|postgres|mysql|oracle|elastic"
                r"|kibana|grafana"
                r"|jenkins|tomcat|ubuntu|debian|centos|user|deploy|deployer|devops|cisco|ubnt|pi|guest|demo"
                r"|operator|backup|service"
                r"|svc[\w-]{1,16}|vagrant|ansible|rabbitmq|minio|splunk|weblogic|nagios|zabbix)(?: / "
                r"|[/:])[^\s/:]{3,24}[\d!#$%&?^+]"
            ),
        ),
        validators=("account_pair",),
        base=Confidence.POSSIBLE,
        aliases=("PASSWORD_IN_CODE",),
        examples=("kibana: elastic / blau77Tiger", "it's root/tr0ub4dor&3", "(admin / Blau771)", "tomcat:Blau7!7x"),
        near_misses=(
            "docker pull postgres:15.3-alpine",
            "root:x:0:0",
            "admin / user roles",
            "tomcat:9.0.54-jdk11",
            "admin/v2/page12",
            "ubuntu:jammy64",
        ),
        source=_CWE,
    ),
    secret(
        "mailbox_pair",
        "Mail address and its password",
        pattern=r"(?<![\w.+\-/:=@])(?P<value>[\w.+\-]{1,64}@[A-Za-z0-9\-]{1,63}(?:\.[A-Za-z0-9\-]{1,63}){0,3}\."
        r"[A-Za-z]{2,12}"
        rf"(?:[ ]?[/|][ ]?|:){_SECOND})(?=$|[\s)\"'`.,;!?|])",
        factors=(r"@[A-Za-z0-9.-]{1,80}\.[A-Za-z]{2,12}(?: ?[/|] ?|:)[^\s/@]{3,24}[\d!#$%&?^+]",),
        validators=("mailbox_pair",),
        base=Confidence.LIKELY,
        aliases=("PASSWORD_IN_CODE",),
        examples=("jdoe@acme.test:Blau77Tiger", "jdoe@acme.test / blau77tiger"),
        near_misses=(
            "jdoe@acme.test / asmith@acme.test",
            "git@git.acme.test:team/app2.git",
            "scp dump deploy@web.acme.test:backup2024",
            "jdoe@acme.test: 2 messages",
            "jdoe@acme.test:8080",
        ),
        source=_CWE,
    ),
    secret(
        "password_line",
        "Password on a line of its own",
        pattern=r"(?<![a-z])(?:pass(?:word|wort|phrase|code|wd)|kennwort|pwd?|mot de passe|contrase.a|senha|wachtwoord)"
        r"(?:[ ][\w()\-.]{1,20}){0,5}[:?]?[ ]?\n[\s>`*\-]{0,8}(?:[a-z]{2,8}\n)?"
        r"(?P<value>(?-i:[^\s\"'`*<>(){}\[\],;:/\-][^\s\"'`*<>,;]{3,62}[^\s\"'`*<>.,;:?)]))(?=[`*\s]{0,4}(?:\n|\Z))",
        ignore_case=True,
        factors=(
            (
                r"\b(?:pass(?:word|wort|phrase|code|wd)|kennwort|pwd?|mot de passe|contrase.a|senha|wachtwoord)"
                r"(?: [\w().-]{1,20}){0,5}[:?]? ?\n[\s>`*-]{0,8}(?:[a-z]{2,8}\n)?[^\s]{0,40}\d"
            ),
        ),
        validators=("drawn_word",),
        base=Confidence.LIKELY,
        aliases=("PASSWORD_IN_CODE",),
        examples=("here's the root password:\nblau77Tiger", "Password:\n```\nzX81!spectrum\n```", "pw?\nTiger77"),
        near_misses=(
            "password:\n  - sha256",
            "the password\nversion 2.1.4",
            "Password:\nUser2 logged in",
            "pw?\n12:30",
        ),
        source=_CWE,
    ),
    secret(
        "password_cell",
        "Password in a column of passwords",
        pattern=r"(?:^|(?<=[\s,;|\"]))(?P<value>[^\s,;|\"]{4,64})(?=[ ]?[,;|\"\n\t\r]|$)",
        factors=(
            (
                r"(?i:password|passwort|kennwort|contrase.a|senha|wachtwoord)s?[\x22']?[ ]?(?:[,;|\t]"
                r"|\n[^ \n]{0,40}[,;|\t])"
            ),
        ),
        validators=("cell_password",),
        base=Confidence.LIKELY,
        context=Context(
            words=(
                *("password", "passwords", "passwd", "pwd", "pw", "passwort", "kennwort", "passphrase", "passcode"),
                *("mot de passe", "mdp", "contraseña", "senha", "wachtwoord", "hasło", "lösenord", "пароль", "密码"),
            ),
            window=32,
            required=True,
        ),
        aliases=("PASSWORD_IN_CODE",),
        examples=("user,password\njo,blau77Tiger", "| user | password |\n| jo | Blau1404 |"),
        near_misses=(
            "name,password\njo,whatever",
            "the password, as always",
            "password, db01, web02",
            "password,\ntext2",
        ),
        source=_CWE,
    ),
    secret(
        "wireless_key",
        "Key of a wireless network",
        pattern=r"(?<![a-z])(?:wi-?fi|wlan|wireless|ssid|hotspot)[ ]{0,2}:?[ ][^\n:/]{1,32}?(?:[ ]?/[ ]?"
        r"|,? (?:key|pw|pass|code)[: ]{1,3})"
        r"(?P<value>(?-i:[^\s\"'`*(){}\[\]<>,;:/][^\s\"'`*(){}\[\]<>,;:]{5,62}[^\s\"'`*(){}\[\]<>,;:.?]))",
        ignore_case=True,
        factors=(
            (
                r"\b(?:wi-?fi|wlan|wireless|ssid|hotspot)[ :]{1,3}[^\n:/]{1,32}(?:/|key|pw|pass"
                r"|code)[ :]{0,3}[^\s]{0,32}\d"
            ),
        ),
        validators=("drawn_word",),
        base=Confidence.LIKELY,
        model="secret",
        aliases=("PASSWORD_IN_CODE",),
        examples=("wifi: acme-5g / Blau77Tiger", "SSID: acme-guest, key: Blau77Tiger"),
        near_misses=("wifi: 2.4 GHz / 5 GHz", "wifi: 5 GHz / 6 GHz"),
        source="https://www.wi-fi.org/discover-wi-fi/security",
    ),
    secret(
        "spoken_code",
        "Code of a door, phone or safe",
        pattern=r"(?<![a-z])(?:(?:door|gate|alarm|garage|lock(?:er|box)?|safe|entry|unlock|voicemail|screen"
        r"|access)[ ]?(?:code|pin|combination)"
        r"|key[ ]?code|combination|(?:my|the|your|our|card|phone|sim|new|der|die|meine?)[ ]pin(?:[ ]code)?"
        r"|passcode|(?-i:PIN))"
        r"(?:[ ][^\s:=,.]{1,20}){0,5}?(?:[ ](?:is|ist|lautet|changed to)[ ](?:now |still )?|[ ]?[:=][ ]?)[\"'`*]?"
        r"(?P<value>[#*]?\d{4,10}[#*]?)(?![\w\-/:]|[.,]\d|[ ](?:characters|digits|chars|days|times|mm|km|people"
        r"|users))",
        ignore_case=True,
        factors=(
            (
                r"(?:(?:code|pin|combination|passcode)\b[^\n:=,.]{0,60}(?: is| ist| lautet| changed to|:|=)"
                r"(?: now| still)?[ \x22'`*#]{0,3}\d{4})"
            ),
        ),
        validators=("door_code",),
        base=Confidence.POSSIBLE,
        aliases=("PASSWORD_IN_CODE",),
        examples=("the door code is 689491", "alarm code: 0093", "my pin is 6540", "PIN: 8317"),
        near_misses=(
            "error code: 5000",
            "the zip code is 90210",
            "postal code: 4000",
            "Mumbai, PIN: 400072",
            "your verification code is 123456",
            "the year is 2024",
        ),
        source="https://csrc.nist.gov/glossary/term/personal_identification_number",
    ),
    secret(
        "recovery_key",
        "Drive recovery key",
        pattern=r"(?<![\d\-])(?P<value>\d{6}(?:-\d{6}){7})(?![\d\-])",
        factors=(r"\d{6}-\d{6}-\d{6}-\d{6}-\d{6}-\d{6}-\d{6}-\d{6}",),
        validators=("bitlocker_groups",),
        base=Confidence.VERY_LIKELY,
        vendor="BitLocker",
        aliases=("CRYPTOGRAPHIC_KEY",),
        examples=("the recovery key is 471207-278498-422125-177177-561902-537405-468006-693451",),
        near_misses=("123456-123456-123456-123456-123456-123456-123456-123456",),
        source="https://learn.microsoft.com/windows/security/operating-system-security/data-protection/bitlocker/recovery-overview",
    ),
)
