"""Private keys of every format, and signed tokens."""

from connectors.detection.catalog import samples as s
from connectors.detection.catalog.forms import secret, token
from connectors.model import Confidence

_ARMOUR = r"(?P<value>-----BEGIN {label}-----(?:[^-]|-(?!----)){{40,8000}}(?:-----END {label}-----)?)"
_KEY = ("CRYPTOGRAPHIC_KEY",)

DETECTORS = (
    secret(
        "private_key_pem",
        "Private key in PEM armour",
        pattern=_ARMOUR.format(
            label=r"(?:(?:RSA|DSA|EC|ENCRYPTED|OPENSSH|ANY|SSH2 ENCRYPTED) )?PRIVATE KEY(?: BLOCK)?"
        ),
        factors=("-----BEGIN (?:[A-Z0-9]{1,9} ){0,2}PRIVATE KEY(?: BLOCK)?-----",),
        examples=(
            s.pem("RSA PRIVATE KEY"),
            s.pem("PRIVATE KEY"),
            s.pem("OPENSSH PRIVATE KEY"),
            s.pem("EC PRIVATE KEY"),
            s.pem("ENCRYPTED PRIVATE KEY"),
        ),
        near_misses=(s.pem("PRIVATE KEY", body="..."), s.pem("PUBLIC KEY"), s.pem("PRIVATE KEY", body="<key> " * 12)),
        validators=("pem_body",),
        reach=8300,
        aliases=_KEY,
        source="https://datatracker.ietf.org/doc/html/rfc7468",
    ),
    secret(
        "private_key_pgp",
        "PGP private key block",
        pattern=_ARMOUR.format(label="PGP PRIVATE KEY BLOCK"),
        factors=("-----BEGIN PGP PRIVATE KEY BLOCK-----",),
        examples=(s.pem("PGP PRIVATE KEY BLOCK"),),
        near_misses=(s.pem("PGP PUBLIC KEY BLOCK"), s.pem("PGP PRIVATE KEY BLOCK", body="...")),
        validators=("pem_body",),
        reach=8300,
        aliases=_KEY,
        source="https://datatracker.ietf.org/doc/html/rfc9580",
    ),
    secret(
        "private_key_ssh2",
        "SSH2 private key (RFC 4716 armour)",
        pattern=r"(?P<value>---- BEGIN SSH2 (?:ENCRYPTED )?PRIVATE KEY ----[^-]{40,8000}(?:---- END SSH2)?)",
        factors=("---- BEGIN SSH2 (?:ENCRYPTED )?PRIVATE KEY ----",),
        examples=(f"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\n{s.mixed(64)}\n{s.mixed(64, 2)}\n---- END SSH2",),
        near_misses=("---- BEGIN SSH2 PUBLIC KEY ----\n" + s.mixed(64),),
        reach=8300,
        aliases=_KEY,
        source="https://datatracker.ietf.org/doc/html/rfc4716",
    ),
    secret(
        "private_key_putty",
        "PuTTY private key file",
        pattern=r"(?P<value>PuTTY-User-Key-File-[123]: [^\n]{3,60}\r?\n"
        r"(?:[^\n]{0,120}\n){3,60}?Private-Lines: \d{1,3}\r?\n"
        r"(?:[A-Za-z0-9+/=]{1,64}\r?\n?){1,100})",
        factors=("PuTTY-User-Key-File-[123]:",),
        examples=(
            (
                f"PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nComment: ci\nPublic-Lines: 2\n{s.mixed(64)}\n"
                f"{s.mixed(40)}\nPrivate-Lines: 1\n{s.mixed(48)}\n"
            ),
        ),
        near_misses=("PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nPublic-Lines: 2\n",),
        validators=(),
        reach=8300,
        vendor="PuTTY",
        aliases=_KEY,
        source="https://tartarus.org/~simon/putty-snapshots/htmldoc/AppendixC.html",
    ),
    secret(
        "private_key_base64",
        "PEM private key in base64",
        pattern=r"(?<![A-Za-z0-9+/])(?P<value>LS0tLS1CRUdJTi[A-Za-z0-9+/]{60,8000}={0,2})",
        factors=("LS0tLS1CRUdJTi[A-Za-z0-9+/]{16}",),
        examples=("key: " + "LS0tLS1CRUdJTi" + "BSU0EgUFJJVkFURSBLRVktLS0tLQo" + s.mixed(200),),
        near_misses=("cert: LS0tLS1CRUdJTi" + "BDRVJUSUZJQ0FURS0tLS0tCk1J" + s.mixed(200), "LS0tLS1CRUdJTi"),
        validators=("pem_base64",),
        reach=8300,
        aliases=_KEY,
        source="https://datatracker.ietf.org/doc/html/rfc7468",
    ),
    secret(
        "private_key_jwk",
        "Private key as JSON web key",
        pattern=r'"d"\s{0,3}:\s{0,3}"(?P<value>[A-Za-z0-9_\-]{40,700})"',
        factors=(r'"d"\s{0,3}:\s{0,3}"[A-Za-z0-9_-]{40}',),
        examples=(f'{{"kty": "EC", "crv": "P-256", "d": "{s.mixed(43)}"}}',),
        near_misses=('{"d": "2024-10-11"}', '{"kty": "EC", "x": "' + s.mixed(43) + '"}'),
        validators=("not_placeholder", "entropy_4.0"),
        reach=800,
        aliases=_KEY,
        source="https://datatracker.ietf.org/doc/html/rfc7517",
    ),
    secret(
        "private_key_xml",
        ".NET RSA private key in XML",
        pattern=r"<D>(?P<value>[A-Za-z0-9+/]{80,800}={0,2})</D>",
        factors=("<D>[A-Za-z0-9+/]{40}",),
        examples=(f"<RSAKeyValue><D>{s.mixed(170)}==</D></RSAKeyValue>",),
        near_misses=("<D>short</D>",),
        reach=900,
        aliases=_KEY,
        source="https://learn.microsoft.com/en-us/dotnet/api/system.security.cryptography.rsa.toxmlstring",
    ),
    token(
        "age_secret_key",
        "age secret key",
        vendor="age",
        body=r"AGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}",
        factors=("AGE-SECRET-KEY-1",),
        example="AGE-SECRET-" + "KEY-1" + s.draw("QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58),
        aliases=_KEY,
        source="https://github.com/C2SP/C2SP/blob/main/age.md",
    ),
    token(
        "age_recipient",
        "age public key",
        vendor="age",
        body=r"age1[qpzry9x8gf2tvdw0s3jn54khce6mua7l]{58}",
        factors=("age1[qpzry9x8gf2tvdw0s3jn54khce6mua7l]{16}",),
        example="age1" + s.draw("qpzry9x8gf2tvdw0s3jn54khce6mua7l", 58),
        base=Confidence.UNLIKELY,
        aliases=(),
        source="https://github.com/C2SP/C2SP/blob/main/age.md",
    ),
    token(
        "bip32_private_key",
        "Hierarchical wallet private key (BIP 32)",
        vendor="Bitcoin",
        body=r"[xyzt]prv[1-9A-HJ-NP-Za-km-z]{107,108}",
        factors=("[xyzt]prv[1-9A-HJ-NP-Za-km-z]{40}",),
        example="xprv" + s.draw("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz", 107),
        aliases=_KEY,
        source="https://github.com/bitcoin/bips/blob/master/bip-0032.mediawiki",
    ),
    token(
        "bitcoin_wif_key",
        "Bitcoin private key in wallet import format",
        vendor="Bitcoin",
        body=r"(?:5[HJK][1-9A-HJ-NP-Za-km-z]{49}|[KL][1-9A-HJ-NP-Za-km-z]{51})",
        factors=(r"\b[5KL][1-9A-HJ-NP-Za-km-z]{50}",),
        example="Kx" + "FC1jmwwCoACiCAWZ3eXa96mBM6tb3TYzGmf6YwgdGWZgawvrtJ",
        near_misses=("Kx" + "FC1jmwwCoACiCAWZ3eXa96mBM6tb3TYzGmf6YwgdGWZgawvrtK",),
        validators=("base58check",),
        aliases=_KEY,
        source="https://en.bitcoin.it/wiki/Wallet_import_format",
    ),
    secret(
        "openvpn_static_key",
        "OpenVPN static key",
        pattern=r"(?P<value>-----BEGIN OpenVPN Static key V1-----\s{1,4}(?:[0-9a-f]{32}\s{1,4}){4,16})",
        factors=("-----BEGIN OpenVPN Static key V1-----",),
        examples=(
            "-----BEGIN OpenVPN " + "Static key V1-----\n" + "\n".join(s.hexa(32, n) for n in range(1, 17)) + "\n",
        ),
        near_misses=("-----BEGIN OpenVPN " + "Static key V1-----\n<key>\n",),
        reach=1400,
        vendor="OpenVPN",
        aliases=_KEY,
        source="https://openvpn.net/community-docs/static-key-mini-howto.html",
    ),
    secret(
        "wallet_seed_phrase",
        "Wallet seed phrase",
        pattern=r"(?:seed|recovery|mnemonic|secret)(?:[ _\-]?(?:phrase|words|seed))?[\"']?[ \t]{0,3}"
        r"(?:[:=]|is)[ \t]{0,3}[\"']?"
        r"(?P<value>[a-z]{3,8}(?:[ ][a-z]{3,8}){11,23})(?![ ]?[a-z])",
        ignore_case=True,
        factors=(
            (
                r"(?:seed|recovery|mnemonic|phrase)[\x22']?[ \t]{0,3}(?:[:=]"
                r"|is)[ \t\x22']{0,4}[a-z]{3,8} [a-z]{3,8} "
            ),
        ),
        validators=("seed_words",),
        base=Confidence.LIKELY,
        vendor="Bitcoin",
        aliases=_KEY,
        examples=("seed phrase: " + "legal winner thank year wave sausage worth useful legal winner thank yellow",),
        near_misses=(
            "recovery phrase: write down the words that the app shows you and keep them in a very safe place",
        ),
        source="https://github.com/bitcoin/bips/blob/master/bip-0039.mediawiki",
    ),
    token(
        "json_web_token",
        "JSON web token",
        vendor="",
        body=r"ey[A-Za-z0-9_\-]{15,1000}\.ey[A-Za-z0-9_\-]{10,4000}(?:\.[A-Za-z0-9_\-]{20,1000})?",
        right=r"(?![A-Za-z0-9_\-])",
        factors=(r"ey[A-Za-z0-9_-]{12,400}\.ey[A-Za-z0-9_-]{10}",),
        example=s.jwt(),
        near_misses=(
            "eyebrow.eyelash.eyeliner",
            s.segment({"kid": "a1b2c3d4e5f6"}) + "." + s.segment({"sub": "someone"}) + "." + s.mixed(43),
        ),
        validators=("jwt_header",),
        reach=6100,
        source="https://datatracker.ietf.org/doc/html/rfc7519",
    ),
    token(
        "json_web_encryption",
        "Encrypted JSON web token",
        vendor="",
        body=r"ey[A-Za-z0-9_\-]{15,1000}\.[A-Za-z0-9_\-]{0,800}\.[A-Za-z0-9_\-]{12,32}\.[A-Za-z0-9_\-]{10,4000}\.[A-Za-z0-9_\-]{16,90}",
        right=r"(?![A-Za-z0-9_\-])",
        factors=(r"ey[A-Za-z0-9_-]{15,400}\.[A-Za-z0-9_-]{0,800}\.[A-Za-z0-9_-]{12,32}\.[A-Za-z0-9_-]{10}",),
        example=s.segment({"alg": "RSA-OAEP", "enc": "A256GCM"})
        + f".{s.mixed(171)}.{s.mixed(16)}.{s.mixed(60)}.{s.mixed(22)}",
        validators=("jwt_header",),
        reach=6100,
        source="https://datatracker.ietf.org/doc/html/rfc7516",
    ),
)
