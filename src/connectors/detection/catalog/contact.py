"""Ways to reach a person."""

from connectors.detection.detector import Detector
from connectors.model import Confidence

DETECTORS = (
    Detector(
        id="email_address",
        name="E-mail address",
        family="email",
        category="contact",
        pattern=r"(?<![\w.+%'-])(?P<value>[\w](?:[\w.+%'-]{0,62}[\w+-])?@[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}[A-Za-z0-9])?"
        r"(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}[A-Za-z0-9])?){0,6}\.[A-Za-z]{2,24})(?![\w@]|-\w)",
        factors=(r"[\w.%+-]@\w",),
        validators=("email_address",),
        normalize="lower",
        base=Confidence.VERY_LIKELY,
        examples=("write to jo.doe+news@mail.example.co.uk.", "<a_b@firma.de>"),
        near_misses=("icon@2x.png", "a@b", "@handle", "user@localhost"),
        aliases=("EMAIL_ADDRESS",),
        source="https://datatracker.ietf.org/doc/html/rfc5322",
    ),
)
