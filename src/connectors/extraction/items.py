"""What readers yield, and the meter that holds one file to its budget."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from connectors.extraction.extractor import Budget, Text
from connectors.model import Gap, UnitFailure


@dataclass(frozen=True, slots=True)
class Inner:
    """A file found inside a file, to be read in its turn. `cut` says that only its beginning was unpacked."""

    path: str
    data: bytes = field(repr=False)
    name: str = ""
    media_type: str = ""
    cut: bool = False


Item = Text | UnitFailure | Inner
Reader = Callable[[bytes, "Meter"], Iterator[Item]]


class OverBudget(Exception):
    """A budget ran out. `ends_file` says whether reading on could help: one bloated member does not end it."""

    def __init__(self, budget: str, limit: float, *, ends_file: bool = True) -> None:
        super().__init__(f"over the budget of {limit:.15g} for {budget}")
        self.ends_file = ends_file


class Meter:
    """Counts what one file has cost, nested files included, and raises `OverBudget` at the limit."""

    def __init__(self, budget: Budget, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.budget = budget
        self._clock = clock
        self._until = clock() + budget.seconds
        self._unpacked = 0
        self._members = 0
        self._pages = 0
        self._ocr = 0
        self._text = 0

    def tick(self) -> None:
        """Raise when the time is up. Readers call it in their loops."""
        if self._clock() > self._until:
            raise OverBudget("seconds", self.budget.seconds)

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return max(self._until - self._clock(), 0.0)

    @property
    def room(self) -> int:
        """Bytes that may still be unpacked."""
        return self.budget.bytes_out - self._unpacked

    def unpack(self, size: int) -> None:
        """Charge `size` unpacked bytes."""
        self._unpacked += size
        self.tick()
        if self._unpacked > self.budget.bytes_out:
            raise OverBudget("bytes_out", self.budget.bytes_out)

    def member(self) -> None:
        """Charge one member of an archive, one part of a mail, one attachment."""
        self._members += 1
        self.tick()
        if self._members > self.budget.members:
            raise OverBudget("members", self.budget.members)

    def page(self) -> None:
        """Charge one page."""
        self._pages += 1
        self.tick()
        if self._pages > self.budget.pages:
            raise OverBudget("pages", self.budget.pages)

    def ocr_page(self) -> bool:
        """Charge one page of OCR; False when none is left."""
        self._ocr += 1
        self.tick()
        return self._ocr <= self.budget.ocr_pages

    def cut(self, text: str) -> str:
        """Charge the characters of `text` and return as much of it as the budget allows."""
        room = max(self.budget.text - self._text, 0)
        self._text += min(len(text), room + 1)
        return text[:room]

    @property
    def full(self) -> bool:
        """Whether more text was offered than the budget allows."""
        return self._text > self.budget.text


def gap(path: str, reason: Gap, detail: str = "") -> UnitFailure:
    """Build the failure of one inner part."""
    return UnitFailure(path, reason, detail)


def over(path: str, budget: str, limit: float) -> UnitFailure:
    """Build the failure that names the budget which ended a part."""
    return UnitFailure(path, Gap.BUDGET, str(OverBudget(budget, limit)))
