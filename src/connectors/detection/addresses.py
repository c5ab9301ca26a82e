"""Street addresses."""

from __future__ import annotations

from collections.abc import Iterator

from connectors.model import Confidence


class StreetAddresses:
    id = "street_address"
    family = "address"

    def search(self, text: str) -> Iterator[tuple[int, int, Confidence]]:
        yield from ()
