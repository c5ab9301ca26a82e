"""What an HTTP answer of a destination means for the host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import requests

from connectors.errors import AuthError, ConnectorsError, Transient, Unsupported

_REPAIR: Final = "correct this destination's configuration"

_TABLE: Final[Mapping[int, tuple[type[ConnectorsError], str]]] = {
    401: (AuthError, "does not accept the credentials"),
    403: (AuthError, "does not allow it"),
    404: (AuthError, "does not know this address"),
    405: (AuthError, "does not take alerts at this address"),
    408: (Transient, "did not wait for the alert"),
    410: (AuthError, "has closed this address"),
    425: (Transient, "is not ready yet"),
}


def settle(response: requests.Response, *, hint: str = "") -> None:
    """Return for a 2xx; else raise what the status means. The message holds host and status, never a body.

    429 and 5xx are raised by the session before.
    """
    status = response.status_code
    if response.ok and not response.is_redirect:
        return
    host = urlsplit(response.url).hostname
    if status in _TABLE:
        error, text = _TABLE[status]
        raise error(f"{host} {text} ({status})", hint=hint or (_REPAIR if error is AuthError else ""))
    if status < requests.codes.bad_request:
        raise AuthError(f"{host} redirects to another address ({status})", hint="configure the final URL")
    if status >= requests.codes.server_error:
        raise Transient(f"{host} answered {status}")
    raise Unsupported(f"{host} did not take the alert ({status})", hint=hint)
