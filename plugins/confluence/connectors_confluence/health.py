"""What `connectors check` says about a Confluence connection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime

from connectors.errors import AuthError, ConnectorsError
from connectors.model import Check, Level
from connectors_confluence.client import Confluence
from connectors_confluence.config import ConfluenceConfig
from connectors_confluence.shapes import text

SOON = 30
"""Days before the end of a token from which on it is mentioned."""


def check(confluence: Confluence, config: ConfluenceConfig, now: datetime) -> Iterator[Check]:
    """Yield every check; what cannot be asked is a failed check, never an exception."""
    try:
        me = confluence.myself()
    except ConnectorsError as error:
        yield failed("credentials", error)
        return
    if text(me.get("type")) == "anonymous":
        yield Check("credentials", Level.FAILED, "Confluence takes us for nobody", "correct email and token")
        return
    yield Check("credentials", Level.OK, "signed in")
    for name, question in (("spaces", _spaces), ("search", _search)):
        try:
            yield from question(confluence, config)
        except ConnectorsError as error:
            yield failed(name, error)
    yield webhook(config)
    yield from expiry(config, now.date())
    yield headroom(confluence.limits)


def failed(name: str, error: ConnectorsError) -> Check:
    """Return the failed check of an error."""
    hint = error.hint or ("make a new token" if isinstance(error, AuthError) else "try again later")
    return Check(name, Level.FAILED, str(error.args[0]), hint)


def _spaces(confluence: Confluence, config: ConfluenceConfig) -> Iterator[Check]:
    seen = {text(space.get("key")) for space in confluence.spaces()}
    missing = sorted(set(config.spaces) - seen)
    if missing:
        yield Check("spaces", Level.FAILED, f"not visible: {', '.join(missing)}", "let the account view them")
    wanted = [key for key in seen if config.wants(key)]
    if not wanted:
        yield Check("spaces", Level.FAILED, "no space to read", "let the account view spaces")
    elif not missing:
        yield Check("spaces", Level.OK, f"{len(wanted)} of {len(seen)} visible spaces are read")


def _search(confluence: Confluence, _config: ConfluenceConfig) -> Iterator[Check]:
    """Ask CQL once: changes are found by it, and its scope is one of its own."""
    confluence.search('type = page and lastmodified >= now("-1m")', limit=1)
    yield Check("search", Level.OK, "changes can be asked for")


def webhook(config: ConfluenceConfig) -> Check:
    """Say how changes are seen."""
    if config.webhook_secret:
        return Check("webhook", Level.OK, "deliveries are verified")
    if config.is_cloud:
        return Check("webhook", Level.OK, "Confluence Cloud offers no webhooks here: changes are read by the schedule")
    return Check(
        "webhook", Level.WARNING, "no webhook_secret: changes are seen by the schedule only", "set webhook_secret"
    )


def expiry(config: ConfluenceConfig, today: date) -> Iterator[Check]:
    """Say when the token ends: API tokens live for a year at most, and Confluence does not tell when they end."""
    if config.oauth is not None:
        return
    if config.token_expires is None:
        yield Check("token", Level.OK, "the day the token ends is not known", "set token_expires to be warned before")
        return
    left = (config.token_expires - today).days
    if left < 0:
        yield Check("token", Level.FAILED, "the token has ended", "make a new one")
    elif left <= SOON:
        yield Check("token", Level.WARNING, f"the token ends in {left} days", "make a new one")
    else:
        yield Check("token", Level.OK, f"the token lives for {left} more days")


def headroom(limits: Mapping[str, str]) -> Check:
    """Say how much of the rate limit is left, from the headers of the last answer."""
    remaining, limit = limits.get("x-ratelimit-remaining", ""), limits.get("x-ratelimit-limit", "")
    if limits.get("x-ratelimit-nearlimit", "").lower() == "true":
        return Check("rate limit", Level.WARNING, "less than a fifth of the limit is left", "read less often")
    if remaining.isdigit() and limit.isdigit():
        return Check("rate limit", Level.OK, f"{remaining} of {limit} left")
    return Check("rate limit", Level.OK, "the app shows no limit")
