"""Sessions against real loopback servers."""

from __future__ import annotations

import gzip
import socket
import threading
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from connectors.errors import ConnectorsError, RateLimited, Transient, Unsupported
from connectors.net import Guard, Limits, Session, connect

MARK = "canary-in-the-query"
Serve = Callable[..., Any]
OK = (200, {}, b"ok")


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture(params=[None, Guard.of(["127.0.0.1"])], ids=["open", "guarded"])
def guard(request: pytest.FixtureRequest) -> Guard | None:
    """Without a guard urllib3 carries the calls, with one our own wire: both must behave alike."""
    given: Guard | None = request.param
    return given


@pytest.fixture
def session(waits: list[float], guard: Guard | None) -> Session:
    return connect(sleep=waits.append, limits=Limits(connect=1, read=1, max_bytes=1000), guard=guard)


def test_a_bad_gateway_is_tried_again(serve: Serve, session: Session, waits: list[float]) -> None:
    app = serve()
    app.answers = [(502, {}, b""), (504, {}, b""), OK]
    assert session.get(app.url).text == "ok"
    assert len(app.seen) == 3
    assert len(waits) == 2
    assert all(0 <= wait <= 5 for wait in waits)


def test_attempts_are_bounded(serve: Serve, session: Session) -> None:
    app = serve()
    app.answers = [(503, {}, b"")]
    with pytest.raises(Transient, match=r"127\.0\.0\.1 answered 503"):
        session.get(app.url)
    assert len(app.seen) == 3


def test_a_post_is_not_repeated_after_the_server_may_have_acted(serve: Serve, session: Session) -> None:
    app = serve()
    app.answers = [(502, {}, b""), OK]
    with pytest.raises(Transient):
        session.post(app.url, json={})
    assert len(app.seen) == 1


def test_a_cut_connection_is_tried_again_and_then_transient(serve: Serve, session: Session) -> None:
    app = serve()
    app.answers = [None, OK]
    assert session.get(app.url).ok
    app.answers = [None]
    with pytest.raises(Transient, match=r"the connection to 127\.0\.0\.1 failed"):
        session.get(app.url)


def test_a_closed_port_is_tried_again_even_for_a_post(session: Session, waits: list[float]) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        with pytest.raises(Transient):
            session.post(f"http://127.0.0.1:{held.getsockname()[1]}/", data=b"x")
    assert len(waits) == 2


def test_a_short_retry_after_is_slept(serve: Serve, session: Session, waits: list[float]) -> None:
    app = serve()
    app.answers = [(429, {"Retry-After": "2"}, b""), OK]
    assert session.post(app.url, data=b"x").ok
    assert waits == [2.0]


@pytest.mark.parametrize("status", [429, 503])
def test_a_long_retry_after_is_told_to_the_caller(
    serve: Serve, session: Session, waits: list[float], status: int
) -> None:
    app = serve()
    app.answers = [(status, {"Retry-After": "120"}, b"")]
    with pytest.raises(RateLimited) as caught:
        session.get(app.url)
    assert caught.value.after == 120
    assert waits == []


def test_a_limit_without_a_time_is_told_at_once(serve: Serve, session: Session) -> None:
    app = serve()
    app.answers = [(429, {}, b"")]
    with pytest.raises(RateLimited) as caught:
        session.get(app.url)
    assert caught.value.after is None
    assert len(app.seen) == 1


def test_the_budget_is_asked_before_every_attempt_and_learns_of_waits(serve: Serve) -> None:
    app = serve()
    app.answers = [(429, {"Retry-After": "1"}, b""), OK]
    spent: list[tuple[str, int]] = []
    told: list[tuple[str, float]] = []
    session = connect(
        bucket="tier2",
        budget=lambda bucket, cost: spent.append((bucket, cost)),
        throttled=lambda bucket, after: told.append((bucket, after)),
        sleep=lambda _: None,
    )
    session.get(app.url)
    assert spent == [("tier2", 1), ("tier2", 1)]
    assert told == [("tier2", 1.0)]


def test_a_budget_that_refuses_keeps_the_request_home(serve: Serve) -> None:
    app = serve()

    def refuse(bucket: str, cost: int) -> None:
        raise RateLimited(after=30)

    with pytest.raises(RateLimited):
        connect(budget=refuse).get(app.url)
    assert app.seen == []


