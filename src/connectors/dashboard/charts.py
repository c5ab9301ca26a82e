"""Charts as numbers: the templates draw them as SVG, every bar a link that filters. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

WIDTH = 720
HEIGHT = 150


@dataclass(frozen=True)
class Block:
    """One rectangle of a chart. `kind` is its CSS class."""

    x: float
    y: float
    width: float
    height: float
    kind: str


@dataclass(frozen=True)
class Bar:
    """One day of a chart, made of blocks; all of it is one link."""

    x: float
    width: float
    label: str
    href: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Chart:
    """A stacked bar chart over days."""

    title: str
    bars: tuple[Bar, ...]
    ticks: tuple[tuple[float, str], ...]
    """Marks of the height axis: (y, what it says)."""
    days: tuple[tuple[float, str], ...]
    """Marks of the day axis: (x, what it says)."""
    width: int = WIDTH
    height: int = HEIGHT


def days(today: date, count: int) -> list[str]:
    """Return `count` ISO dates that end today."""
    return [(today - timedelta(days=back)).isoformat() for back in range(count - 1, -1, -1)]


def nice(value: int) -> int:
    """Return a round number that is not below `value`."""
    size = 1
    while True:
        for step in (1, 2, 5):
            if step * size >= value:
                return step * size
        size *= 10


def stacked(
    title: str,
    axis: Sequence[str],
    series: Sequence[tuple[str, str, Mapping[str, int]]],
    hrefs: Mapping[str, str],
) -> Chart:
    """Return a chart of series of (CSS class, name, number by day), the first at the bottom."""
    top = nice(max([1, *(sum(numbers.get(day, 0) for _, _, numbers in series) for day in axis)]))
    pitch = WIDTH / len(axis)
    bars = []
    for place, day in enumerate(axis):
        y, blocks, said = float(HEIGHT), [], []
        for kind, name, numbers in series:
            count = numbers.get(day, 0)
            if count:
                height = count / top * HEIGHT
                y -= height
                blocks.append(
                    Block(round(place * pitch + 1, 1), round(y, 1), round(pitch - 2, 1), round(height, 1), kind)
                )
                said.append(f"{count} {name}")
        label = f"{day}: {', '.join(said) or 'none'}"
        bars.append(Bar(round(place * pitch, 1), round(pitch, 1), label, hrefs.get(day, ""), tuple(blocks)))
    every = max(1, len(axis) // 6)
    marks = tuple((round((place + 0.5) * pitch, 1), day[5:]) for place, day in enumerate(axis) if place % every == 0)
    return Chart(title, tuple(bars), ((0.0, str(top)), (HEIGHT / 2, str(top / 2).removesuffix(".0"))), marks)


@dataclass(frozen=True)
class Rank:
    """One line of a ranking: a name, a number, and how long its bar is (0 to 100)."""

    name: str
    count: int
    share: float
    href: str
    kind: str = ""
    spark: tuple[Block, ...] = ()
    """The same over the days, drawn small."""


def ranking(
    counted: Iterable[tuple[str, int, str, str]],
    *,
    over_time: Mapping[str, Mapping[str, int]] | None = None,
    axis: Sequence[str] = (),
) -> list[Rank]:
    """Return a ranking of (name, count, address, CSS class), with a small chart where days are given."""
    rows = list(counted)
    most = max((count for _, count, _, _ in rows), default=1) or 1
    over_time = over_time or {}
    return [
        Rank(name, count, round(count / most * 100, 1), href, kind, spark(over_time.get(name, {}), axis))
        for name, count, href, kind in rows
    ]


def spark(numbers: Mapping[str, int], axis: Sequence[str]) -> tuple[Block, ...]:
    """Return a tiny bar chart, 60 wide and 16 high."""
    most = max(numbers.values(), default=0)
    if not most or not axis:
        return ()
    pitch = 60 / len(axis)
    return tuple(
        Block(round(i * pitch, 2), round(16 - numbers[day] / most * 16, 2), round(pitch * 0.8, 2),
              round(numbers[day] / most * 16, 2), "spark")
        for i, day in enumerate(axis) if numbers.get(day)
    )  # fmt: skip


def summed(rows: Iterable[tuple[str, str, int]]) -> dict[str, dict[str, int]]:
    """Sum (name, day, number) by name and day."""
    found: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for name, day, count in rows:
        found[name][day] += count
    return {name: dict(numbers) for name, numbers in found.items()}
