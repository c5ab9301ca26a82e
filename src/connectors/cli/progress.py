"""Progress of syncs on a terminal; silent when piped."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Self

from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn
from rich.progress import Progress as Bars

from connectors.cli.terminal import console
from connectors.store.ledger import LIVE, Coverage


class Progress:
    """One bar per partition: how many of the listed parts are processed."""

    def __init__(self) -> None:
        self._bars = Bars(
            TextColumn("{task.fields[connection]}", style="bold"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[state]}", style="dim"),
            console=console(error=True),
        )
        self._tasks: dict[tuple[str, str], TaskID] = {}
        self._live = Live(self._bars, console=self._bars.console, refresh_per_second=8, transient=False)
        self._shown = self._bars.console.is_terminal

    def __enter__(self) -> Self:
        if self._shown:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown:
            self._live.stop()

    def show(self, lines: Sequence[Coverage], now: datetime) -> None:
        """Bring the bars up to date."""
        if not self._shown:
            return
        for line in lines:
            if line.partition == LIVE:
                continue
            key = (line.connection, line.partition)
            if key not in self._tasks:
                self._tasks[key] = self._bars.add_task(line.label, connection=line.connection, state="", total=0)
            counts = line.counts
            total = max(counts.listed, line.estimate or 0) if line.state == "reading" else counts.listed
            eta = line.eta(now)
            state = f"ready in {timedelta(seconds=round(eta))}" if eta else line.state
            self._bars.update(self._tasks[key], completed=counts.listed - counts.pending, total=total, state=state)
