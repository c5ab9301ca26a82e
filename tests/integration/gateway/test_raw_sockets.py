"""What hostile clients put on the wire, against the real server: one request is one answer, and nobody holds it up."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from connectors.config.models import GatewaySettings
from connectors.gateway import serve
from connectors.testing.fakeapps.slack import FakeSlack
from connectors.testing.installation import Installation

CONFIG = """
gateway: {{body_limit: 20000}}
api: {{enabled: false}}
dashboard: {{enabled: false}}
connections: {{acme: {{connector: slack, config: {{token: t, webhook_secret: {secret}}}}}}}
"""


@pytest.fixture(scope="module")
def slack() -> FakeSlack:
    return FakeSlack()


@pytest.fixture(scope="module")
def house(slack: FakeSlack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    made = Installation(CONFIG.format(secret=slack.signing_secret), tmp_path_factory.mktemp("house"))
    with made.running(worker=False):
        yield made


@contextmanager
def connected(house: Installation, *, patience: float = 10) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", house.port), timeout=patience) as channel:
        yield channel


def told(channel: socket.socket) -> bytes:
    """Return all that the server says until it hangs up or falls silent."""
    said = b""
    with suppress(TimeoutError, ConnectionResetError):
        while more := channel.recv(65536):
            said += more
    return said


def statuses(said: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", said)]


def send(house: Installation, request: bytes) -> list[int]:
    with connected(house, patience=2) as channel:
        channel.sendall(request)
        return statuses(told(channel))


def post(*headers: bytes, body: bytes = b"") -> bytes:
    return b"\r\n".join((b"POST /webhooks/acme HTTP/1.1", b"Host: a", *headers, b"", body))


HEALTHY = b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
HIDDEN = b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.mark.parametrize(
    "request_",
    [
        post(b"Content-Length: 6", b"Transfer-Encoding: chunked", body=b"0\r\n\r\nG" + HIDDEN),
        post(b"Transfer-Encoding: chunked", b"Content-Length: 4", body=b"5c\r\n" + HIDDEN + b"\r\n0\r\n\r\n"),
        post(b"Content-Length: 0", b"Content-Length: 40", body=HIDDEN),
        post(b"Transfer-Encoding: xchunked", body=b"0\r\n\r\n" + HIDDEN),
        post(b"Transfer-Encoding: chunked, identity", body=b"0\r\n\r\n" + HIDDEN),
        post(b"Transfer-Encoding : chunked", body=b"0\r\n\r\n" + HIDDEN),
        post(b"Content-Length: +0", body=HIDDEN),
        post(b"Content-Length: 0x0", body=HIDDEN),
        post(b"Transfer-Encoding: chunked", body=b"0x0\r\n\r\n" + HIDDEN),
        post(b"Transfer-Encoding: chunked", body=b"-1\r\n\r\n" + HIDDEN),
    ],
    ids=["cl-te", "te-cl", "two-cl", "xchunked", "te-list", "te-space", "cl-plus", "cl-hex", "hex", "minus"],
)
def test_no_request_hides_in_another(house: Installation, request_: bytes) -> None:
    """Each ends with one refusal, or is read as one whole: the hidden request is never answered with the metrics."""
    answered = send(house, request_)
    assert 200 not in answered
    assert len(answered) <= 1 or answered[0] in (400, 401)
    assert all(status in (400, 401, 404, 501) for status in answered), answered


def test_pipelined_requests_are_answered_in_order(house: Installation) -> None:
    unproven = post(b"Content-Length: 2", body=b"{}")
    last = HIDDEN.replace(b"Host: a", b"Host: a\r\nConnection: close")
    assert send(house, HIDDEN + unproven + last) == [200, 401, 200]


def test_headers_without_end_are_refused(house: Installation) -> None:
    with connected(house) as channel:
        line = b"X-Filler: " + b"a" * 8000 + b"\r\n"
        with suppress(BrokenPipeError, ConnectionResetError):
            channel.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n")
            for _ in range(64):
                channel.sendall(line)
        assert statuses(told(channel)) in ([400], [])


def test_large_headers_in_one_piece_are_refused(house: Installation) -> None:
    filler = b"".join(b"X-%d: %s\r\n" % (number, b"a" * 1000) for number in range(66))
    with suppress(BrokenPipeError, ConnectionResetError):
        assert 200 not in send(house, HEALTHY[:-2] + filler + b"\r\n")


CHUNKED = post(b"Transfer-Encoding: chunked", body=b"2\r\n{}\r\n0")


@pytest.mark.parametrize("endless", [b";" + b"a" * 8000, b"\r\nX: " + b"a" * 8000], ids=["extension", "trailer"])
def test_what_never_ends_between_the_pieces_of_a_body_is_cut_off(house: Installation, endless: bytes) -> None:
    with connected(house) as channel, suppress(BrokenPipeError, ConnectionResetError):
        channel.sendall(CHUNKED + endless)
        for _ in range(2000):
            channel.sendall(b"a" * 8000)
        pytest.fail("the server read it all")


def test_a_trailer_is_no_header(house: Installation, slack: FakeSlack) -> None:
    """A proxy in front looks at headers only: what proves a request must not come after its body."""
    headers, body = slack.post_message(slack.add_channel("general"), slack.add_user("Ana"), "hello")
    proof = b"".join(f"{name}: {value}\r\n".encode() for name, value in headers.items())
    length = f"{len(body):x}".encode()
    late = post(b"Transfer-Encoding: chunked", body=length + b"\r\n" + body + b"\r\n0\r\n" + proof + b"\r\n")
    early = post(*proof.rstrip().split(b"\r\n"), b"Content-Length: %d" % len(body), body=body)
    assert send(house, late) == [401]
    assert send(house, early) == [200]


def test_who_asks_to_upgrade_is_answered_and_hung_up_on(house: Installation) -> None:
    asking = HEALTHY.replace(b"Connection: close", b"Connection: Upgrade\r\nUpgrade: h2c")
    assert send(house, asking + HIDDEN) == [200]


ENDLESS = [b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n", b"\0\1\2\3" * 30_000, b"\x16\x03\x01\x02\0" * 20_000]


@pytest.mark.parametrize("line", ENDLESS, ids=["path", "binary", "tls"])
def test_first_lines_that_never_end_are_refused(house: Installation, line: bytes) -> None:
    with suppress(BrokenPipeError, ConnectionResetError):
        assert 200 not in send(house, line)
    assert send(house, HEALTHY) == [200]


def test_a_body_without_a_length_is_cut_off_at_the_limit(house: Installation) -> None:
    sent = 0
    with connected(house) as channel:
        channel.sendall(post(b"Transfer-Encoding: chunked"))
        chunk = b"2000\r\n" + b"a" * 0x2000 + b"\r\n"
        with suppress(BrokenPipeError, ConnectionResetError):
            for _ in range(2000):
                channel.sendall(chunk)
                sent += len(chunk)
        answered = statuses(told(channel))
    assert answered in ([413], [])  # a reset may come before the answer is read
    assert sent < 2000 * len(chunk), "the server read it all"


def test_a_refusal_is_not_lost_with_the_rest_of_a_body(house: Installation) -> None:
    """A socket that is closed with bytes in it resets the connection: the sender would see that, and no answer."""
    chunk = b"8000\r\n" + b"a" * 0x8000 + b"\r\n"
    for _ in range(10):
        with connected(house) as channel:
            channel.sendall(post(b"Transfer-Encoding: chunked", body=chunk * 8 + b"0\r\n\r\n") + HEALTHY)
            said = b""
            while more := channel.recv(65536):
                said += more
        assert statuses(said) == [413, 200]


def test_who_waits_to_be_asked_for_a_body_is_refused_at_once(house: Installation) -> None:
    with connected(house) as channel:
        channel.sendall(post(b"Content-Length: 30000", b"Expect: 100-continue"))
        assert told(channel).startswith(b"HTTP/1.1 413")


def test_a_body_that_claims_to_be_large_is_refused_before_it_comes(house: Installation) -> None:
    with connected(house) as channel:
        channel.sendall(post(b"Content-Length: 999999999999"))
        assert channel.recv(12) == b"HTTP/1.1 413"


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds of a fraction of a second; they are read when a connection is made or data arrives."""
    for name in ("HEADERS_WITHIN", "BODY_SILENCE"):
        monkeypatch.setattr(serve, name, 0.2)


