"""Code hosts."""

from connectors.detection.catalog import samples as s
from connectors.detection.catalog.forms import token

_GITHUB = "https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/about-authentication-to-github"
_KINDS = (
    ("ghp", "github_personal_token", "GitHub personal access token (classic)"),
    ("gho", "github_oauth_token", "GitHub OAuth access token"),
    ("ghu", "github_app_user_token", "GitHub App user access token"),
    ("ghs", "github_app_installation_token", "GitHub App installation access token"),
)

DETECTORS = (
    *(
        token(
            kind,
            name,
            vendor="GitHub",
            body=rf"{prefix}_[A-Za-z0-9]{{36}}",
            factors=(f"{prefix}_[A-Za-z0-9]{{8}}",),
            example=s.checksummed(f"{prefix}_"),
            validators=("not_placeholder", "crc32_base62"),
            source=_GITHUB,
        )
        for prefix, kind, name in _KINDS
    ),
    token(
        "github_refresh_token",
        "GitHub App refresh token",
        vendor="GitHub",
        body=r"ghr_[A-Za-z0-9]{36,76}",
        factors=("ghr_[A-Za-z0-9]{8}",),
        example="ghr_" + s.mixed(76),
        source=_GITHUB,
    ),
    token(
        "github_fine_grained_token",
        "GitHub fine-grained personal access token",
        vendor="GitHub",
        body=r"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}",
        factors=("github_pat_",),
        example="github_pat_" + s.mixed(22) + "_" + s.mixed(59),
        source=_GITHUB,
    ),
)
