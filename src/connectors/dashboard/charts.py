"""Charts as numbers: the templates draw them as SVG, every bar a link that filters. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
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

    @property
    def path(self) -> str:
        """Return it as the `d` of an SVG path: one value to escape instead of four."""
        return f"M{self.x:g} {self.y:g}h{self.width:g}v{self.height:g}h-{self.width:g}z"


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
    """A bar chart over days."""

    title: str
    bars: tuple[Bar, ...]
    ticks: tuple[tuple[float, str], ...]
    """Marks of the height axis: (y, what it says)."""
    days: tuple[tuple[float, str], ...]
    """Marks of the day axis: (x, what it says)."""
    width: int = WIDTH
    height: int = HEIGHT

    @property
    def empty(self) -> bool:
        """Tell whether there is nothing to draw."""
        return not any(bar.blocks for bar in self.bars)


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


Series = Sequence[tuple[str, str, Mapping[str, int]]]
"""(CSS class, name, number by day)."""


def stacked(title: str, axis: Sequence[str], series: Series, hrefs: Mapping[str, str]) -> Chart:
    """Return a chart whose bars add the series up, the first at the bottom."""
    top = nice(max([1, *(sum(numbers.get(day, 0) for _, _, numbers in series) for day in axis)]))
    pitch = WIDTH / len(axis)

    def blocks(place: int, day: str) -> list[Block]:
        y, made = float(HEIGHT), []
        for kind, _, numbers in series:
            if count := numbers.get(day, 0):
                height = count / top * HEIGHT
                y -= height
                made.append(_block(place * pitch + 1, y, pitch - 2, height, kind))
        return made

    return _chart(title, axis, series, hrefs, top, blocks)


def grouped(title: str, axis: Sequence[str], series: Series, hrefs: Mapping[str, str]) -> Chart:
    """Return a chart with a bar for each series, beside one another."""
    top = nice(max([1, *(numbers.get(day, 0) for _, _, numbers in series for day in axis)]))
    pitch = WIDTH / len(axis)
    width = (pitch - 2) / len(series)

    def blocks(place: int, day: str) -> list[Block]:
        made = []
        for which, (kind, _, numbers) in enumerate(series):
            if count := numbers.get(day, 0):
                height = count / top * HEIGHT
                made.append(_block(place * pitch + 1 + which * width, HEIGHT - height, width, height, kind))
        return made

    return _chart(title, axis, series, hrefs, top, blocks)


def _block(x: float, y: float, width: float, height: float, kind: str) -> Block:
    return Block(round(x, 1), round(y, 1), round(width, 1), round(height, 1), kind)


def _chart(
    title: str, axis: Sequence[str], series: Series, hrefs: Mapping[str, str], top: int,
    blocks: Callable[[int, str], list[Block]],
) -> Chart:  # fmt: skip
    pitch = WIDTH / len(axis)
    bars = []
    for place, day in enumerate(axis):
        said = [f"{numbers[day]} {name}" for _, name, numbers in series if numbers.get(day)]
        label = f"{day}: {', '.join(said) or 'none'}"
        href = hrefs.get(day, "")
        bars.append(Bar(round(place * pitch, 1), round(pitch, 1), label, href, tuple(blocks(place, day))))
    every = max(1, len(axis) // 6)
    marks = tuple((round((place + 0.5) * pitch, 1), day[5:]) for place, day in enumerate(axis) if place % every == 0)
    ticks = [(0.0, f"{top:,}".replace(",", "\u202f")), (float(HEIGHT), "0")]
    if top % 2 == 0:
        ticks.insert(1, (HEIGHT / 2, f"{top // 2:,}".replace(",", "\u202f")))
    return Chart(title, tuple(bars), tuple(ticks), marks)


@dataclass(frozen=True)
class Rank:
    """One line of a ranking: a name, a number, and how long its bar is (0 to 100)."""

    name: str
    count: int
    share: float
    href: str
    kind: str = ""
    spark: str = ""
    """The same over the days, drawn small: the `d` of an SVG path."""


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


def spark(numbers: Mapping[str, int], axis: Sequence[str]) -> str:
    """Return a tiny bar chart, 60 wide and 16 high, as the `d` of an SVG path."""
    most = max(numbers.values(), default=0)
    if not most or not axis:
        return ""
    pitch = 60 / len(axis)
    bar = max(pitch * 0.6, 1)
    return "".join(
        f"M{i * pitch:.4g} 16v-{numbers[day] / most * 16:.3g}h{bar:.3g}V16z"
        for i, day in enumerate(axis) if numbers.get(day)
    )  # fmt: skip


def summed(rows: Iterable[tuple[str, str, int]]) -> dict[str, dict[str, int]]:
    """Sum (name, day, number) by name and day."""
    found: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for name, day, count in rows:
        found[name][day] += count
    return {name: dict(numbers) for name, numbers in found.items()}
