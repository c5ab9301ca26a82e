"""`POST /v3/scan`: texts in, findings out."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from pydantic_core import from_json, to_json
from starlette.requests import Request
from starlette.responses import Response

from connectors.api import alerts, answers, rules
from connectors.api.errors import ApiError
from connectors.api.gate import exchange_of, read_body
from connectors.api.platform import Platform
from connectors.api.policies import validated
from connectors.api.rules import Detectors, Policy
from connectors.api.wire import PAYLOAD_BYTES, PAYLOAD_ITEMS, PolicyBody
from connectors.store.keys import Key

INLINE = 8 * 1024
"""Bytes that are scanned on the event loop: about a millisecond. More goes to a thread."""


async def scan(platform: Platform, request: Request) -> Response:
    """Answer one scan request."""
    exchange = exchange_of(request)
    authorization = request.headers.get("authorization", "")
    key = await platform.gate.enter(exchange, authorization, endpoint="scan", scope="scan")
    data = parsed(await read_body(request))
    policy, payload = await _asked(platform, key, data)
    size = measured(payload)
    exchange.items = len(payload)
    await platform.gate.spend(exchange, key, size)
    if size <= INLINE and not policy.own and platform.detectors.ready(policy):
        found, redacted = scanned(platform.detectors, policy, payload)
    else:
        found, redacted = await asyncio.to_thread(scanned, platform.detectors, policy, payload)
    exchange.findings = sum(map(len, found))
    if exchange.findings and policy.alerts is not None:
        await asyncio.to_thread(alerts.tell, platform.runtime, key, policy.alerts, found, exchange.id)
    body = to_json({"findings": found, "redactedPayload": redacted})
    return Response(body, media_type="application/json")


def scanned(
    detectors: Detectors, policy: Policy, payload: Sequence[str]
) -> tuple[list[list[dict[str, Any]]], list[str]]:
    """Scan every item of a payload; return findings and redacted text of each."""
    found: list[list[dict[str, Any]]] = []
    redacted: list[str] = []
    for text, matches in zip(payload, detectors.matches(policy, payload), strict=True):
        shown, changed = answers.findings(policy, text, rules.counted(policy, text, matches) if matches else [])
        found.append(shown)
        redacted.append(changed)
    return found, redacted


def parsed(body: bytes) -> Any:
    """Parse a JSON body. Raises `ApiError`."""
    try:
        return from_json(body, cache_strings="none")
    except ValueError:
        raise ApiError(40001, "Send a JSON object, encoded as UTF-8.") from None


def measured(payload: Sequence[str]) -> int:
    """Return the payload's size in UTF-8 bytes. Raises `ApiError` when it is over the limits."""
    if len(payload) > PAYLOAD_ITEMS:
        raise ApiError(40004, f"At most {PAYLOAD_ITEMS} items are taken.", data={"payload": f"{len(payload)} items"})
    size = sum(len(item) if item.isascii() else len(item.encode()) for item in payload)
    if size > PAYLOAD_BYTES:
        raise ApiError(40003, f"At most {PAYLOAD_BYTES} bytes are taken.", data={"payload": f"{size} bytes"})
    return size


async def _asked(platform: Platform, key: Key, data: Any) -> tuple[Policy, list[str]]:
    """Return the compiled policy and the payload of a request. Raises `ApiError`."""
    if (known := platform.policies.inline(data)) is not None:
        return known
    body = validated(data)
    wanted = body.policy if body.policy is not None else body.policyUUIDs[0]
    policy = await platform.policy(key, wanted)
    if policy.alerts is not None or policy.webhook:
        # Resolves names, so it must not keep the event loop.
        await asyncio.to_thread(alerts.check, platform.runtime, policy)
    if isinstance(wanted, PolicyBody) and not wanted.detectionRuleUUIDs:
        platform.policies.keep(data, policy)
    return policy, body.payload
