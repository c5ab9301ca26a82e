"""The guard over real connections: rebinding, redirects, the pinned address, SNI."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any

import pytest

from connectors.errors import Transient
from connectors.net import AddressRefused, Guard, Limits, connect

NAME = "hooks.acme.test"
Certify = Callable[[str], tuple[str, ssl.SSLContext]]


class Answers:
    """A resolver that gives one answer after the other, the last one for ever."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, host: str, port: int) -> tuple[str, ...]:
        self.asked.append(host)
        return (self.answers.pop(0) if len(self.answers) > 1 else self.answers[0],)


def test_the_connection_goes_to_the_judged_address_with_the_name_kept(serve: Callable[..., Any]) -> None:
    app = serve()
    names = Answers("127.0.0.1")
    session = connect(guard=Guard.of(["127.0.0.1"], resolver=names))
    assert session.get(f"http://{NAME}:{app.port}/x").ok
    assert names.asked == [NAME]
    assert app.seen[0][2]["Host"] == f"{NAME}:{app.port}"


def test_a_name_that_rebinds_is_refused_and_its_new_address_never_reached(serve: Callable[..., Any]) -> None:
    good = serve("127.0.0.1")
    good.answers = [(200, {"Connection": "close"}, b"ok")]
    session = connect(guard=Guard.of(["127.0.0.1"], resolver=Answers("127.0.0.1", "127.0.0.2")))
    url = f"http://{NAME}:{good.port}/"
    assert session.get(url).ok
    with pytest.raises(AddressRefused, match=NAME):
        session.get(url)
    assert len(good.seen) == 1


def test_a_redirect_to_a_private_address_is_refused(serve: Callable[..., Any]) -> None:
    door, inner = serve("127.0.0.1"), serve("127.0.0.2")
    session = connect(guard=Guard.of(["127.0.0.1"]))
    for target in (inner.url, f"http://2130706434:{inner.port}/"):
        door.answers = [(302, {"Location": target}, b"")]
        with pytest.raises(AddressRefused):
            session.get(door.url)
    assert inner.seen == []


def test_a_redirect_with_userinfo_or_another_scheme_is_refused(serve: Callable[..., Any]) -> None:
    door = serve()
    session = connect(guard=Guard.of(["127.0.0.1"]))
    for target in (f"http://u:p@127.0.0.1:{door.port}/", "ftp://127.0.0.1/", "file:///etc/passwd"):
        door.answers = [(302, {"Location": target}, b"")]
        with pytest.raises(AddressRefused):
            session.get(door.url)
    assert len(door.seen) == 3


@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "0177.0.0.1", "0x7f000001", "127.1", "localhost"])
def test_no_spelling_of_loopback_is_reached(serve: Callable[..., Any], host: str) -> None:
    app = serve()
    with pytest.raises(AddressRefused):
        connect(guard=Guard()).get(f"http://{host}:{app.port}/")
    assert app.seen == []


def test_ipv6_loopback_is_refused_over_a_real_socket() -> None:
    for host in ("[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:0:0:1]"):
        with pytest.raises(AddressRefused):
            connect(guard=Guard()).get(f"http://{host}:9/")


def test_the_environment_cannot_put_a_proxy_in_between(
    serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    app, proxy = serve(), serve()
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    monkeypatch.setenv("http_proxy", proxy.url)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    session = connect(guard=Guard.of(["127.0.0.1"], resolver=Answers("127.0.0.1")))
    session.get(f"http://{NAME}:{app.port}/")
    assert (len(app.seen), len(proxy.seen)) == (1, 0)


def test_through_a_named_proxy_the_target_is_judged_before(serve: Callable[..., Any]) -> None:
    proxy = serve()
    names = Answers("10.0.0.1", "8.8.8.8")
    session = connect(guard=Guard.of(["127.0.0.1"], resolver=names), proxies={"http": proxy.url})
    with pytest.raises(AddressRefused):
        session.get(f"http://{NAME}/")
    assert session.get(f"http://{NAME}/").ok
    assert len(proxy.seen) == 1


def test_a_proxy_named_for_one_request_does_not_go_around_the_guard(serve: Callable[..., Any]) -> None:
    proxy = serve()
    session = connect(guard=Guard.of(["127.0.0.1"], resolver=Answers("10.0.0.1")))
    with pytest.raises(AddressRefused):
        session.get(f"http://{NAME}/", proxies={"http": proxy.url})
    assert proxy.seen == []


def test_a_name_without_an_address_is_transient() -> None:
    def nothing(host: str, port: int) -> tuple[str, ...]:
        raise socket.gaierror

    session = connect(guard=Guard(resolver=nothing), sleep=lambda _: None)
    with pytest.raises(Transient, match=f"the connection to {NAME} failed"):
        session.get(f"https://{NAME}/?token=x")


def test_the_next_address_is_tried_when_one_is_closed(serve: Callable[..., Any]) -> None:
    app = serve("127.0.0.1")
    guard = Guard.of(["127.0.0.0/8"], resolver=lambda host, port: ("127.0.0.3", "127.0.0.1"))
    assert connect(guard=guard).get(f"http://{NAME}:{app.port}/").ok


@pytest.mark.parametrize("encrypted", [False, True])
def test_headers_that_trickle_are_not_waited_for(certify: Certify, *, encrypted: bool) -> None:
    pem, context = certify(NAME)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ended = threading.Event()

        def trickle() -> None:
            peer, _address = listener.accept()
            secured = context.wrap_socket(peer, server_side=True) if encrypted else peer
            with secured as channel, contextlib.suppress(OSError):
                channel.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                while not ended.wait(0.005):
                    channel.sendall(b"x")

        server = threading.Thread(target=trickle, daemon=True)
        server.start()
        limits = Limits(total=0.1, read=5, attempts=1)
        session = connect(guard=Guard.of(["127.0.0.1"], resolver=Answers("127.0.0.1")), limits=limits)
        session.verify = pem
        with pytest.raises(Transient, match=NAME):
            session.get(f"{'https' if encrypted else 'http'}://{NAME}:{listener.getsockname()[1]}/")
        ended.set()
        server.join(5)


def test_sni_and_the_certificate_are_those_of_the_name(certify: Certify) -> None:
    pem, context = certify(NAME)
    asked: list[str | None] = []
    context.sni_callback = lambda _socket, name, _context: asked.append(name)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            for _ in range(2):
                peer, _address = listener.accept()
                try:
                    with context.wrap_socket(peer, server_side=True) as secure:
                        secure.recv(4096)
                        secure.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
                except OSError:
                    peer.close()

        threading.Thread(target=answer, daemon=True).start()
        session = connect(guard=Guard.of(["127.0.0.1"], resolver=Answers("127.0.0.1")))
        session.verify = pem
        port = listener.getsockname()[1]
        assert session.get(f"https://{NAME}:{port}/").text == "ok"
        with pytest.raises(Transient, match="TLS"):
            session.get(f"https://other.acme.test:{port}/")
    assert asked[0] == NAME
