"""A `requests` session that always times out, retries with bounds, and waits as the app asks."""

from __future__ import annotations

import math
import random
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPException, InvalidURL
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from requests import exceptions as faults
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    MaxRetryError,
    NewConnectionError,
    ReadTimeoutError,
)

from connectors.errors import ConnectorsError, RateLimited, Transient, Unsupported
from connectors.net.adapter import Adapter
from connectors.net.answer import TooLarge, TooSlow
from connectors.net.guard import Guard

Spend = Callable[[str, int], None]
"""Called before every request with (bucket, cost); waits for the budget, or raises `RateLimited`."""

Throttled = Callable[[str, float], None]
"""Called with (bucket, seconds) when the app asks to wait."""

_IDEMPOTENT: Final = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
_RETRIED: Final = frozenset({502, 503, 504})
_LONGEST_ASK: Final = 86_400.0
_HOSTS_KEPT: Final = 100


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of one session, in seconds and bytes."""

    connect: float = 5.0
    read: float = 30.0
    """The longest silence while an answer is read."""
    total: float = 120.0
    """The longest time for one whole answer; a streamed one is the caller's to bound."""
    attempts: int = 3
    longest_wait: float = 5.0
    """An app that asks to wait longer than this raises `RateLimited` instead of keeping a worker."""
    max_bytes: int = 64 * 1024 * 1024
    redirects: int = 5


