"""Alerts as syslog messages over UDP, TCP or TLS."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import ClassVar, Final

from pydantic import Field, model_validator

from connectors.alerts import lines
from connectors.alerts.destination import Alert, Delivered, Destination, DestinationConfig
from connectors.errors import AuthError, ConnectorsError, Transient

_TIMEOUT: Final = 10.0
_FAREWELL: Final = 1.0
# What every receiver of UDP syslog takes: https://www.rfc-editor.org/rfc/rfc5426#section-3.2
_LONGEST_DATAGRAM: Final = 2048


class Transport(StrEnum):
    """How messages travel."""

    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"


class Format(StrEnum):
    """How a message is written."""

    STRUCTURED = "structured"
    CEF = "cef"


class Framing(StrEnum):
    """How messages are told apart in a stream."""

    OCTETS = "octets"
    NEWLINE = "newline"


class SyslogConfig(DestinationConfig):
    """Options of the `syslog` destination."""

    host: str = Field(description="The receiver.", examples=["siem.example.com"])
    port: int = Field(default=6514, ge=1, le=65535, description="6514 for TLS, usually 514 otherwise.", examples=[6514])
    transport: Transport = Field(
        default=Transport.TLS, description="`tls`, `tcp` or `udp`. UDP loses messages without a word.", examples=["tls"]
    )
    format: Format = Field(
        default=Format.STRUCTURED,
        description="`structured` for RFC 5424 structured data, `cef` for ArcSight's Common Event Format.",
        examples=["cef"],
    )
    framing: Framing = Field(
        default=Framing.OCTETS,
        description="`octets` counts each message (RFC 5425, 6587); `newline` for receivers that expect lines.",
        examples=["octets"],
    )
    facility: int = Field(default=16, ge=0, le=23, description="Syslog facility; 16 is local0.", examples=[16])
    hostname: str = Field(
        default="", description="Name of the sender; empty for this machine's.", examples=["dlp.example.com"]
    )
    enterprise_number: int = Field(
        default=32473,
        ge=1,
        description="Private enterprise number in the structured data's name; the default is the one for examples.",
        examples=[32473],
    )
    ca_file: str = Field(default="", description="CA bundle for a private certificate.", examples=["/etc/ssl/corp.pem"])
    client_certificate: str = Field(
        default="",
        description="PEM file with certificate and key, where the receiver asks for one.",
        examples=["/etc/ssl/dlp.pem"],
    )

    @model_validator(mode="after")
    def _whole(self) -> SyslogConfig:
        if self.transport is not Transport.TLS and (self.ca_file or self.client_certificate):
            raise ValueError("`ca_file` and `client_certificate` need `transport: tls`")
        return self


class SyslogDestination(Destination[SyslogConfig]):
    """Sends one message per finding, each with the finding's and the alert's id.

    Syslog answers nothing. Over TCP and TLS a receiver that closes the connection on us is noticed and the alert
    is sent again; what it had taken by then arrives twice, with the same ids.
    """

    kind: ClassVar[str] = "syslog"
    Config: ClassVar[type[DestinationConfig]] = SyslogConfig

    def deliver(self, alert: Alert) -> Delivered:
        """Send the messages of one alert."""
        written = lines.cef_messages if self.config.format is Format.CEF else lines.syslog_messages
        messages = [text.encode() for text in written(alert, self._sender())]
        with self._translated():
            if self.config.transport is Transport.UDP:
                self._send_datagrams(messages)
            else:
                self._send_stream(messages)
        return Delivered(reference=alert.id, recipient=f"{self.config.host}:{self.config.port}")

    def probe(self) -> str:
        """Connect, and over TLS check the certificate, without sending."""
        if self.config.transport is Transport.UDP:
            return "UDP: nothing tells whether anybody listens"
        with self._translated(), self._connected():
            return f"{self.config.host}:{self.config.port} accepts connections"

    def _sender(self) -> lines.Sender:
        return lines.Sender(
            self.config.hostname or socket.gethostname(), self.config.facility, self.config.enterprise_number
        )

    def _send_datagrams(self, messages: list[bytes]) -> None:
        family, kind, protocol, _, address = socket.getaddrinfo(
            self.config.host, self.config.port, type=socket.SOCK_DGRAM
        )[0]
        with socket.socket(family, kind, protocol) as channel:
            channel.settimeout(_TIMEOUT)
            for message in messages:
                channel.sendto(message[:_LONGEST_DATAGRAM].decode(errors="ignore").encode(), address)

    def _send_stream(self, messages: list[bytes]) -> None:
        counted = self.config.framing is Framing.OCTETS
        with self._connected() as channel:
            for each in messages:
                channel.sendall(b"%d %s" % (len(each), each) if counted else each + b"\n")
            _take_leave(channel)

    @contextmanager
    def _connected(self) -> Iterator[socket.socket]:
        with socket.create_connection((self.config.host, self.config.port), timeout=_TIMEOUT) as plain:
            if self.config.transport is Transport.TCP:
                yield plain
                return
            with self._context().wrap_socket(plain, server_hostname=self.config.host) as secure:
                yield secure

    def _context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.config.ca_file or None)
        if self.config.client_certificate:
            context.load_cert_chain(self.config.client_certificate)
        return context

    @contextmanager
    def _translated(self) -> Iterator[None]:
        error: ConnectorsError
        try:
            yield
            return
        except ssl.SSLCertVerificationError:
            error = AuthError(f"the certificate of {self.config.host} is not trusted", hint="set `ca_file`")
        except (OSError, UnicodeError) as fault:
            error = Transient(f"the connection to {self.config.host} failed ({type(fault).__name__})")
        raise error


def _take_leave(channel: socket.socket) -> None:
    """Say that no more comes, and wait a moment for the receiver to close, so that a reset is noticed."""
    channel.settimeout(_FAREWELL)
    try:
        if isinstance(channel, ssl.SSLSocket):
            channel.unwrap()
            return
        channel.shutdown(socket.SHUT_WR)
        while channel.recv(1024):
            pass
    except (TimeoutError, ssl.SSLError):
        # A receiver that keeps the connection open, or ends TLS without its own farewell, has taken everything.
        return
