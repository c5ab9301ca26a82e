"""Cloud providers."""

from connectors.detection.catalog import samples as s
from connectors.detection.catalog.forms import RIGHT, keyed, token

_AWS = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html"

DETECTORS = (
    token(
        "aws_access_key_id",
        "AWS access key id",
        vendor="Amazon Web Services",
        body=r"(?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])[A-Z0-9]{16}",
        factors=(r"(?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])[A-Z0-9]{8}",),
        example="AKIA" + s.base32(16),
        near_misses=("AKIA" + s.base32(14), "AKIA" + "IOSFODNN7" + "EXAMPLE", "TAKIA" + s.base32(16)),
        source=_AWS,
    ),
    keyed(
        "aws_secret_access_key",
        "AWS secret access key",
        vendor="Amazon Web Services",
        word="aws|amazon|s3",
        hint=r"(?:secret|access|key|token)",
        value=r"[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])",
        factors=(r"(?i)(?:aws|amazon|s3)[\w .\-]{0,20}(?:secret|access|key|token)",),
        example=s.mixed(20) + "/" + s.mixed(19, 3),
        source="https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_access-keys.html",
    ),
    token(
        "google_api_key",
        "Google API key",
        vendor="Google",
        body=r"AIza[A-Za-z0-9_\-]{35}",
        right=r"(?![A-Za-z0-9_])",
        factors=("AIza[A-Za-z0-9_-]{8}",),
        example="AIza" + "Sy" + s.mixed(33),
        aliases=("API_KEY", "GCP_CREDENTIALS"),
        source="https://cloud.google.com/docs/authentication/api-keys",
    ),
    token(
        "google_oauth_client_secret",
        "Google OAuth client secret",
        vendor="Google",
        body=r"GOCSPX-[A-Za-z0-9_\-]{28}",
        factors=("GOCSPX-",),
        example="GOCSPX" + "-" + s.mixed(28),
        aliases=("API_KEY", "GCP_CREDENTIALS"),
        source="https://developers.google.com/identity/protocols/oauth2",
    ),
    token(
        "google_oauth_access_token",
        "Google OAuth access token",
        vendor="Google",
        body=r"ya29\.[A-Za-z0-9_\-]{20,1024}",
        right="",
        factors=(r"ya29\.[A-Za-z0-9_-]{8}",),
        example="ya29" + ".a0" + s.mixed(120),
        near_misses=("ya29.short", "ya29." + "x" * 40),
        aliases=("API_KEY", "GCP_CREDENTIALS"),
        source="https://developers.google.com/identity/protocols/oauth2",
    ),
    token(
        "google_oauth_client_id",
        "Google OAuth client id",
        vendor="Google",
        body=r"\d{6,15}-[a-z0-9]{32}\.apps\.googleusercontent\.com",
        right=RIGHT,
        factors=(r"\.apps\.googleusercontent\.com",),
        example=s.digits(12) + "-" + s.lower(32) + ".apps.googleusercontent.com",
        aliases=("GCP_CREDENTIALS",),
        source="https://developers.google.com/identity/protocols/oauth2",
    ),
)
