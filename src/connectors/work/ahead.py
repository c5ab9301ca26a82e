"""Reading one item ahead, in a thread of its own: the next page comes over the network while the last is stored."""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from types import TracebackType
from typing import Final, Generic, TypeVar

T = TypeVar("T")

_END: Final = object()


class ReadAhead(Generic[T]):
    """Iterates over a generator, every step of it in one other thread, and never more than one step ahead.

    `begin` asks for the next item before it is wanted; what reading it raises is raised where it is taken. Leaving
    the `with` block waits for a step under way, so that nobody uses what the generator uses at the same time.
    """

    def __init__(self, items: Generator[T, None, None]) -> None:
        self._items = items
        self._context = copy_context()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="read-ahead")
        self._coming: Future[object] | None = None

    def __enter__(self) -> ReadAhead[T]:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._thread.shutdown()
        self._items.close()

    def __iter__(self) -> ReadAhead[T]:
        return self

    def __next__(self) -> T:
        self.begin()
        coming, self._coming = self._coming, None
        assert coming is not None  # noqa: S101 (`begin` made it)
        item = coming.result()
        if item is _END:
            raise StopIteration
        return item  # type: ignore[return-value]  # all that is not the end comes from the generator

    @property
    def begun(self) -> bool:
        """Tell whether the next item is being read already."""
        return self._coming is not None

    def begin(self) -> None:
        """Read the next item in the background, unless it is being read."""
        if self._coming is None:
            self._coming = self._thread.submit(self._context.run, self._step)

    def _step(self) -> object:
        return next(self._items, _END)
