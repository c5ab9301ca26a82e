"""Cards, accounts and securities."""

from connectors.detection.catalog import samples as s
from connectors.detection.detector import Context, Detector
from connectors.model import Confidence

DETECTORS = (
    Detector(
        id="credit_card",
        name="Payment card number",
        family="credit_card",
        category="finance",
        pattern=r"(?<![\w.+-])(?P<value>\d(?:[ \-]?\d){11,18})(?![\w-]|\.\d)",
        factors=(r"\d{4}[ -]?\d{4}[ -]?\d{4}", r"\d{4}[ -]\d{6}[ -]\d{4}"),
        validators=("card",),
        normalize="digits",
        base=Confidence.LIKELY,
        context=Context(
            words=(
                "card",
                "cards",
                "credit",
                "debit",
                "visa",
                "mastercard",
                "amex",
                "american express",
                "discover",
                "cvv",
                "cvc",
                "expiry",
                "expires",
                "exp",
                "pan",
                "cc",
                "payment",
                "kreditkarte",
                "carte",
                "tarjeta",
                "maestro",
            ),
            against=("order", "invoice", "tracking", "imei", "timestamp", "isbn", "sku", "id"),
        ),
        examples=("card " + s.luhn("4" + s.digits(14)), s.luhn("5312" + s.digits(11, 2))),
        near_misses=("card 4111 1111 1111 1112", "1700000000000000", "order 12345678901234567890"),
        aliases=("CREDIT_CARD_NUMBER", "CREDIT_CARD"),
        source="https://www.iso.org/standard/70484.html",
    ),
    Detector(
        id="iban",
        name="International bank account number",
        family="iban",
        category="finance",
        pattern=r"(?<![A-Za-z0-9])(?P<value>[A-Z]{2}\d{2}(?:[ \-]?[A-Z0-9]{4}){2,7}(?:[ \-]?[A-Z0-9]{1,4})?)"
        r"(?![A-Za-z0-9])",
        factors=(r"[A-Z]{2}\d{2}[ -]?[A-Z0-9]{4}[ -]?\d{2}",),
        validators=("iban",),
        normalize="alnum",
        base=Confidence.VERY_LIKELY,
        examples=("IBAN DE89 3704 0044 0532 0130 00", "GB29NWBK60161331926819"),
        near_misses=("DE89 3704 0044 0532 0130 01", "AB12 3456 7890 1234"),
        aliases=("IBAN_CODE",),
        source="https://www.swift.com/standards/data-standards/iban-international-bank-account-number",
    ),
)
