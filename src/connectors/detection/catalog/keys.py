"""Private keys and signed tokens."""

from connectors.detection.catalog import samples as s
from connectors.detection.catalog.forms import secret, token

_ARMOUR = r"(?P<value>-----BEGIN {label}-----(?:[^-]|-(?!----)){{40,8000}}(?:-----END {label}-----)?)"

DETECTORS = (
    secret(
        "private_key_pem",
        "Private key in PEM armour",
        vendor="",
        pattern=_ARMOUR.format(label=r"(?:(?:RSA|DSA|EC|ENCRYPTED|OPENSSH|ANY|SSH2 ENCRYPTED) )?PRIVATE KEY"),
        factors=("-----BEGIN [A-Z0-9 ]{0,16}PRIVATE KEY-----",),
        examples=(
            s.pem("RSA PRIVATE KEY"),
            s.pem("PRIVATE KEY"),
            s.pem("OPENSSH PRIVATE KEY"),
            s.pem("EC PRIVATE KEY"),
        ),
        near_misses=(
            s.pem("PRIVATE KEY", body="..."),
            s.pem("PUBLIC KEY"),
            s.pem("PRIVATE KEY", body="<key> " * 12),
        ),
        validators=("pem_body",),
        reach=8300,
        aliases=("CRYPTOGRAPHIC_KEY",),
        source="https://datatracker.ietf.org/doc/html/rfc7468",
    ),
    secret(
        "private_key_pgp",
        "PGP private key block",
        vendor="",
        pattern=_ARMOUR.format(label="PGP PRIVATE KEY BLOCK"),
        factors=("-----BEGIN PGP PRIVATE KEY BLOCK-----",),
        examples=(s.pem("PGP PRIVATE KEY BLOCK"),),
        near_misses=(s.pem("PGP PUBLIC KEY BLOCK"), s.pem("PGP PRIVATE KEY BLOCK", body="...")),
        validators=("pem_body",),
        reach=8300,
        aliases=("CRYPTOGRAPHIC_KEY",),
        source="https://datatracker.ietf.org/doc/html/rfc9580",
    ),
    token(
        "json_web_token",
        "JSON web token",
        vendor="",
        body=r"ey[A-Za-z0-9_\-]{15,1000}\.ey[A-Za-z0-9_\-]{10,4000}\.[A-Za-z0-9_\-]{20,1000}",
        right=r"(?![A-Za-z0-9_\-])",
        factors=(r"ey[A-Za-z0-9_-]{12,400}\.ey[A-Za-z0-9_-]{10}",),
        example=s.jwt(),
        near_misses=(
            "eyebrow.eyelash.eyeliner",
            s.segment({"kid": "a1"}) + "." + s.segment({"sub": "u"}) + "." + s.mixed(43),
        ),
        validators=("jwt_header",),
        reach=6100,
        source="https://datatracker.ietf.org/doc/html/rfc7519",
    ),
)
