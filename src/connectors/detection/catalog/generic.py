"""Credentials that no vendor's shape gives away: what they are called, and where they stand."""

from connectors.detection.catalog import samples as s
from connectors.detection.catalog.forms import UUID, secret
from connectors.model import Confidence

_ASSIGN = r"(?:=>|:=|={1,3}|:|,|\||\(|[ \t](?:is|as)[ \t])"
_OPEN = r"[\"'`\[(<\\]{0,3}"
_CLOSE = r"[\"'`\]\)\\>]{0,4}"
_NAME = r"(?:token|secret|credential|key|access|private|auth(?<![a-z]auth)|pat(?<![a-z]pat))"
_FOREIGN = (
    r"mot_de_passe|(?<![a-z])mdp|contrase.a|senha|wachtwoord|has[łl]o|l.senord|adgangskode|salasana|[şs]ifre|пароль"
)
_CALLED = (
    rf"(?:pass(?:word|wd|wort|phrase|code)?|pwd|(?<![a-z])pw|passw|kennwort|identified[ ]by|{_FOREIGN})(?:[_.\-]?\d)?"
)
_USER = r"(?:user(?:[_\-]?(?:name|id)|[ ]id)?|uid|login|usr)"
_CALLED_FACTOR = (
    r"(?:pass|pwd|kennwort|mdp|contrase.a|senha|wachtwoord|has.o|l.senord|adgangskode|salasana"
    r"|.ifre|[?]{6})\w{0,12}[\x22'`\]\)\\]{0,3}[ \t]{0,16}[=:,!\x22']"
)
_BRIEF_FACTOR = r"pw\w{0,12}[\x22'`\]\)\\]{0,3}[ \t]{0,16}[=:,!\x22']"
"""By itself, since one short word among long ones makes all of them slow to look for."""
_NAMED_FACTOR = (
    r"(?:key|token|secret|credential|pat|auth|access|private)[\w.\-]{0,8}[\x22'`\]\)>\\]{0,4}[ \t]{0,16}"
    r"(?:=>|:=|={1,3}|:|,|\||\(| (?:is|as) )[ \t]{0,16}[\x22'`\[(<\\]{0,3}\w[\w\-+/.~%]{10}"
)
_SPACED_FACTOR = (
    r"(?:key|token|secret|private|access|credential)[\w.\-]{0,8}(?: code| id)?[ \n]{1,4}"
    r"[\x22']?[a-z0-9][\w\-+/.~]{14}"
)
_OWASP = "https://cheatsheetseries.owasp.org/cheatsheets/Secrets_Management_Cheat_Sheet.html"
_CWE = "https://cwe.mitre.org/data/definitions/798.html"

