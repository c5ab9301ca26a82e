"""Google's answers judged: errors by a table, lists by what they say they are. Pure.

The table rests on https://developers.google.com/workspace/drive/api/guides/handle-errors.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from connectors.errors import (
    AuthError,
    ConnectorsError,
    MissingScope,
    NotFound,
    RateLimited,
    Transient,
    Unsupported,
)
from connectors.model import JSON

_TOO_FAST = frozenset({"userRateLimitExceeded", "rateLimitExceeded", "dailyLimitExceeded", "RATE_LIMIT_EXCEEDED"})
_NO_SCOPE = frozenset({"insufficientPermissions", "insufficientScopes", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"})
_SET_UP = {
    "accessNotConfigured": "enable the Google Drive API in the project of the credentials",
    "SERVICE_DISABLED": "enable the Google Drive API in the project of the credentials",
    "domainPolicy": "allow Drive apps in the Google Admin console",
}


class Refused(Unsupported):
    """Google says no for a reason of its own (`exportSizeLimitExceeded`, `cannotDownloadFile`)."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"Google refuses: {reason}")
        self.reason = reason


def translate(status: int, reason: str, after: float | None) -> ConnectorsError:
    """Return the product's error for Google's status and reason; whatever else Google wrote is dropped."""
    if status == 429 or (status == 403 and reason in _TOO_FAST):
        return RateLimited(f"Google asks to slow down ({reason or status})", after=after)
    if status == 401:
        return AuthError("Google refuses the access token", hint="check the key and the domain-wide delegation")
    if status == 403 and reason in _SET_UP:
        return AuthError(f"Google refuses the project: {reason}", hint=_SET_UP[reason])
    if status == 403 and reason in _NO_SCOPE:
        return MissingScope("the token has not the scope for this", hint="see the scopes in docs/apps/gdrive.md")
    if status == 403 and reason:
        return Refused(reason)
    if status == 403:
        return MissingScope("Google forbids this")
    if status in (404, 410):
        return NotFound("Google does not know this any more")
    if status >= 500:
        return Transient(f"Google answers {status}")
    return Refused(reason or f"HTTP {status}")


def reason_of(body: bytes) -> str:
    """Return the machine-readable reason of an error answer, or '' when there is none in Google's manner."""
    try:
        error = json.loads(body)["error"]
        said = [detail["reason"] for detail in error.get("details", ()) if "reason" in detail]
        reason = str(said[0] if said else error["errors"][0]["reason"])
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        return ""
    return reason if re.fullmatch("[A-Za-z_]{1,60}", reason) else ""


def seconds_of(text: str) -> float | None:
    return float(text) if text.isdigit() else None


def expect(page: Any, kind: str) -> Mapping[str, JSON]:
    """Refuse a list answer that does not say what it is: read as empty, it would delete everything known."""
    if not isinstance(page, Mapping) or page.get("kind") != kind:
        raise Transient("Google's answer is not the list that was asked for")
    return page


def items_of(page: Mapping[str, JSON], key: str) -> list[JSON]:
    """Return a list's items; Google leaves an empty one out."""
    items = page.get(key, [])
    if not isinstance(items, list):
        raise Transient("Google's answer holds no list where one belongs")
    return items


def part_of(answer: Any, key: str, kind: type) -> Any:
    value = answer.get(key) if isinstance(answer, Mapping) else None
    if not isinstance(value, kind):
        raise Transient("Google's answer lacks what was asked for")
    return value
