"""Asking vendors within bounds: per batch, per vendor, and each token once in a while."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from requests import Response

from connectors.errors import ConnectorsError, RateLimited
from connectors.model import JSON, Validity
from connectors.net import Limits, Session
from connectors.pipeline import Answer, Question
from connectors.validity.vendors import verifiers_by_detector
from connectors.validity.verifier import Verifier

LIMITS = Limits(connect=3.0, read=5.0, total=8.0, attempts=1, max_bytes=4 * 2**20)
"""Bounds of one question. It is asked once: what a vendor does not answer now stays unverified."""

HOLDS: Mapping[Validity, timedelta] = {
    Validity.ACTIVE: timedelta(hours=6),
    Validity.EXPIRED: timedelta(hours=24),
    Validity.UNVERIFIED: timedelta(minutes=10),
}
"""How long an answer stands for the same token before its vendor is asked again."""

MOST_KEPT = 10_000
PAUSE = 60.0
"""Seconds without questions after a vendor said "too fast" without saying how long."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the check may cost: seconds for all questions of one batch, questions a minute to one vendor."""

    seconds: float = 10.0
    per_minute: int = 30


class Checker:
    """Answers whether tokens are live. Safe to use from any thread; keeps answers, never values.

    `sessions` makes the session for one batch, with `LIMITS` and the guard. `addresses` names other servers by
    vendor.
    """

    def __init__(
        self,
        detectors: Collection[str],
        *,
        sessions: Callable[[], Session],
        now: Callable[[], datetime],
        addresses: Mapping[str, str] | None = None,
        bounds: Bounds | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        known = verifiers_by_detector()
        self._verifiers = {detector: known[detector] for detector in detectors if detector in known}
        self._sessions = sessions
        self._now = now
        self._addresses = addresses or {}
        self._bounds = bounds or Bounds()
        self._clock = clock
        self._kept: dict[tuple[str, str], Answer] = {}
        self._asked: dict[str, deque[float]] = {}
        self._quiet: dict[str, float] = {}
        self._lock = threading.Lock()

    def covers(self, detector: str) -> bool:
        """Tell whether the vendor is asked about what this detector finds."""
        return detector in self._verifiers

    def ask(self, questions: Sequence[Question]) -> list[Answer]:
        """Answer each question, from what is known or by its vendor, until the batch's time is over."""
        deadline = self._clock() + self._bounds.seconds
        with self._sessions() as session:
            return [self._answer(session, each, deadline) for each in questions]

    def _answer(self, session: Session, question: Question, deadline: float) -> Answer:
        verifier = self._verifiers[question.detector]
        key = (verifier.vendor, question.fingerprint)
        with self._lock:
            kept = self._kept.get(key)
        if kept is not None and self._now() - kept.at < HOLDS[kept.state]:
            return kept
        refusal = "no_time" if self._clock() >= deadline else self._admit(verifier.vendor)
        if refusal:
            return self._said(verifier, Validity.UNVERIFIED, refusal)
        answer = self._question(session, verifier, question.value)
        self._keep(key, answer)
        return answer

    def _admit(self, vendor: str) -> str:
        """Take one of the vendor's questions of this minute; return why there is none, empty when there is."""
        now = self._clock()
        with self._lock:
            if self._quiet.get(vendor, 0.0) > now:
                return RateLimited.code
            asked = self._asked.setdefault(vendor, deque())
            while asked and asked[0] <= now - 60:
                asked.popleft()
            if len(asked) >= self._bounds.per_minute:
                return "vendor_budget"
            asked.append(now)
            return ""

    def _question(self, session: Session, verifier: Verifier, value: str) -> Answer:
        # Errors about headers quote them: a value that cannot be one is not sent at all.
        if not (value.isascii() and value.isprintable()) or value != value.strip():
            return self._said(verifier, Validity.UNVERIFIED, "not_a_token")
        address = self._addresses.get(verifier.vendor, "")
        session.cookies.clear()  # a vendor must not know this token by the last one's cookie
        try:
            response = session.request(
                verifier.method,
                verifier.url(value, address=address),
                headers=verifier.sent(value),
                data=verifier.body or None,
                allow_redirects=False,  # a redirect would carry the token to where nobody meant it to go
            )
        except ConnectorsError as error:
            if isinstance(error, RateLimited):
                self._quieten(verifier.vendor, PAUSE if error.after is None else error.after)
            return self._said(verifier, Validity.UNVERIFIED, error.code)
        state, reason = verifier.judge(response.status_code, _body(response), at_home=bool(address))
        return self._said(verifier, state, reason, status=response.status_code)

    def _said(self, verifier: Verifier, state: Validity, reason: str, *, status: int | None = None) -> Answer:
        host = urlsplit(self._addresses.get(verifier.vendor, "") or verifier.address).hostname or ""
        evidence: dict[str, JSON] = {
            "vendor": verifier.vendor,
            "verifier": verifier.version,
            "host": host,
            "endpoint": f"{verifier.method} {verifier.path.partition('?')[0]}",
            "reason": reason,
        }
        return Answer(state, self._now(), evidence if status is None else {**evidence, "status": status})

    def _quieten(self, vendor: str, seconds: float) -> None:
        with self._lock:
            self._quiet[vendor] = self._clock() + seconds

    def _keep(self, key: tuple[str, str], answer: Answer) -> None:
        with self._lock:
            self._kept.pop(key, None)
            self._kept[key] = answer
            while len(self._kept) > MOST_KEPT:
                del self._kept[next(iter(self._kept))]


def _body(response: Response) -> Any:
    """Return the JSON of an answer; None when it is none."""
    try:
        return json.loads(response.content)
    except (ValueError, RecursionError):
        return None
