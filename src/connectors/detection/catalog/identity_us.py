"""Identifiers of persons in the United States."""

from connectors.detection.detector import Context, Detector
from connectors.model import Confidence

_SSN_WORDS = (
    "ssn",
    "ssns",
    "social security",
    "social",
    "soc sec",
    "ss#",
    "ss number",
    "tax id",
    "tin",
    "social insurance",
    "id number",
)

DETECTORS = (
    Detector(
        id="us_ssn",
        name="US social security number",
        family="us_ssn",
        category="identity",
        country="US",
        pattern=r"(?<![A-Za-z0-9_.+-])(?P<value>\d{3}(?P<gap>[ \-.])\d{2}(?P=gap)\d{4})(?![A-Za-z0-9_-]|\.\d)",
        factors=(r"\d{3}[ .-]\d{2}[ .-]\d{4}",),
        validators=("us_ssn",),
        normalize="digits",
        base=Confidence.LIKELY,
        context=Context(words=_SSN_WORDS, against=("phone", "fax", "order", "part", "zip")),
        examples=("SSN 532-48-7291", "219 09 8765 is her social"),
        near_misses=(
            "000-12-3456",
            "532-00-7291",
            "078-05-1120",
            "1532-48-7291",
        ),
        aliases=("US_SOCIAL_SECURITY_NUMBER", "US_SSN"),
        source="https://www.ssa.gov/employer/randomization.html",
    ),
    Detector(
        id="us_ssn_plain",
        name="US social security number without separators",
        family="us_ssn",
        category="identity",
        country="US",
        pattern=r"(?<![A-Za-z0-9_.+-])(?P<value>\d{9})(?![A-Za-z0-9_-]|\.\d)",
        factors=("ssn", "soc(?:ial)?\\.? sec", "ss#"),
        ignore_case=True,
        validators=("us_ssn",),
        normalize="digits",
        base=Confidence.POSSIBLE,
        context=Context(words=_SSN_WORDS, required=True),
        examples=("ssn: 532487291",),
        near_misses=("order 532487291", "ssn: 000487291"),
        aliases=("US_SOCIAL_SECURITY_NUMBER",),
        source="https://www.ssa.gov/employer/randomization.html",
    ),
)
