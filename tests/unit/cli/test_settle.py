"""What start-up made is not looked at again by the garbage collector."""

from __future__ import annotations

import gc
import weakref

from connectors.cli.run import settle


class Thing:
    """Something in a cycle."""

    def __init__(self) -> None:
        self.itself = self


def test_what_is_there_is_frozen_and_what_is_gone_is_not_kept() -> None:
    things = [Thing(), Thing()]
    seen = weakref.ref(things[0])
    try:
        settle()
        assert gc.get_freeze_count() > 1_000
        things.pop(0)
        assert seen() is not None
        settle()
        assert seen() is None
    finally:
        gc.unfreeze()
