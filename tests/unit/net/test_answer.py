"""Answers are the same however they arrive, and no larger than they may be."""

from __future__ import annotations

from http.client import HTTPException
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.net.answer import Answer, TooLarge

PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-One: a\r\nx-one: b\r\n\r\nhello"
CHUNKED = (
    b"HTTP/1.1 201 Made\r\nTransfer-Encoding: chunked\r\n\r\n2;note=1\r\nhe\r\n3\r\nllo\r\n0\r\nX-Trailer: no\r\n\r\n"
)
INTERIM = b"HTTP/1.1 100 Continue\r\nX-Early: no\r\n\r\n" + PLAIN
UNTIL_THE_END = b"HTTP/1.0 200 OK\r\n\r\nhello"
EMPTY = b"HTTP/1.1 204 No Content\r\n\r\n"


class Channel:
    """A socket that has these pieces to give, and then the end."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = list(pieces)

    def gettimeout(self) -> float:
        return 5.0

    def settimeout(self, _: float) -> None: ...

    def recv(self, _: int) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""


def read(*pieces: bytes, method: str = "GET", max_bytes: int = 1000) -> Answer:
    answer = Answer(Channel(*pieces), method=method, total=5, max_bytes=max_bytes)  # type: ignore[arg-type]  # as one
    answer.begin()
    return answer


@pytest.mark.parametrize(
    ("sent", "status", "body", "kept"),
    [
        (PLAIN, 200, b"hello", True),
        (CHUNKED, 201, b"hello", True),
        (INTERIM, 200, b"hello", True),
        (UNTIL_THE_END, 200, b"hello", False),
        (EMPTY, 204, b"", True),
        (PLAIN.replace(b"X-One: a", b"Connection: close"), 200, b"hello", False),
        (PLAIN + PLAIN, 200, b"hello", False),  # the second was not asked for
    ],
)
def test_answers_of_every_form_are_read_in_one_piece_and_byte_by_byte(
    sent: bytes, status: int, body: bytes, kept: bool
) -> None:
    whole = read(sent)
    assert (whole.status, whole.content, not whole.will_close) == (status, body, kept)
    assert "no" not in [value for _, value in whole.headers]
    slow = read(*(sent[at : at + 1] for at in range(len(sent))))
    assert (slow.status, slow.reason, slow.headers, slow.content) == (status, whole.reason, whole.headers, body)


def test_the_answer_to_head_has_no_body() -> None:
    assert read(PLAIN[:-5], method="HEAD").content == b""


@pytest.mark.parametrize(
    "sent", [PLAIN[:-1], PLAIN[:20], CHUNKED[:-30], b"", b"SSH-2.0-door\r\n", b"\x16\x03\x01\x02\x00"]
)
def test_what_is_cut_off_or_no_http_is_no_answer(sent: bytes) -> None:
    with pytest.raises(HTTPException) as raised:
        read(sent)
    assert raised.value.__cause__ is None


@pytest.mark.parametrize(
    "sent",
    [
        [b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n"],
        [b"HTTP/1.0 200 OK\r\n\r\n", *[b"x" * 100] * 11],
        [b"HTTP/1.1 200 OK\r\n", *[b"X-More: " + b"y" * 1000 + b"\r\n"] * 100],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", *[b"z" * 1000] * 200],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", *[b"X-T: " + b"z" * 1000 + b"\r\n"] * 200],
        [b"HTTP/1.1 100 Continue\r\n\r\n"] * 3000,
    ],
)
def test_nothing_goes_on_for_ever(sent: list[bytes]) -> None:
    with pytest.raises(TooLarge):
        read(*sent)


@given(st.lists(st.binary(max_size=40), max_size=6), st.integers(0, 60))
def test_no_bytes_raise_anything_else(pieces: list[bytes], kept: int) -> None:
    try:
        answer: Any = read(PLAIN[:kept], *pieces, max_bytes=100)
    except (HTTPException, TooLarge):
        return
    assert len(answer.content) <= 100
