"""The syslog destination over real UDP, TCP and TLS sockets."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pydantic import ValidationError

from connectors.alerts.syslog import SyslogConfig, SyslogDestination
from connectors.errors import AuthError, Transient
from connectors.model import Container

Make = Callable[..., Any]


class Listener:
    """Takes one stream until its end; `reset` closes it hard instead."""

    def __init__(self, context: ssl.SSLContext | None = None, *, reset: bool = False) -> None:
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.server.getsockname()[1]
        self.received = b""
        self.farewell = False
        self._context = context
        self._reset = reset
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        peer, _ = self.server.accept()
        if self._reset:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            peer.recv(1)
            peer.close()
            return
        try:
            channel = (
                self._context.wrap_socket(peer, server_side=True, suppress_ragged_eofs=False) if self._context else peer
            )
            with channel:
                while chunk := channel.recv(65536):
                    self.received += chunk
                if self._context:
                    self.farewell = True
        except OSError:
            peer.close()

    def stop(self) -> bytes:
        self.thread.join(5)
        self.server.close()
        return self.received


@contextmanager
def listening(*args: Any, **options: Any) -> Iterator[Listener]:
    listener = Listener(*args, **options)
    yield listener
    listener.server.close()


@pytest.fixture
def make(context: Any) -> Callable[..., SyslogDestination]:
    def made(port: int, **options: Any) -> SyslogDestination:
        values = {"host": "localhost", "port": port, "transport": "tcp", "hostname": "dlp", **options}
        return SyslogDestination(SyslogConfig(**values), context)

    return made


def counted(stream: bytes) -> list[str]:
    """Take a stream of octet-counted messages apart."""
    messages = []
    while stream:
        length, _, stream = stream.partition(b" ")
        messages.append(stream[: int(length)].decode())
        stream = stream[int(length) :]
    return messages


def test_messages_are_counted_in_octets(make: Make, make_alert: Make, make_finding: Make) -> None:
    with listening() as listener:
        delivered = make(listener.port).deliver(make_alert(findings=(make_finding(1), make_finding(2))))
        first, second = counted(listener.stop())
    assert first.startswith("<131>1 2026-03-04T05:06:07.000Z dlp connectors - alert [connectors@32473 ")
    assert 'finding="f1"' in first
    assert 'finding="f2"' in second
    assert delivered.reference == "alert-0123"


def test_or_ended_by_newlines(make: Make, make_alert: Make, make_finding: Make) -> None:
    with listening() as listener:
        destination = make(listener.port, framing="newline", format="cef")
        destination.deliver(make_alert(findings=(make_finding(1), make_finding(2))))
        lines = listener.stop().decode().splitlines()
    assert [" - CEF:0|connectors|" in line for line in lines] == [True, True]


def test_over_tls_the_certificate_is_checked(make: Make, make_alert: Make, tls: Any) -> None:
    with listening(tls[1]) as listener:
        make(listener.port, transport="tls", ca_file=tls[0]).deliver(make_alert())
        assert len(counted(listener.stop())) == 1
        assert listener.farewell
    with listening(tls[1]) as listener, pytest.raises(AuthError, match="not trusted"):
        make(listener.port, transport="tls").deliver(make_alert())
    with listening(tls[1]) as listener:
        assert "accepts connections" in make(listener.port, transport="tls", ca_file=tls[0]).probe()


def test_a_receiver_that_hangs_up_is_told_again_later(make: Make, make_alert: Make, make_finding: Make) -> None:
    for count in (1, 500):
        many = make_alert(findings=tuple(make_finding(n) for n in range(count)))
        with listening(reset=True) as listener, pytest.raises(Transient, match="localhost failed"):
            make(listener.port).deliver(many)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with pytest.raises(Transient):
            make(closed.getsockname()[1]).deliver(make_alert())


def test_datagrams_hold_one_message_each_and_stay_short(
    make: Make, make_alert: Make, make_finding: Make, make_resource: Make
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(2)
        text = "ü" * 5000
        where = make_resource(label=text, container=Container(text, text), url="https://x.example/" + "y" * 480)
        long = make_finding(1, resource=where, preview=text, part=text, detector=text, family=text, fingerprint=text)
        destination = make(receiver.getsockname()[1], host="127.0.0.1", transport="udp")
        destination.deliver(make_alert(findings=(long, make_finding(2))))
        first, second = receiver.recv(9000), receiver.recv(9000)
    assert 2040 < len(first) <= 2048
    first.decode()
    assert b'finding="f2"' in second


def test_certificates_need_tls() -> None:
    with pytest.raises(ValidationError, match="need `transport: tls`"):
        SyslogConfig(host="siem.example", transport="tcp", ca_file="/x.pem")
