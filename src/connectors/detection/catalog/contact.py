"""Ways to reach a person."""

from connectors.detection.detector import Context, Detector
from connectors.model import Confidence

_PHONE_WORDS = (
    *(
        "phone",
        "phones",
        "telephone",
        "tel",
        "mobile",
        "cell",
        "call",
        "fax",
        "whatsapp",
        "number is",
        "contact",
        "sms",
    ),
    *("telefon", "handy", "téléphone", "teléfono", "móvil", "telefono", "cellulare", "telefone", "celular", "puhelin"),
    *(
        "tlf",
        "mob",
        "text me",
        "dial",
        "reach",
        "messages to",
        "calling",
        "hotline",
        "answering",
        "personal info",
        "phone number",
    ),
)
_NOT_PHONE = (
    "npi",
    "order",
    "invoice",
    "ticket",
    "isbn",
    "account",
    "routing",
    "ssn",
    "imei",
    "version",
    "id",
    "card",
    "sku",
)

_LETTERS = r"A-Za-z0-9_À-ɏͰ-ӿ"
"""Letters of addresses. Those of scripts without blanks are none: there an address ends at its neighbour."""

DETECTORS = (
    Detector(
        id="email_address",
        name="E-mail address",
        family="email",
        category="contact",
        pattern=rf"(?<![{_LETTERS}.+%-])(?P<value>[{_LETTERS}.+%-]{{1,64}}+@[{_LETTERS}-]{{1,63}}+"
        rf"(?:\.[{_LETTERS}-]{{1,63}}+){{1,6}})(?![{_LETTERS}@])",
        factors=(r"[\w.%+-]@\w",),
        validators=("email_address",),
        normalize="lower",
        base=Confidence.VERY_LIKELY,
        examples=(
            "write to jo.doe+news@mail.example.co.uk.",
            "<a_b@firma.de>",
            "メールjo@acme.testです",
            "jo@bücher.example",
        ),
        near_misses=("icon@2x.png", "a@b", "@handle", "user@localhost"),
        aliases=("EMAIL_ADDRESS",),
        source="https://datatracker.ietf.org/doc/html/rfc5322",
    ),
    Detector(
        id="phone_international",
        name="Phone number with country code",
        family="phone",
        category="contact",
        pattern=r"(?<![A-Za-z0-9_.+\-/=])(?P<value>(?:\+|00)[1-9]\d{0,2}[ .\-]?(?:\(0?\d{1,4}\)[ .\-]?)?\d{1,5}"
        r"(?:[ .\-/]?\d{1,5}){1,6}"
        r"(?:[ ]?(?:x|ext\.?)[ ]?\d{1,6})?)(?![A-Za-z0-9_]|[.\-]\d)",
        factors=(r"\+[1-9]\d{0,2}[ .()-]{0,3}\d", r"\b00[1-9]\d{0,2}[ .()-]\d"),
        validators=("phone_number",),
        normalize="digits",
        base=Confidence.VERY_LIKELY,
        examples=("call +49 30 901820", "+1 (930) 510-7490", "+44 20 7946 0958"),
        near_misses=("+12 votes", "a+1 b", "+1000000"),
        aliases=("PHONE_NUMBER",),
        source="https://www.itu.int/rec/T-REC-E.164/",
    ),
    Detector(
        id="phone_north_america",
        name="North American phone number",
        family="phone",
        category="contact",
        country="US",
        pattern=r"(?<![A-Za-z0-9_.+\-/=])(?<!\+1[ .\-])(?P<value>(?:1[ .\-])?(?:\([2-9]\d{2}\)[ ]?"
        r"|[2-9]\d{2}[ .\-])[2-9]\d{2}[ .\-]\d{4}"
        r"(?:[ ]?(?:x|ext\.?)[ ]?\d{1,6})?)(?![A-Za-z0-9_\-]|\.\d)",
        factors=(r"(?:^|  \(?|[^\d ] \(?|[^\d +.-]|[^+\d]1[ .-])[2-9]\d{2}\)? ?[.-]?[2-9]\d{2}[ .-]\d{4}",),
        validators=("phone_number",),
        normalize="digits",
        base=Confidence.LIKELY,
        context=Context(words=_PHONE_WORDS, against=_NOT_PHONE),
        examples=(
            "(415) 555-2671",
            "415-555-2671 x12",
            "phone 212.555.0187",
            "tel\n    415 555 2671",
            "at 1-415-555-2671",
        ),
        near_misses=("123-456-7890", "192.168.100.1000", "order 1234-567-8901"),
        aliases=("PHONE_NUMBER",),
        source="https://www.nanpa.com/",
    ),
    Detector(
        id="phone_national",
        name="Phone number named as one",
        family="phone",
        category="contact",
        pattern=r"(?<![A-Za-z0-9_.+\-/=:#])(?P<value>(?:\(0?\d{1,5}\)[ .\-/]{0,2})?\d(?:[ .\-/]{0,2}\d){4,12}"
        r"(?:[ ]?(?:x|ext\.?)[ ]?\d{1,6})?)(?![A-Za-z0-9_\-/:]|[.,]\d)",
        factors=(
            (
                r"\b(?:phone|telephone|tel|mobile|cell|fax|whatsapp|telefon|handy|call|calling|tlf|mob"
                r"|answering at|messages to"
                r"|contact|number|reach)\b[^\n\d]{0,32}\n?[ \t]{0,4}\(?\d{2}[\d ()./-]{4}"
            ),
            r"\d[ -]{1,3}(?:office|fax|mobile|cell|phone)\b",
        ),
        ignore_case=True,
        validators=("local_phone",),
        normalize="digits",
        base=Confidence.POSSIBLE,
        context=Context(words=_PHONE_WORDS, against=_NOT_PHONE, window=40, required=True),
        examples=("Phone: 0496 46 46 70", "call me at 089 636 48018", "tel. 780 6326"),
        near_misses=("number 42", "call 911", "the phone costs 1200", "phone 2024-10-11"),
        aliases=("PHONE_NUMBER",),
        source="https://www.itu.int/rec/T-REC-E.123/",
    ),
)
