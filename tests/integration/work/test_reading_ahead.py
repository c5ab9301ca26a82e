"""Reading one page ahead: never further, in order, and never by two threads at once."""

from __future__ import annotations

import threading
from collections.abc import Generator

import pytest

from connectors.work.ahead import ReadAhead


class Asked:
    """A source that tells what was taken from it, and by which threads."""

    def __init__(self, *, fails_at: int = 99) -> None:
        self.fails_at = fails_at
        self.steps: list[int] = []
        self.threads: set[int] = set()
        self.closed = False

    def items(self, count: int = 3) -> Generator[int, None, None]:
        try:
            for number in range(count):
                self.threads.add(threading.get_ident())
                self.steps.append(number)
                if number == self.fails_at:
                    raise LookupError
                yield number
        finally:
            self.closed = True


def test_everything_comes_in_order_from_one_other_thread() -> None:
    asked = Asked()
    got = []
    with ReadAhead(asked.items()) as ahead:
        for item in ahead:
            ahead.begin()
            got.append(item)
    assert got == asked.steps == [0, 1, 2]
    assert len(asked.threads) == 1
    assert threading.get_ident() not in asked.threads


def test_nothing_is_read_that_nobody_asked_for() -> None:
    asked = Asked()
    with ReadAhead(asked.items()) as ahead:
        assert next(ahead) == 0
        assert not ahead.begun
    assert asked.steps == [0]
    assert asked.closed


def test_one_step_ahead_is_as_far_as_it_goes() -> None:
    asked = Asked()
    with ReadAhead(asked.items()) as ahead:
        next(ahead)
        for _ in range(5):
            ahead.begin()
        assert ahead.begun
    assert asked.steps == [0, 1]


def test_what_fails_ahead_is_raised_where_it_is_taken() -> None:
    asked = Asked(fails_at=1)
    with ReadAhead(asked.items()) as ahead:
        assert next(ahead) == 0
        ahead.begin()
        with pytest.raises(LookupError):
            next(ahead)


def test_leaving_waits_for_the_step_under_way() -> None:
    going, ended = threading.Event(), threading.Event()

    def slow() -> Generator[int, None, None]:
        yield 0
        going.set()
        threading.Event().wait(0.05)
        ended.set()
        yield 1

    def left() -> None:
        with ReadAhead(slow()) as ahead:
            next(ahead)
            ahead.begin()
            going.wait(5)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        left()
    assert ended.is_set()
