"""The table of verifiers: whole, safe, and read as documented."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.detection import catalog
from connectors.model import Validity
from connectors.validity import VERIFIERS, Verifier, verifiers_by_detector

ACTIVE, EXPIRED, UNVERIFIED = Validity.ACTIVE, Validity.EXPIRED, Validity.UNVERIFIED


def test_at_least_fifteen_vendors() -> None:
    assert len({each.vendor for each in VERIFIERS}) >= 15


def test_every_detector_is_in_the_catalog_and_asked_of_one_vendor() -> None:
    named = [detector for each in VERIFIERS for detector in each.detectors]
    assert len(named) == len(set(named))
    assert set(named) <= set(catalog.by_id())


@pytest.mark.parametrize("verifier", VERIFIERS, ids=lambda each: f"{each.vendor}{each.path}")
def test_every_verifier_only_reads(verifier: Verifier) -> None:
    assert verifier.method == "GET" or (verifier.vendor, verifier.path) in {
        ("slack", "/auth.test"),
        ("linear", "/graphql"),
    }
    assert "mutation" not in verifier.body
    assert urlsplit(verifier.address).scheme == "https"
    assert verifier.source.startswith("https://")
    assert not verifier.accepted & verifier.refused or (verifier.accepted_when and verifier.refused_when)


@pytest.mark.parametrize("verifier", VERIFIERS, ids=lambda each: f"{each.vendor}{each.path}")
def test_the_token_is_sent_once(verifier: Verifier) -> None:
    sent = json.dumps(verifier.sent("tok-123")) + verifier.url("tok-123")
    assert ("tok-123" in sent) != bool(verifier.basic)
    assert "{value}" not in sent


CASES: list[tuple[str, int, Any, Validity]] = [
    ("github_personal_token", 200, {"login": "x"}, ACTIVE),
    ("github_personal_token", 401, {"message": "Bad credentials"}, EXPIRED),
    ("github_personal_token", 403, {}, UNVERIFIED),
    ("gitlab_personal_token", 401, {}, UNVERIFIED),
    ("slack_bot_token", 200, {"ok": True}, ACTIVE),
    ("slack_bot_token", 200, {"ok": False, "error": "token_revoked"}, EXPIRED),
    ("slack_bot_token", 200, {"ok": False, "error": "invalid_auth"}, UNVERIFIED),
    ("slack_bot_token", 200, None, UNVERIFIED),
    ("stripe_restricted_key", 403, {}, ACTIVE),
    ("openai_key", 401, {"error": {"code": "invalid_api_key"}}, EXPIRED),
    ("openai_key", 401, {"error": {"code": "ip_not_authorized"}}, UNVERIFIED),
    ("datadog_api_key", 200, {"valid": True}, ACTIVE),
    ("datadog_api_key", 403, {}, UNVERIFIED),
    ("cloudflare_api_token", 200, {"result": {"status": "expired"}}, EXPIRED),
    ("cloudflare_api_token", 200, {"result": {"status": "active"}}, ACTIVE),
    ("cloudflare_api_token", 401, {}, UNVERIFIED),
    ("linear_api_key", 200, {"data": {"viewer": {"id": "1"}}}, ACTIVE),
    ("linear_api_key", 200, {"errors": []}, UNVERIFIED),
    ("telegram_bot_token", 404, {"ok": False}, UNVERIFIED),
]


@pytest.mark.parametrize(("detector", "status", "body", "state"), CASES)
def test_answers_are_read_as_documented(detector: str, status: int, body: Any, state: Validity) -> None:
    assert verifiers_by_detector()[detector].judge(status, body, at_home=False)[0] is state


@pytest.mark.parametrize("detector", ["gitlab_personal_token", "datadog_api_key"])
def test_a_refusal_counts_at_the_address_that_the_admin_named(detector: str) -> None:
    verifier = verifiers_by_detector()[detector]
    assert verifier.judge(max(verifier.refused), {}, at_home=True) == (EXPIRED, "refused")
    assert verifier.judge(max(verifier.refused), {}, at_home=False) == (UNVERIFIED, "refused_here")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["ok", "error", "data", "result", "valid"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.sampled_from(VERIFIERS), st.integers(100, 599), json_values)
def test_a_fault_of_the_vendor_never_condemns_or_clears_a_token(verifier: Verifier, status: int, body: Any) -> None:
    state, _ = verifier.judge(status, body, at_home=False)
    if status >= 500 or status in (404, 429) or 300 <= status < 400:
        assert state is UNVERIFIED
