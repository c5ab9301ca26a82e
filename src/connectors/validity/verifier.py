"""How one vendor is asked, and how its answer is read. Data and pure functions; nothing is sent here."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from connectors.model import Validity

VALUE = "{value}"
"""Stands in paths and headers for the token."""


@dataclass(frozen=True, slots=True)
class Says:
    """What a JSON answer must hold: at `path`, with dots between keys, one of `values`, or anything."""

    path: str
    values: tuple[Any, ...] = ()

    def holds(self, body: Any) -> bool:
        """Tell whether an answer says so."""
        for key in self.path.split("."):
            body = body.get(key) if isinstance(body, Mapping) else None
        return body in self.values if self.values else body is not None


@dataclass(frozen=True, slots=True)
class Verifier:
    """One vendor's identity endpoint. It reads; it must have no side effect but a line in the vendor's own log.

    `accepted` and `refused` are the statuses that prove a token live or dead; with `accepted_when` and
    `refused_when` only together with what the body says. Everything else proves nothing.
    """

    vendor: str
    """Its name in the configuration's `addresses` and in the evidence."""
    detectors: tuple[str, ...]
    address: str
    """Scheme, host and common path of the API; the configuration may name another."""
    path: str
    source: str
    """The vendor's page that documents the endpoint."""
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({"Authorization": "Bearer {value}"}))
    basic: str = ""
    """User name and password, instead of a header."""
    body: str = ""
    accepted: frozenset[int] = frozenset({200})
    accepted_when: Says | None = None
    refused: frozenset[int] = frozenset({401})
    refused_when: Says | None = None
    many_homes: bool = False
    """Tokens of other servers, regions or accounts look the same: without an `addresses` entry of the
    configuration, a refusal proves nothing."""
    version: int = 1
    """Grows when the way of asking or reading changes; kept as evidence."""

    def url(self, value: str, *, address: str = "") -> str:
        """Return the URL to ask."""
        return (address or self.address).rstrip("/") + self.path.replace(VALUE, quote(value, safe=":"))

    def sent(self, value: str) -> dict[str, str]:
        """Return the headers to send."""
        if self.basic:
            pair = self.basic.replace(VALUE, value).encode()
            return {"Authorization": "Basic " + base64.b64encode(pair).decode(), "Accept": "application/json"}
        headers = {name: text.replace(VALUE, value) for name, text in self.headers.items()}
        return {"Accept": "application/json", **headers, **({"Content-Type": "application/json"} if self.body else {})}

    def judge(self, status: int, body: Any, *, at_home: bool) -> tuple[Validity, str]:
        """Read an answer: what it proves, and the reason. `at_home` says that the configuration named the address."""
        if status in self.accepted and (self.accepted_when is None or self.accepted_when.holds(body)):
            return Validity.ACTIVE, "accepted"
        if status in self.refused and (self.refused_when is None or self.refused_when.holds(body)):
            if self.many_homes and not at_home:
                return Validity.UNVERIFIED, "refused_here"
            return Validity.EXPIRED, "refused"
        return Validity.UNVERIFIED, "unclear"
