"""Results that wait for their reader: encrypted, for a day, behind a signed URL."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from connectors.api.errors import ApiError
from connectors.errors import NotFound
from connectors.runtime import Runtime
from connectors.store import uploads
from connectors.vault import Vault

PURPOSE = "findings url"


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a scan. `previews` are (detector, confidence, redacted preview) of each finding."""

    residency: str
    tenant: str
    id: UUID
    findings: Sequence[dict[str, Any]]
    errors: Sequence[dict[str, Any]] = ()
    previews: Sequence[tuple[str, str, str]] = ()


def sealed(vault: Vault, result: Result) -> bytes:
    """Encrypt a result for its row."""
    body = {"findings": list(result.findings), "errors": list(result.errors), "previews": list(result.previews)}
    return vault.seal(body, context=f"scan_result:{result.id}")


def keep(runtime: Runtime, result: Result) -> None:
    """Store a result for a day."""
    database = runtime.databases.of(result.residency)
    body, now = sealed(runtime.vault, result), runtime.now()
    database.run(
        lambda c: uploads.keep_result(
            c, database, residency=result.residency, tenant=result.tenant, which=result.id, body=body, now=now
        )
    )


def load(runtime: Runtime, *, residency: str, which: UUID) -> dict[str, Any]:
    """Return a stored result. Raises `NotFound`."""
    database, now = runtime.databases.of(residency), runtime.now()
    body = database.read(lambda c: uploads.result(c, residency=residency, which=which, now=now))
    found: dict[str, Any] = runtime.vault.open(body, context=f"scan_result:{which}")
    return found


def signed_url(vault: Vault, base: str, *, residency: str, which: UUID, until: datetime) -> str:
    """Return the URL under which a result can be read until then, without a key."""
    expires = int(until.timestamp())
    signature = vault.sign(PURPOSE, f"{residency}:{which}:{expires}".encode())
    query = urlencode({"residency": residency, "expires": expires, "signature": signature})
    return f"{base.rstrip('/')}/v3/findings/{which}?{query}"


def read_signed(runtime: Runtime, *, residency: str, which: UUID, expires: int, signature: str) -> dict[str, Any]:
    """Return the result that a signed URL names. Raises `ApiError` for a wrong or expired one."""
    message = f"{residency}:{which}:{expires}".encode()
    genuine = runtime.vault.verify(PURPOSE, message, signature)
    if not genuine or residency not in runtime.databases.residencies:
        raise ApiError(40400, "This is not a findings URL that we made.")
    if expires <= runtime.now().timestamp():
        raise ApiError(40400, "The findings URL has expired.")
    try:
        found = load(runtime, residency=residency, which=which)
    except NotFound as error:
        raise ApiError(40400, str(error)) from None
    return {"findings": found["findings"], "errors": found["errors"]}


def signature(secret: str, timestamp: int, body: bytes) -> str:
    """Sign a webhook body: hex HMAC-SHA256 of `<timestamp>:<body>`."""
    return hmac.new(secret.encode(), f"{timestamp}:".encode() + body, sha256).hexdigest()


def utc(moment: datetime) -> str:
    """Write a time as the format does."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
