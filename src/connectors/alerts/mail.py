"""Alerts by e-mail over SMTP."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from enum import StrEnum
from ipaddress import ip_address
from typing import Annotated, ClassVar, Final

from pydantic import AfterValidator, Field, SecretStr, model_validator

from connectors.alerts import render
from connectors.alerts.destination import Alert, Delivered, Destination, DestinationConfig
from connectors.errors import AuthError, ConnectorsError, Transient, Unsupported

_TIMEOUT: Final = 20.0
_PORTS: Final = {"starttls": 587, "tls": 465, "none": 25}


class Security(StrEnum):
    """How the connection to the mail server is encrypted."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


def _address(text: str) -> str:
    """Accept one plain address, `user@host`: ASCII, no display name, no list."""
    # Mail servers without SMTPUTF8 refuse other characters, and with them every recipient of the message.
    if not (text.isascii() and text.isprintable()):
        raise ValueError("must be one plain e-mail address")
    try:
        parsed = Address(addr_spec=text)
    except (ValueError, IndexError) as error:
        raise ValueError("must be one plain e-mail address") from error
    if not parsed.username or not parsed.domain:
        raise ValueError("must be one plain e-mail address")
    return text


EmailAddress = Annotated[str, AfterValidator(_address)]


class EmailConfig(DestinationConfig):
    """Options of the `email` destination."""

    host: str = Field(description="The mail server.", examples=["smtp.example.com"])
    port: int | None = Field(
        default=None,
        ge=1,
        le=65535,
        description="587 for STARTTLS, 465 for TLS, 25 for none.",
        examples=[587],
    )
    security: Security = Field(
        default=Security.STARTTLS,
        description="`starttls`, `tls`, or `none` for a relay on the same machine or network.",
        examples=["starttls"],
    )
    username: str = Field(default="", description="User name at the mail server.", examples=["alerts"])
    password: SecretStr | None = Field(
        default=None, description="Password at the mail server.", examples=["${env:SMTP_PASSWORD}"]
    )
    sender: EmailAddress = Field(description="Address that alerts come from.", examples=["alerts@example.com"])
    recipients: tuple[EmailAddress, ...] = Field(
        default=(), description="Who is told.", examples=[["security@example.com"]]
    )
    to_author: bool = Field(
        default=False,
        description="Tell the author. `recipients` are told when the author has no address or is external.",
        examples=[False],
    )
    ca_file: str = Field(
        default="",
        description="CA bundle for a server with a private certificate.",
        examples=["/etc/ssl/corp.pem"],
    )

    @model_validator(mode="after")
    def _complete(self) -> EmailConfig:
        if not self.recipients and not self.to_author:
            raise ValueError("needs `recipients`, or `to_author: true`")
        if bool(self.username) != (self.password is not None):
            raise ValueError("`username` and `password` go together")
        if self.password is not None and self.security is Security.NONE and not _is_loopback(self.host):
            raise ValueError("a password is never sent without TLS; use `starttls` or `tls`")
        return self


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class EmailDestination(Destination[EmailConfig]):
    """Sends alerts as e-mail, plain text and HTML, with a Message-ID made from the alert's id.

    A message that is sent again after a lost answer has the same Message-ID, by which mailboxes drop doubles.
    """

    kind: ClassVar[str] = "email"
    Config: ClassVar[type[DestinationConfig]] = EmailConfig

    def deliver(self, alert: Alert) -> Delivered:
        """Send one alert to the author or to the fixed recipients."""
        author = self._author(alert)
        recipients = (author,) if author else self.config.recipients
        if not recipients:
            raise Unsupported("the author has no usable e-mail address", hint="name `recipients` for such alerts")
        message = self._message(alert, recipients, to_author=bool(author))
        with self._server() as server:
            refused = server.send_message(message, self.config.sender, recipients)
        taken = [each for each in recipients if each not in refused]
        return Delivered(reference=str(message["Message-ID"]), recipient=", ".join(taken))

    def probe(self) -> str:
        """Connect, encrypt and sign in, without sending."""
        with self._server() as server:
            server.noop()
        return f"{self.config.host} takes mail from {self.config.sender}"

    def _author(self, alert: Alert) -> str:
        if not self.config.to_author or alert.author is None or alert.author.external:
            return ""
        try:
            return _address(alert.author.email)
        except ValueError:
            return ""

    def _message(self, alert: Alert, recipients: tuple[str, ...], *, to_author: bool) -> EmailMessage:
        domain = self.config.sender.rpartition("@")[2]
        message = EmailMessage()
        message["Subject"] = render.header(render.title(alert))
        message["From"] = self.config.sender
        message["To"] = ", ".join(recipients)
        message["Date"] = format_datetime(alert.created_at)
        message["Message-ID"] = f"<{alert.id}@{domain}>"
        message["Auto-Submitted"] = "auto-generated"
        message["X-Connectors-Alert"] = alert.id
        message.set_content(render.text(alert, to_author=to_author))
        message.add_alternative(render.html(alert, to_author=to_author), subtype="html")
        return message

    @contextmanager
    def _server(self) -> Iterator[smtplib.SMTP]:
        error: ConnectorsError
        try:
            with self._connected() as server:
                self._sign_in(server)
                yield server
            return
        except (smtplib.SMTPException, OSError) as fault:
            error = _translate(fault, self.config.host)
        raise error

    def _connected(self) -> smtplib.SMTP:
        port = self.config.port or _PORTS[self.config.security.value]
        if self.config.security is Security.TLS:
            return smtplib.SMTP_SSL(self.config.host, port, timeout=_TIMEOUT, context=self._context())
        return smtplib.SMTP(self.config.host, port, timeout=_TIMEOUT)

    def _sign_in(self, server: smtplib.SMTP) -> None:
        if self.config.security is Security.STARTTLS:
            server.starttls(context=self._context())
        if self.config.password is not None:
            server.login(self.config.username, self.config.password.get_secret_value())

    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.config.ca_file or None)


def _translate(fault: Exception, host: str) -> ConnectorsError:
    """Say what an SMTP fault means. Replies are not quoted: they may repeat addresses and subjects."""
    if isinstance(fault, smtplib.SMTPAuthenticationError):
        return AuthError(f"{host} does not accept the user name and password", hint="correct them")
    if isinstance(fault, smtplib.SMTPNotSupportedError):
        return AuthError(f"{host} does not offer TLS or sign-in", hint="correct `security` or the credentials")
    if isinstance(fault, ssl.SSLCertVerificationError):
        return AuthError(f"the certificate of {host} is not trusted", hint="set `ca_file`")
    if isinstance(fault, smtplib.SMTPRecipientsRefused):
        codes = [int(code) for code, _ in fault.recipients.values()]
        return _by_code(min(codes, default=550), f"{host} refuses every recipient")
    if isinstance(fault, smtplib.SMTPResponseException):
        return _by_code(int(fault.smtp_code), f"{host} refuses the message")
    return Transient(f"the connection to {host} failed ({type(fault).__name__})")


def _by_code(code: int, text: str) -> ConnectorsError:
    """4xx may work later, 5xx never will: https://www.rfc-editor.org/rfc/rfc5321#section-4.2.1."""
    return Unsupported(f"{text} ({code})") if code >= 500 else Transient(f"{text} ({code})")
