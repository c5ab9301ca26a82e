"""What the wire of a guarded session owes beyond what every session does."""

from __future__ import annotations

import contextlib
import gzip
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from connectors.errors import Transient
from connectors.net import Guard, Limits, Session, connect

Serve = Callable[..., Any]


@pytest.fixture
def session() -> Session:
    return connect(guard=Guard.of(["127.0.0.1"]), sleep=lambda _: None, limits=Limits(connect=1, read=1, attempts=1))


@contextlib.contextmanager
def telling(
    *sent: bytes, tls: ssl.SSLContext | None = None, hung_up: threading.Semaphore | None = None
) -> Iterator[int]:
    """Answer one request per connection with bytes as they are, then hang up; yield the port.

    `hung_up` is released each time when the connection is closed.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            with contextlib.suppress(OSError):
                for each in sent:
                    peer, _ = listener.accept()
                    with tls.wrap_socket(peer, server_side=True) if tls else peer as peer:
                        peer.recv(4096)
                        peer.sendall(each)
                    if hung_up is not None:
                        hung_up.release()

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(5)


def test_an_encoded_answer_and_its_cookies_are_read_as_requests_would(serve: Serve, session: Session) -> None:
    app = serve()
    app.answers = [(200, {"Content-Encoding": "gzip", "Set-Cookie": "seen=1"}, gzip.compress("Grüße".encode()))]
    answer = session.post(app.url, data={"text": "ü"})
    assert answer.content.decode() == "Grüße"
    assert answer.cookies["seen"] == "1"
    assert app.seen[0][3] == b"text=%C3%BC"


def test_a_body_that_ends_early_is_no_answer(session: Session) -> None:
    for short in (b"Content-Length: 10\r\n\r\nabc", b"Transfer-Encoding: chunked\r\n\r\n9\r\nabc"):
        with (
            telling(b"HTTP/1.1 200 OK\r\n" + short) as port,
            pytest.raises(Transient, match=r"the connection to 127\.0\.0\.1 failed"),
        ):
            session.get(f"http://127.0.0.1:{port}/")


def test_what_is_no_http_is_no_answer(session: Session) -> None:
    with telling(b"SSH-2.0-door\r\n") as port, pytest.raises(Transient):
        session.get(f"http://127.0.0.1:{port}/")


def test_a_kept_connection_that_was_hung_up_on_is_replaced(session: Session) -> None:
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    gone = threading.Semaphore(0)
    with telling(whole, whole, hung_up=gone) as port:
        for _ in range(2):
            assert session.post(f"http://127.0.0.1:{port}/").text == "ok"
            assert gone.acquire(timeout=10)


def test_threads_never_share_a_connection(serve: Serve, session: Session) -> None:
    app = serve()
    app.answers = [(200, {}, b"ok")]
    with ThreadPoolExecutor(4) as threads:
        texts = list(threads.map(lambda n: session.post(app.url, data=str(n)).text, range(40)))
    assert texts == ["ok"] * 40
    assert sorted(int(body) for *_, body in app.seen) == list(range(40))
    assert len(set(app.peers)) <= 4


def test_only_a_trusted_certificate_of_the_right_name_is_spoken_to(
    session: Session, tls: tuple[str, ssl.SSLContext]
) -> None:
    trusted, context = tls
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    for host, verify, spoken in (
        ("localhost", trusted, True),
        ("127.0.0.1", trusted, False),  # the certificate is of another name
        ("localhost", True, False),  # nobody has signed it
    ):
        with telling(whole, tls=context) as port:
            session.guard = Guard.of(["127.0.0.1", "localhost"])
            if spoken:
                assert session.get(f"https://{host}:{port}/", verify=verify).text == "ok"
                continue
            with pytest.raises(Transient, match="check its certificate"):
                session.get(f"https://{host}:{port}/", verify=verify)


def test_a_closed_session_hangs_up_and_connects_anew(serve: Serve, session: Session) -> None:
    app = serve()
    session.get(app.url)
    session.close()
    assert session.get(app.url).ok
    assert len(set(app.peers)) == 2


def test_bytes_that_nobody_asked_for_do_not_answer_the_next_call(session: Session) -> None:
    first = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    gone = threading.Semaphore(0)
    with telling(first + first.replace(b"ok", b"no"), first, hung_up=gone) as port:
        for _ in range(2):
            assert session.post(f"http://127.0.0.1:{port}/").text == "ok"
            assert gone.acquire(timeout=10)
