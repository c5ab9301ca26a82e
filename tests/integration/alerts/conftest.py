"""Findings and alerts that tests change as they need."""

from __future__ import annotations

import datetime as dt
import ssl
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from connectors.alerts.destination import Alert
from connectors.model import Finding, Resource
from connectors.net import Guard, Session, connect
from connectors.testing.alerts import NOW, alert, finding, resource


@pytest.fixture
def make_finding() -> Callable[..., Finding]:
    return finding


@pytest.fixture
def make_resource() -> Callable[..., Resource]:
    return resource


@pytest.fixture
def make_alert() -> Callable[..., Alert]:
    return alert


class DestinationRun:
    """A `DestinationContext` over real sessions that may reach loopback."""

    name = "told"

    def __init__(self) -> None:
        self.waits: list[float] = []

    def session(self) -> Session:
        return connect(guard=Guard.of(["127.0.0.1"]), sleep=self.waits.append)

    def now(self) -> datetime:
        return NOW


@pytest.fixture
def context() -> DestinationRun:
    return DestinationRun()


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ssl.SSLContext]:
    """Return the CA file and the server context of a self-signed certificate for `localhost`."""
    folder: Path = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "cert.pem").write_bytes(pem)
    (folder / "both.pem").write_bytes(pem + secret)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "both.pem")
    return str(folder / "cert.pem"), context