DETECTORS = (
    secret(
        "named_secret",
        "Key, token or secret by its name",
        pattern=rf"{_NAME}(?:s|[_.\- ]?(?:id|key|value|token|tok|secret|code|base64|b64|string))?"
        rf"(?:[ ](?:for|of)[ ][\w.\- ]{{1,28}}?)?{_CLOSE}[ \t]{{0,16}}"
        rf"(?:{_ASSIGN}[ \t]{{0,16}}{_OPEN}|[ \t\n]{{1,4}}[\"']?)"
        r"(?P<value>(?-i:[A-Za-z0-9][A-Za-z0-9_\-+/.~%]{10,700}={0,2}))(?![A-Za-z0-9(])",
        ignore_case=True,
        factors=(
            _NAMED_FACTOR,
            (
                r"(?:key|token|secret|credential)[\w.\-]{0,4}"
                r" [fo][of]r? [\w. -]{1,28}[=:s] ?[\x22']?\w[\w\-+/.~]{10}"
            ),
            _SPACED_FACTOR,
        ),
        validators=("random_value",),
        base=Confidence.LIKELY,
        model="secret",
        aliases=("API_KEY", "RANDOMLY_GENERATED_TOKEN"),
        examples=(
            f'api_key = "{s.hexa(32)}"',
            f"ACME_ACCESS_TOKEN: {s.mixed(40)}",
            f"{{'client_secret': '{s.mixed(24)}'}}",
            f"acme secret key {s.lower(32)}",
        ),
        near_misses=(
            "api_key = os.environ['ACME_KEY']",
            "token: ${{ secrets.GITHUB_TOKEN }}",
            "secret_name = aws-secret-access-key-name",
            'api_key = "your-api-key-goes-here"',
            "token_endpoint: https://login.acme.test/oauth2/token",
            "tokenizer = AutoTokenizerFastImplementation()",
        ),
        source=_OWASP,
    ),
    secret(
        "hyphenated_secret",
        "Key, token or secret joined to its name",
        pattern=r"(?:key|token|secret|private|access)[_.\-]?(?:key|token|yo)?[.\-]"
        rf"(?P<value>(?-i:{UUID}|[A-Za-z0-9]{{20,700}}={{0,2}}|[A-Za-z0-9]{{4,12}}"
        rf"(?:-[A-Za-z0-9]{{4,12}}){{3,4}}))(?![A-Za-z0-9\-])",
        ignore_case=True,
        factors=(
            (
                r"(?:key|token|secret|private|access)[.-](?:[0-9a-z]{4,12}-[0-9a-z]{4,12}-[0-9a-z]{4,12}-"
                r"|[a-z0-9]{20})"
            ),
        ),
        validators=("random_value",),
        base=Confidence.POSSIBLE,
        model="secret",
        examples=(f"acme-secret-{s.uuid()}", f"acmeKEY-{s.mixed(32)}"),
        near_misses=("secret-santa-2024-party", "key-value-store-implementation"),
        source=_OWASP,
    ),
    secret(
        "named_password",
        "Password by its name, in quotes",
        pattern=rf"{_CALLED}[\"'`\]\)\\]{{0,3}}[ \t]{{0,16}}(?:=>|:=|={{1,3}}|!==?|:|,|[ \t])[ \t]{{0,6}}\\?"
        r"(?P<quote>[\"'`])(?P<value>[^\"'`\n\\]{4,96})\\?(?P=quote)",
        ignore_case=True,
        factors=(_CALLED_FACTOR, _BRIEF_FACTOR, r"(?:password|passwd|pwd|identified by)[ \t]{1,4}[\x22']"),
        validators=("quoted_password",),
        base=Confidence.LIKELY,
        model="secret",
        aliases=("PASSWORD_IN_CODE",),
        examples=('password = "tr0ub4dor&3"', "{'db_password': 'mK4u9vXq2s'}", 'if pw == "team10":'),
        near_misses=(
            'password = "${DB_PASSWORD}"',
            "password: 'string'",
            'PASSWORD = ""',
            'label(password="Password")',
            'password = "/forgot-password"',
            'passwordLabel: "Password:"',
        ),
        source=_CWE,
    ),
    secret(
        "config_password",
        "Password by its name, in configuration",
        pattern=rf"{_CALLED}[ \t]{{0,4}}(?:=>|[=:])[ \t]{{0,4}}(?P<value>(?-i:[^\s\"'`<>,;){{}}(\[\]$%&*=:|]"
        r"[^\s\"'`<>,;)(|]{3,63}))",
        ignore_case=True,
        factors=(_CALLED_FACTOR, _BRIEF_FACTOR),
        validators=("config_password",),
        base=Confidence.LIKELY,
        model="secret",
        aliases=("PASSWORD_IN_CODE",),
        examples=("password: tr0ub4dor&3", "DB_PASSWORD=mK4u9vXq2s", "Server=db;User Id=app;Password=hT7pwq81z;"),
        near_misses=(
            "password: ${DB_PASSWORD}",
            "password = getPassword()",
            "password: string",
            "password = request.form",
            "password=self.password",
            "password = new_password",
        ),
        source=_CWE,
    ),
    secret(
        "environment_password",
        "Password in an environment variable",
        pattern=r"(?:(?m:^)|(?<=[\s;]))(?:export[ ])?[A-Z][A-Z0-9_]{0,48}(?:PASS(?:WORD|WD|PHRASE)?|PWD)="
        r"(?P<value>[^\s\"'`<>,;){}(\[\]$%&*=:|/~][^\s\"'`<>,;)(|]{3,63})",
        factors=(r"[A-Z0-9_](?:PASS(?:WORD|WD|PHRASE)?|PWD)=\w",),
        validators=("config_password",),
        base=Confidence.POSSIBLE,
        aliases=("PASSWORD_IN_CODE",),
        examples=("DB_PASSWORD=mK4u9vXq2s", "export SMTP_PASS=whiskers"),
        near_misses=("DB_PASSWORD=$SECRET", "MAIL_PASSWORD=smtp_password", "DB_PASSWORD=", "OLDPWD=/home/app"),
        source="https://12factor.net/config",
    ),
    secret(
        "login_pair",
        "User name and password together",
        pattern=rf"{_USER}[\"'\]]{{0,2}}[ \t]{{0,8}}(?:=>|=|:|,|[ \t])[ \t]{{0,8}}[\"'\\]{{0,2}}"
        r"(?P<value>[^\s\"',;={}$<>()]{2,64}[\"';,)]{0,3}(?:[^\n]{0,60}\n){0,3}?[^\n]{0,60}?"
        rf"{_CALLED}[\"'\]]{{0,2}}[ \t]{{0,8}}(?:=>|=|:|,|[ \t])[ \t]{{0,8}}[\"'\\]{{0,2}}"
        r"[^\s\"',;={}$<>()]{4,64})",
        ignore_case=True,
        factors=(_CALLED_FACTOR, _BRIEF_FACTOR, r"(?:password|passwd|pwd)[ \t]{1,4}[\x22']"),
        validators=("login_pair",),
        base=Confidence.LIKELY,
        reach=512,
        model="secret",
        aliases=("PASSWORD_IN_CODE",),
        examples=("username: app\npassword: hT7pwq81z", "user = 'deploy', password = 'mK4u9vXq2s'"),
        near_misses=("user = None\npassword = None", 'username: ""\npassword: ""', "username, password = read()"),
        source=_CWE,
    ),
    secret(
        "url_password",
        "URL with a user name and password",
        pattern=r"(?<![A-Za-z0-9+.\-])(?P<value>[A-Za-z][A-Za-z0-9+.\-]{1,20}://[^\s:@/'\"<>`]{1,128}"
        r":[^\s@'\"<>`/]{1,128}@[^\s'\"<>`,;)}]{1,128})",
        factors=(r"://[^\s:@/'\x22<>`]{1,64}:[^\s@/'\x22<>`]{1,64}@",),
        validators=("url_password",),
        base=Confidence.LIKELY,
        reach=512,
        examples=("git clone https://deploy:" + s.mixed(12) + "@git.acme.test/app.git",),
        near_misses=("https://user:${TOKEN}@git.acme.test", "https://acme.test:8443/a@b", "http://user:***@acme.test"),
        source="https://datatracker.ietf.org/doc/html/rfc3986#section-3.2.1",
    ),
    secret(
        "http_basic_auth",
        "HTTP basic credentials",
        pattern=r"(?:authorization|auth)[\"']{0,2}[ \t]{0,3}[:=,][ \t]{0,3}[\"'`]?basic[ \t]{1,3}"
        r"(?P<value>[A-Za-z0-9+/]{8,400}={0,2})",
        ignore_case=True,
        factors=(r"basic[ \t]{1,3}[A-Za-z0-9+/]{8}",),
        validators=("basic_auth",),
        reach=512,
        examples=("Authorization: Basic " + "YXBwOm1LNHU5dlhxMnM=",),
        near_misses=("Authorization: Basic <credentials>", "authorization: basic knowledge required"),
        source="https://datatracker.ietf.org/doc/html/rfc7617",
    ),
    secret(
        "http_bearer_token",
        "HTTP bearer token",
        pattern=r"(?:authorization|auth)[\"']{0,2}[ \t]{0,3}[:=,][ \t]{0,3}[\"'`]?(?:bearer|token|apikey"
        r"|ssws|key)[ \t:=]{1,3}"
        r"(?P<value>[A-Za-z0-9_\-.~+/]{14,2000}={0,2})(?![A-Za-z0-9(])",
        ignore_case=True,
        factors=(r"(?:bearer|token|apikey|ssws|key)[ \t:=]{1,3}[\w\-.~+/]{14}",),
        validators=("not_placeholder", "mixed", "entropy_3.0"),
        base=Confidence.LIKELY,
        reach=2200,
        examples=(f"Authorization: Bearer {s.mixed(40)}", f"-H 'authorization: token {s.hexa(40)}'"),
        near_misses=(
            "Authorization: Bearer <token>",
            "Authorization: Bearer ${TOKEN}",
            "authorization: bearer authentication",
        ),
        source="https://datatracker.ietf.org/doc/html/rfc6750",
    ),
    secret(
        "netrc_login",
        "Login in a .netrc file",
        pattern=r"(?P<value>machine\s{1,8}[^\s]{2,128}\s{1,8}login\s{1,8}[^\s]{1,128}\s{1,8}password\s{1,8}"
        r"[^\s<$]{3,128})",
        factors=(r"machine\s{1,8}\S{2,64}\s{1,8}login",),
        validators=("not_template",),
        reach=512,
        aliases=("PASSWORD_IN_CODE",),
        examples=("machine git.acme.test\n  login ci\n  password mK4u9vXq2s",),
        near_misses=("machine git.acme.test login ci password <token>", "machine learning login password"),
        source="https://www.gnu.org/software/inetutils/manual/html_node/The-_002enetrc-file.html",
    ),
    secret(
        "pgpass_line",
        "Login in a .pgpass file",
        pattern=r"(?m:^)[\w.\-*]{1,128}:(?:\d{2,5}|\*):[\w.\-*]{1,64}:[\w.\-@*]{1,64}:"
        r"(?P<value>[^\s:]{4,128})(?m:$)",
        factors=(r":(?:54\d\d|6432|\*):[\w.*-]{1,64}:[\w.@*-]{1,64}:\S{4}",),
        validators=("not_template",),
        aliases=("PASSWORD_IN_CODE",),
        examples=("db.acme.test:5432:app:deploy:mK4u9vXq2s",),
        near_misses=("db.acme.test:5432:app:deploy", "2024:10:11:12:13"),
        source="https://www.postgresql.org/docs/current/libpq-pgpass.html",
    ),
    secret(
        "command_line_password",
        "Password on a command line",
        pattern=r"(?:psexec(?:\.exe)?|mysql|mysqldump|mysqladmin|sshpass|curl|wget|plink|net[ ]use"
        r"|docker[ ]login|smbclient|ldapsearch"
        r"|connect-viserver|sqlcmd|mongo(?:sh|dump)?|redis-cli|htpasswd|rdesktop|xfreerdp)[ ][^\n]{0,120}?"
        r"(?P<value>(?:(?<=[ ])-u(?:ser)?[ ]?[^\s]{1,64}[ ][^\n]{0,24}?)?(?<=[ ])(?:--?password|--pass|-p"
        r"(?!ass)|-a|-w|/p:)[ =]?"
        r"[\"']?[^\s\"'$<%-][^\s\"']{3,63})",
        ignore_case=True,
        factors=(
            (
                r"(?:psexec|mysql|sshpass|curl|plink|net use|docker login|smbclient|ldapsearch|viserver|sqlcmd"
                r"|mongo|redis-cli"
                r"|xfreerdp)[^\n]{0,140} (?:-p|-a|-w|/p:|--pass)"
            ),
        ),
        validators=("command_password",),
        base=Confidence.POSSIBLE,
        reach=320,
        aliases=("PASSWORD_IN_CODE",),
        examples=("sshpass -p hT7pwq81z ssh root@db", r"psexec \\10.0.0.9 -u deploy -p mK4u9vXq2s cmd"),
        near_misses=(
            "mysql -u root -p acme",
            "sshpass -p $PASS ssh root@db",
            "docker login --password-stdin",
            "curl -p 8080 host",
        ),
        source=_CWE,
    ),
    secret(
        "password_hash",
        "Password hash",
        pattern=r"(?<![A-Za-z0-9$])(?P<value>\$(?:2[abxy]?\$\d\d\$[A-Za-z0-9./]{53}"
        r"|1\$[A-Za-z0-9./]{1,8}\$[A-Za-z0-9./]{22}"
        r"|5\$(?:rounds=\d{1,9}\$)?[A-Za-z0-9./]{1,16}\$[A-Za-z0-9./]{43}|6\$"
        r"(?:rounds=\d{1,9}\$)?[A-Za-z0-9./]{1,16}\$[A-Za-z0-9./]{86}"
        r"|8\$[A-Za-z0-9./]{14}\$[A-Za-z0-9./]{43}|9\$[A-Za-z0-9./]{14}\$[A-Za-z0-9./]{43}"
        r"|apr1\$[A-Za-z0-9./]{1,8}\$[A-Za-z0-9./]{22}"
        r"|y\$[A-Za-z0-9./]{3,6}\$[A-Za-z0-9./]{10,24}\$[A-Za-z0-9./]{43}|argon2(?:id|i"
        r"|d)\$v=\d{1,3}\$m=\d{1,9},t=\d{1,4},p=\d{1,3}"
        r"\$[A-Za-z0-9+/]{11,64}\$[A-Za-z0-9+/]{16,128}|pbkdf2-sha(?:1|256"
        r"|512)\$\d{1,9}\$[A-Za-z0-9./+]{8,64}\$[A-Za-z0-9./+]{20,120}))"
        r"(?![A-Za-z0-9./])",
        factors=(
            r"\$2[abxy]?\$\d\d\$[A-Za-z0-9./]{8}",
            r"\$(?:1|apr1)\$[A-Za-z0-9./]{1,8}\$[A-Za-z0-9./]{22}",
            r"\$[56]\$(?:rounds=\d{1,9}\$)?[A-Za-z0-9./]{1,16}\$[A-Za-z0-9./]{16}",
            r"\$[89]\$[A-Za-z0-9./]{14}\$",
            r"\$y\$[A-Za-z0-9./]{3,6}\$",
            r"\$argon2",
            r"\$pbkdf2-sha",
        ),
        validators=(),
        base=Confidence.LIKELY,
        reach=320,
        aliases=("PASSWORD_IN_CODE",),
        examples=(
            f"deploy:$2b$12${s.mixed(53)}",
            f"root:$6${s.mixed(16)}${s.mixed(86)}:19000",
            f"$1${s.mixed(8)}${s.mixed(22)}",
        ),
        near_misses=("$2b$12$short", "$6$salt$hash", "costs $1$2"),
        source="https://man7.org/linux/man-pages/man5/crypt.5.html",
    ),
    secret(
        "kerberos_hash",
        "Kerberos ticket hash",
        pattern=r"(?P<value>\$krb5(?:asrep|tgs|pa)\$(?:\d{1,2}\$)?\*?[^\s$]{1,160}\$[^\s]{40,2000})",
        factors=(r"\$krb5(?:asrep|tgs|pa)\$",),
        validators=(),
        reach=2200,
        aliases=("CRYPTOGRAPHIC_KEY",),
        examples=(f"$krb5asrep$23$app@ACME.TEST:{s.hexa(32)}${s.hexa(120)}",),
        near_misses=("$krb5asrep$23$",),
        source="https://hashcat.net/wiki/doku.php?id=example_hashes",
    ),
    secret(
        "django_secret_key",
        "Django secret key",
        pattern=r"(?:django-insecure-|SECRET_KEY[\"']?\]?[ \t]{0,3}(?:[=:,])[ \t]{0,3}[\"'])"
        r"(?P<value>[A-Za-z0-9!@#$%^&*()_+=\-]{40,80})(?=[\"'\s]|$)",
        factors=("django-insecure-", r"SECRET_KEY[\x22']?\]?[ \t]{0,3}[=:,][ \t]{0,3}[\x22']"),
        validators=("entropy_3.5",),
        vendor="Django",
        examples=(
            f"SECRET_KEY = 'django-insecure-{s.mixed(24)}!{s.mixed(25)}'",
            f"DJANGO_SECRET_KEY = '{s.mixed(50)}'",
        ),
        near_misses=("SECRET_KEY = 'change-me'", "SECRET_KEY = os.environ['SECRET_KEY']"),
        source="https://docs.djangoproject.com/en/stable/ref/settings/#secret-key",
    ),
    secret(
        "jwt_signing_secret",
        "JSON web token signing secret in configuration",
        pattern=r"(?i:jwt)[\"']?\s{0,3}:[^\n]{0,20}\n(?:[^\n]{0,60}\n)?[ \t]{1,12}[\"']?(?i:secret"
        r"|key)[\"']?[ \t]{0,3}[:=][ \t]{0,3}[\"']?"
        r"(?P<value>[^\s\"'{}$<>]{8,128})",
        factors=(r"(?:jwt|JWT|Jwt)[\x22']?\s{0,3}:",),
        validators=("not_placeholder",),
        base=Confidence.LIKELY,
        model="secret",
        examples=(f'jwt:\n  secret: "{s.hexa(32)}"\n  ttl: 60',),
        near_misses=("jwt:\n  secret: ${JWT_SECRET}", "jwt:\n  issuer: acme"),
        source="https://datatracker.ietf.org/doc/html/rfc7518#section-3.2",
    ),
)