SLOW = {
    "nothing": b"",
    "half a line": b"GET /hea",
    "half the headers": b"GET /healthz HTTP/1.1\r\nHost: a\r\nX-",
    "half a body": post(b"Content-Length: 100", body=b"{"),
    "half a chunk": post(b"Transfer-Encoding: chunked", body=b"10\r\nabc"),
}


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("sent", SLOW.values(), ids=SLOW)
def test_who_sends_too_slowly_is_hung_up_on(house: Installation, sent: bytes) -> None:
    with connected(house, patience=8) as channel:
        channel.sendall(sent)
        with suppress(ConnectionResetError):  # a TimeoutError means that the server still waits
            while channel.recv(65536):
                pass


def drip(channel: socket.socket, piece: bytes) -> None:
    for _ in range(200):
        channel.sendall(piece)
        time.sleep(0.05)


@pytest.mark.usefixtures("hurried")
def test_who_drips_headers_is_hung_up_on(house: Installation) -> None:
    with connected(house) as channel:
        channel.sendall(b"GET /healthz HTTP/1.1\r\n")
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            drip(channel, b"X: a\r\n")


def test_who_drips_a_body_is_hung_up_on_in_the_end(house: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "BODY_WITHIN", 0.3)
    with connected(house) as channel:
        channel.sendall(post(b"Content-Length: 10000"))
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            drip(channel, b"a")


@pytest.mark.usefixtures("hurried")
def test_many_who_say_nothing_keep_nobody_out(house: Installation) -> None:
    idle = [socket.create_connection(("127.0.0.1", house.port), timeout=10) for _ in range(50)]
    try:
        assert send(house, HEALTHY) == [200]
        assert all(told(channel) == b"" for channel in idle)
    finally:
        for channel in idle:
            channel.close()


@pytest.mark.usefixtures("hurried")
def test_a_kept_connection_outlives_the_bounds_of_a_request_and_half_of_another_does_not(house: Installation) -> None:
    with connected(house) as channel:
        for _ in range(3):
            channel.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
            said = b""
            while not said.endswith(b"ok"):
                said += channel.recv(65536)
            assert statuses(said) == [200]
            for _ in range(3):
                time.sleep(0.1)
        channel.sendall(b"GET /hea")
        assert told(channel) == b""
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            drip(channel, b"a")


def test_the_limits_that_users_get() -> None:
    made = serve.server(lambda *_: None, GatewaySettings())  # type: ignore[arg-type,return-value]
    assert serve.LARGEST_HEAD == 64 * 1024
    assert made.config.timeout_keep_alive == 15
    assert made.config.limit_concurrency == 2000
    assert made.config.http is serve.BoundedHttp