@pytest.mark.parametrize(
    "answer",
    [
        (200, {}, b"x" * 1001),
        (200, {"Content-Length": "999999999"}, b""),
        (200, {"Content-Encoding": "gzip"}, gzip.compress(b"x" * 100_000)),
        (302, {"Location": "/"}, b"x" * 1001),
    ],
    ids=["body", "declared", "inflated", "redirect"],
)
def test_a_body_over_the_cap_is_refused(serve: Serve, session: Session, answer: Any) -> None:
    app = serve()
    app.answers = [answer]
    with pytest.raises(Unsupported, match="larger than the limit"):
        session.get(app.url)


def test_a_body_at_the_cap_and_a_chunked_one_are_read(serve: Serve, session: Session) -> None:
    app = serve()
    app.answers = [
        (200, {}, b"x" * 1000),
        (200, {"Transfer-Encoding": "chunked"}, b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"),
    ]
    assert len(session.get(app.url).content) == 1000
    assert session.get(app.url).content == b"abcde"


def test_a_trickling_body_ends_with_the_total_time(serve: Serve, guard: Guard | None) -> None:
    app = serve()
    app.answers = [(200, {}, b"abc")]
    with pytest.raises(Transient, match="took too long"):
        connect(limits=Limits(total=-1.0), guard=guard).get(app.url)


def test_a_silent_server_is_transient(waits: list[float], guard: Guard | None) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        session = connect(limits=Limits(read=0.02, attempts=2), sleep=waits.append, guard=guard)
        with pytest.raises(Transient, match="did not answer in time"):
            session.get(f"http://127.0.0.1:{silent.getsockname()[1]}/")
    assert len(waits) == 1


def test_connections_are_kept(serve: Serve, session: Session) -> None:
    app = serve()
    app.answers = [(204, {}, b""), (404, {}, b"no"), OK]
    for _ in range(3):
        session.get(app.url)
    assert len(set(app.peers)) == 1


def test_redirects_are_followed_to_their_bound(serve: Serve, session: Session) -> None:
    app = serve()
    app.answers = [(302, {"Location": "/there"}, b""), OK]
    assert session.get(app.url).text == "ok"
    app.answers = [(302, {"Location": "/again"}, b"")]
    with pytest.raises(Unsupported, match="redirects too often"):
        session.get(app.url)


def test_the_body_of_a_redirect_is_bounded_even_when_the_answer_is_streamed(serve: Serve, session: Session) -> None:
    app = serve()
    app.answers = [(302, {"Location": "/"}, b"x" * 1001), OK]
    with pytest.raises(Unsupported, match="larger than the limit"):
        session.get(app.url, stream=True)


def test_other_statuses_come_back_as_they_are(serve: Serve, session: Session) -> None:
    app = serve()
    app.answers = [(404, {}, b"no"), (501, {}, b"")]
    assert session.get(app.url).status_code == 404
    assert session.get(app.url).status_code == 501


def test_a_streamed_body_is_left_to_the_caller(serve: Serve, session: Session) -> None:
    app = serve()
    app.answers = [(200, {}, b"x" * 5000)]
    with session.get(app.url, stream=True) as response:
        assert sum(map(len, response.iter_content(512))) == 5000


def test_netrc_does_not_replace_a_given_token(
    serve: Serve, session: Session, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    app = serve()
    session.get(app.url, headers={"Authorization": "Bearer given"})
    assert app.seen[0][2]["Authorization"] == "Bearer given"


def test_untrusted_tls_is_transient_and_not_repeated(session: Session, waits: list[float]) -> None:
    with socket.socket() as plain:
        plain.bind(("127.0.0.1", 0))
        plain.listen()

        def answer() -> None:
            peer, _ = plain.accept()
            with peer:
                peer.recv(100)
                peer.sendall(b"not TLS at all, whatever this is\r\n")

        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(Transient, match="TLS"):
            session.get(f"https://127.0.0.1:{plain.getsockname()[1]}/")
    assert waits == []


@pytest.mark.parametrize(
    "url",
    [
        f"http://127.0.0.1:1/?token={MARK}",
        f"http://no-such-host.invalid/{MARK}?token={MARK}",
        f"http://somebody:{MARK}@127.0.0.1/",
        f"ftp://127.0.0.1/{MARK}",
        f"http://[broken/{MARK}",
        f"http://{'a' * 70}.invalid/{MARK}",
    ],
)
def test_errors_name_no_more_than_the_host(session: Session, url: str) -> None:
    with pytest.raises((ConnectorsError, ValueError)) as caught:
        session.get(url)
    if isinstance(caught.value, ConnectorsError):
        assert MARK not in "".join(traceback.format_exception(caught.value))
        assert caught.value.__context__ is None
