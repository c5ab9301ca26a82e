"""Credentials that no vendor's shape gives away: what they are called, and where they stand."""

from connectors.detection.catalog import samples as s
from connectors.detection.catalog.forms import secret
from connectors.model import Confidence

_JOIN = r"[\"'`\]\)\\>]{0,4}[ \t]{0,6}(?:=>|:=|={1,3}|:|,|\||[ \t]is[ \t]|[ \t]|\()[ \t]{0,6}(?:[\"'`\[(<\\]{1,3})?"
_NAME = (
    r"(?:api|app|access|auth|client|consumer|secret|private|service|account|master|shared|signing|encryption|session"
    r"|license|deploy|admin|root|storage|webhook|bot|user|refresh|bearer|id|oauth|personal|project|server|write|read)"
)

DETECTORS = (
    secret(
        "named_secret",
        "Key, token or secret by its name",
        pattern=r"(?:" + _NAME + r"[_.\- ]?key|token|secret|credential|(?<=[a-z0-9_.\-])key|(?<=[_.\- ])(?:pat|auth))"
        r"(?:s|[_.\-]?(?:id|key|value|token|secret|base64|b64|string))?"
        + _JOIN
        + r"(?P<value>(?-i:[A-Za-z0-9][A-Za-z0-9_\-+/.~]{14,200}={0,2}))(?![A-Za-z0-9(])",
        ignore_case=True,
        factors=(
            r"(?:key|token|secret|credential|pat|auth)[\w.\-]{0,8}[\x22'`\]\)>\\]{0,4}[ \t]{0,6}(?:=>|:=|={1,3}|:|,|\()"
            r"[ \t]{0,6}[\x22'`\[(<\\]{0,3}\w[\w\-+/.~]{14}",
            r"(?:key|token|secret|private|access)[\w.\-]{0,8} [a-z0-9][\w\-+/.~]{14}",
        ),
        validators=("random_value",),
        base=Confidence.LIKELY,
        model="secret",
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
        source="https://cheatsheetseries.owasp.org/cheatsheets/Secrets_Management_Cheat_Sheet.html",
    ),
    secret(
        "named_password",
        "Password by its name",
        pattern=r"(?:pass(?:word|wd|wort|phrase|code)?|pwd|(?<![a-z])pw|passw)(?:[_.\-]?\d)?"
        + r"[\"'`\]\)\\]{0,3}[ \t]{0,6}"
        r"(?:=>|:=|={1,3}|!==?|:|,[ \t]{0,4}(?=[\"'])|[ \t](?=[\"']))[ \t]{0,6}"
        r"(?:[\"'`]{1,3}(?P<quoted>[^\s\"'`<>]{4,64})(?=[\"'`])|(?P<value>(?-i:[^\s\"'`<>,;)({}\[\]$%&*=:][^\s\"'`<>,;)(]{3,63})))",
        ignore_case=True,
        factors=(r"(?:pass|pwd|pw)\w{0,12}[\x22'`\]\)\\]{0,3}[ \t]{0,6}(?:=|:|,|!=| [\x22'])",),
        validators=("spoken_password",),
        base=Confidence.LIKELY,
        model="secret",
        aliases=("PASSWORD_IN_CODE",),
        examples=("password: tr0ub4dor&3", "DB_PASSWORD=mK4u9vXq2s"),
        near_misses=("password: ${DB_PASSWORD}", "password = getPassword()", "password: string", "password="),
        source="https://cwe.mitre.org/data/definitions/798.html",
    ),
)
