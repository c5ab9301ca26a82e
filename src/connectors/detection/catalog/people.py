"""Names and postal addresses: no pattern can find them, so `detection.names` and `detection.addresses` do.

Their entries stand here for their names, aliases and documentation; they have no factors.
"""

from connectors.detection.detector import Detector
from connectors.model import Confidence

_NEVER = r"(?!)"

DETECTORS = (
    Detector(
        id="person_name",
        name="Name of a person",
        family="person",
        category="person",
        pattern=_NEVER,
        factors=(),
        base=Confidence.LIKELY,
        enabled=False,
        examples=("I met Sarah Williams at the office yesterday.",),
        near_misses=("The build is red again.",),
        aliases=("PERSON_NAME", "PERSON"),
        source="https://www.hhs.gov/hipaa/for-professionals/special-topics/de-identification/index.html",
    ),
    Detector(
        id="street_address",
        name="Postal address",
        family="address",
        category="contact",
        pattern=_NEVER,
        factors=(),
        base=Confidence.LIKELY,
        enabled=False,
        examples=("Send it to 742 Evergreen Street, Springfield, IL 62704.",),
        near_misses=("The build is red again.",),
        aliases=("STREET_ADDRESS", "LOCATION"),
        source="https://www.upu.int/en/postal-solutions/programmes-services/addressing-solutions",
    ),
)