def connect(
    *,
    bucket: str = "default",
    budget: Spend | None = None,
    throttled: Throttled | None = None,
    guard: Guard | None = None,
    limits: Limits | None = None,
    proxies: Mapping[str, str] | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Session:
    """Make a session for calls to an app or a destination.

    With a `guard`, the environment's proxies are not used: through a proxy the address that is reached cannot
    be pinned. `proxies` given here are used in spite of that, and the target's name is judged beforehand.
    """
    session = Session(bucket, budget=budget, throttled=throttled, guard=guard, limits=limits, sleep=sleep)
    session.proxies.update(proxies or {})
    return session


class Session(requests.Session):
    """Raises `RateLimited`, `Transient` or `AddressRefused` where requests would raise or return a 5xx.

    Other statuses come back as responses. No message holds more of a URL than its host.
    """

    def __init__(
        self,
        bucket: str = "default",
        *,
        budget: Spend | None = None,
        throttled: Throttled | None = None,
        guard: Guard | None = None,
        limits: Limits | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__()
        self.bucket = bucket
        self.limits = limits or Limits()
        self.guard = guard
        self.trust_env = guard is None
        self.max_redirects = self.limits.redirects
        self.headers["User-Agent"] = "connectors"
        # A set `auth` keeps requests from reading ~/.netrc, which would replace an Authorization header.
        self.auth = _unchanged
        self._budget = budget
        self._throttled = throttled
        self._sleep = sleep
        self._environment: dict[tuple[str, str], Any] = {}
        for prefix in ("https://", "http://"):
            self.mount(prefix, Adapter(guard=guard, max_bytes=self.limits.max_bytes, total=self.limits.total))

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send one prepared request; called for every hop of a redirect as well."""
        kwargs["timeout"] = self._times(kwargs.get("timeout"))
        self._check(request, proxied=bool(self.proxies or kwargs.get("proxies")))
        for attempt in range(1, self.limits.attempts + 1):
            if self._budget is not None:
                self._budget(self.bucket, 1)
            outcome = self._try(request, kwargs)
            if isinstance(outcome, requests.Response):
                return outcome
            pause = self._pause(request, outcome, attempt)
            if pause is None:
                raise outcome.error
            self._sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    def merge_environment_settings(self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any) -> Any:
        """Read the environment's proxies and certificates once per host; requests would for every request.

        That took a third of a call's time.
        """
        scheme, netloc = urlsplit(str(url))[:2]
        if (scheme, netloc) not in self._environment:
            if len(self._environment) >= _HOSTS_KEPT:
                self._environment.clear()
            found = super().merge_environment_settings(url, {}, None, None, None)
            self._environment[scheme, netloc] = found
        known = self._environment[scheme, netloc]
        given = {"stream": stream, "verify": verify, "cert": cert}
        told = {name: value for name, value in given.items() if value is not None}
        return {**known, "proxies": {**known["proxies"], **(proxies or {})}, **told}

    def _times(self, asked: Any) -> Any:
        """Return how long connecting and silence may take, where the caller did not say or said one number for both."""
        if isinstance(asked, int | float) and asked:
            return (asked, asked)
        return asked or (self.limits.connect, self.limits.read)

    def _check(self, request: requests.PreparedRequest, *, proxied: bool) -> None:
        url = request.url or ""
        if self.guard is None:
            if "@" in urlsplit(url).netloc:
                raise Unsupported(f"the URL of {_host(request)} carries a user name or password")
        elif proxied:
            self.guard.verify(url)
        else:
            self.guard.check(url)

    def _try(self, request: requests.PreparedRequest, kwargs: dict[str, Any]) -> requests.Response | _Fault:
        # The library's exceptions hold URLs with their queries. They end here: what is raised later is raised
        # outside of the handler, so that it carries none of them as its context.
        try:
            response = super().send(request, **kwargs)
        except _TRANSLATED as error:
            return _translate(error, _host(request))
        fault = _judge(response)
        if fault is not None:
            response.close()
        return fault or response

    def _pause(self, request: requests.PreparedRequest, fault: _Fault, attempt: int) -> float | None:
        """Return how long to wait before the next attempt; None to give up."""
        asked = fault.error.after if isinstance(fault.error, RateLimited) else None
        if asked is not None and self._throttled is not None:
            self._throttled(self.bucket, asked)
        repeatable = request.body is None or isinstance(request.body, bytes | str)
        safe = fault.unprocessed or (fault.again and request.method in _IDEMPOTENT)
        if attempt >= self.limits.attempts or not (repeatable and safe):
            return None
        if isinstance(fault.error, RateLimited):
            return asked if asked is not None and asked <= self.limits.longest_wait else None
        return backoff(attempt, longest=self.limits.longest_wait)


@dataclass(frozen=True, slots=True)
class _Fault:
    """Why an attempt failed. `again`: worth another try. `unprocessed`: the server has done nothing yet."""

    error: ConnectorsError
    again: bool = False
    unprocessed: bool = False


def backoff(attempt: int, *, longest: float, draw: Callable[[], float] = random.random) -> float:
    """Return the pause after the `attempt`-th failure: doubling from half a second, with full jitter."""
    return min(longest, math.ldexp(0.5, attempt - 1)) * draw()


def retry_after(value: str | None, now: datetime) -> float | None:
    """Read a `Retry-After` header: seconds or an HTTP date. None for one that is absent or not understood.

    https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
    """
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            then = parsedate_to_datetime(value)
        except ValueError:
            return None
        then = then if then.tzinfo else then.replace(tzinfo=UTC)
        seconds = (then - now).total_seconds()
    return min(max(seconds, 0.0), _LONGEST_ASK) if not math.isnan(seconds) else None


def _judge(response: requests.Response) -> _Fault | None:
    host = _host(response.request)
    status = response.status_code
    after = retry_after(response.headers.get("Retry-After"), datetime.now(UTC))
    if status == requests.codes.too_many_requests:
        return _Fault(RateLimited(f"{host} asks to slow down", after=after), unprocessed=True)
    if status == requests.codes.service_unavailable and after is not None:
        return _Fault(RateLimited(f"{host} asks to come back later", after=after), again=True)
    if status >= requests.codes.server_error and status != requests.codes.not_implemented:
        return _Fault(Transient(f"{host} answered {status}"), again=status in _RETRIED)
    return None


_TRANSLATED: Final = (
    requests.RequestException,
    HTTPError,
    HTTPException,
    TooLarge,
    TooSlow,
    OSError,
    UnicodeError,
)


def _translate(error: Exception, host: str) -> _Fault:
    """Say what a network fault means, by the kind of exception; the first row that fits wins."""
    for kinds, fault, text, again in _FAULTS:
        if isinstance(error, kinds):
            return _Fault(fault(text.format(host=host)), again=again, unprocessed=again and _never_sent(error))
    return _Fault(Transient(f"the request to {host} failed with {type(error).__name__}"))


_FAULTS: Final[tuple[tuple[tuple[type[Exception], ...], type[ConnectorsError], str, bool], ...]] = (
    ((TooLarge,), Unsupported, "the answer of {host} is larger than the limit", False),
    ((TooSlow,), Transient, "the answer of {host} took too long", False),
    ((faults.SSLError, ssl.SSLError), Transient, "no trusted TLS connection to {host}: check its certificate", False),
    ((faults.ProxyError,), Transient, "the proxy did not connect to {host}", True),
    ((NewConnectionError,), Transient, "the connection to {host} failed", True),
    ((faults.ConnectTimeout, ConnectTimeoutError), Transient, "{host} does not answer", True),
    ((faults.Timeout, ReadTimeoutError, TimeoutError), Transient, "{host} did not answer in time", True),
    ((faults.TooManyRedirects,), Unsupported, "{host} redirects too often", False),
    (
        (faults.InvalidURL, faults.InvalidSchema, faults.MissingSchema, faults.InvalidHeader, InvalidURL, UnicodeError),
        Unsupported,
        "the request to {host} is not well-formed",
        False,
    ),
    (
        (faults.ConnectionError, faults.ChunkedEncodingError, HTTPError, HTTPException, OSError),
        Transient,
        "the connection to {host} failed",
        True,
    ),
)


def _never_sent(error: Exception) -> bool:
    if isinstance(error, NewConnectionError | ConnectTimeoutError):
        return True
    cause = error.args[0] if error.args else None
    reason = cause.reason if isinstance(cause, MaxRetryError) else cause
    return isinstance(reason, NewConnectionError | ConnectTimeoutError)


def _host(request: requests.PreparedRequest) -> str:
    try:
        return urlsplit(request.url or "").hostname or "the host"
    except ValueError:
        return "the host"


def _unchanged(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request
