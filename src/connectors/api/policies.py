"""From what a request asks for to a compiled policy: inline, stored here, or both; compiled once, not per request."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar
from uuid import UUID

from pydantic import ValidationError
from pydantic_core import to_json

from connectors.api import rules
from connectors.api.errors import ApiError, invalid
from connectors.api.rules import Policy
from connectors.api.wire import PolicyBody, RuleBody, ScanBody
from connectors.store import stored_rules
from connectors.store.engine import Database
from connectors.store.keys import Key
from connectors.vault import Vault

FRESH = 5.0
"""Seconds that a stored policy is used before it is read again."""

T = TypeVar("T")


class Recent(Generic[T]):
    """The values used last, each for at most `seconds`."""

    def __init__(self, size: int, *, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._size = size
        self._seconds = seconds
        self._clock = clock
        self._values: OrderedDict[Any, tuple[float, T]] = OrderedDict()

    def get(self, key: Any) -> T | None:
        """Return a value that is not too old."""
        found = self._values.get(key)
        if found is None or self._clock() - found[0] > self._seconds:
            return None
        return found[1]

    def put(self, key: Any, value: T) -> T:
        """Keep a value; the oldest makes room."""
        self._values.pop(key, None)
        while len(self._values) >= self._size:
            self._values.popitem(last=False)
        self._values[key] = self._clock(), value
        return value


class PolicyBook:
    """Compiled policies. For one event loop; only `stored` waits for the database."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._inline: Recent[Policy] = Recent(1_000, seconds=3_600)
        self._stored: Recent[Policy] = Recent(10_000, seconds=FRESH)

    def inline(self, data: Any) -> tuple[Policy, list[str]] | None:
        """Return policy and payload of a scan request whose inline policy was compiled before, else None."""
        if type(data) is not dict or len(data) != 2:
            return None
        policy, payload = data.get("policy"), data.get("payload")
        if type(policy) is not dict or type(payload) is not list or not payload:
            return None
        if not all(type(item) is str for item in payload):
            return None
        found = self._inline.get(to_json(policy))
        return (found, payload) if found is not None else None

    def keep(self, data: Any, policy: Policy) -> None:
        """Remember the compiled inline policy of a request."""
        if type(data) is dict and type(data.get("policy")) is dict:
            self._inline.put(to_json(data["policy"]), policy)

    def known(self, key: Key, body: PolicyBody | UUID) -> Policy | None:
        """Return a policy from memory, or one that needs nothing stored, else None. Never waits."""
        if isinstance(body, PolicyBody) and not body.detectionRuleUUIDs:
            return rules.compiled(body, {})
        return self._stored.get(_name(key, body))

    def stored(self, database: Database, key: Key, body: PolicyBody | UUID) -> Policy:
        """Compile a policy with what is stored for the key's tenant. Raises `ApiError`."""
        policy = body if isinstance(body, PolicyBody) else self._policy(database, key, body)
        named = self.stored_rules(database, key, policy)
        return self._stored.put(_name(key, body), rules.compiled(policy, named))

    def stored_rules(self, database: Database, key: Key, policy: PolicyBody) -> rules.StoredRules:
        """Return the stored rules that a policy names, as far as the key's tenant has them."""
        found = self._load(database, key, "rule", policy.detectionRuleUUIDs)
        return {uuid: RuleBody.model_validate(value) for uuid, value in found.items()}

    def _policy(self, database: Database, key: Key, uuid: UUID) -> PolicyBody:
        found = self._load(database, key, "policy", [uuid])
        if uuid not in found:
            raise ApiError(42203, data={"policyUUID": f"there is no policy {uuid}"})
        return PolicyBody.model_validate(found[uuid])

    def _load(self, database: Database, key: Key, kind: str, ids: Iterable[UUID]) -> dict[UUID, Any]:
        rows = database.read(
            lambda c: stored_rules.load(c, residency=key.residency, tenant=key.tenant, kind=kind, ids=ids)
        )
        return {uuid: opened(self._vault, row) for uuid, row in rows.items()}


def sealed(vault: Vault, uuid: UUID, body: PolicyBody | RuleBody) -> bytes:
    """Encrypt a rule or policy for its row."""
    return vault.seal(body.model_dump(mode="json", exclude_none=True), context=f"stored_rule:{uuid}")


def opened(vault: Vault, row: stored_rules.Stored) -> Any:
    """Return the body of a stored rule or policy."""
    return vault.open(row.body, context=f"stored_rule:{row.id}")


def validated(data: Any) -> ScanBody:
    """Check a scan request. Raises `ApiError` that names every wrong field."""
    try:
        return ScanBody.model_validate(data)
    except ValidationError as error:
        raise invalid(error.errors(include_input=False, include_url=False)) from None


def _name(key: Key, body: PolicyBody | UUID) -> tuple[str, str, Any]:
    return key.residency, key.tenant, body if isinstance(body, UUID) else body.model_dump_json()
