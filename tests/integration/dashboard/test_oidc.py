"""Sign-in by an identity provider that stands on no network."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
import responses
from cryptography.hazmat.primitives.asymmetric import ec
from starlette.testclient import TestClient

from connectors.config import parse_config
from connectors.dashboard import oidc, routes
from connectors.dashboard.oidc import Provider, role_of
from connectors.gateway.app import create_app
from connectors.runtime import Runtime
from connectors.store.migrations import upgrade

ISSUER = "https://id.example"
CONFIG = """
dashboard:
  oidc: {issuer: https://id.example, client_id: us, client_secret: quiet, roles: {security: analyst}}
"""
KEY = ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    runtime = Runtime.open(parse_config(CONFIG), folder=tmp_path)
    upgrade(runtime.databases.of("default"))
    with TestClient(create_app(runtime, routes=routes(runtime)), follow_redirects=False) as made:
        yield made
    runtime.close()


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[responses.RequestsMock]:
    endpoints = {name: f"{ISSUER}/{name}" for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")}
    public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(KEY.public_key()))
    documents = {
        f"{ISSUER}/.well-known/openid-configuration": {"issuer": ISSUER, **endpoints},
        f"{ISSUER}/jwks_uri": {"keys": [{**public, "kid": "k1", "alg": "ES256", "use": "sig"}]},
    }
    # Guarded calls go by a connection of our own, which no mock stands in for; the browser's tests make real ones.
    monkeypatch.setattr(oidc, "_fetch", lambda _visit, _provider, url: documents[url])
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


def answered(
    client: TestClient, mock: responses.RequestsMock, *, state: str = "", key: Any = KEY, **claims: Any
) -> Any:
    """Go through a sign-in whose ID token holds `claims`."""
    asked = parse_qs(urlsplit(client.get("/oidc/start?next=/findings").headers["location"]).query)
    assert asked["code_challenge_method"] == ["S256"]
    now = int(time.time())
    base = {
        "iss": ISSUER, "aud": "us", "sub": "1", "iat": now, "exp": now + 60, "nonce": asked["nonce"][0],
        "email": "eve@example.com", "groups": ["security"],
    }  # fmt: skip
    token = jwt.encode({**base, **claims}, key, algorithm="ES256", headers={"kid": "k1"})
    mock.post(f"{ISSUER}/token_endpoint", json={"access_token": "x", "token_type": "Bearer", "id_token": token})
    return client.get(f"/oidc/callback?code=c&state={state or asked['state'][0]}")


def test_a_person_comes_in_with_the_role_of_their_group(client: TestClient, provider: responses.RequestsMock) -> None:
    answer = answered(client, provider)
    assert (answer.status_code, answer.headers["location"]) == (303, "/findings")
    page = client.get("/account").text
    assert "eve@example.com" in page
    assert "analyst" in page


@pytest.mark.parametrize(
    "wrong",
    [
        {"aud": "others"}, {"iss": "https://evil.example"}, {"nonce": "replayed"}, {"exp": 1}, {"groups": ["guests"]},
        {"state": "forged"}, {"key": ec.generate_private_key(ec.SECP256R1())},
    ],
)  # fmt: skip
def test_whatever_is_wrong_keeps_out(
    client: TestClient, provider: responses.RequestsMock, wrong: dict[str, Any]
) -> None:
    assert answered(client, provider, **wrong).status_code == 403
    assert client.get("/account").status_code == 303


def test_the_strongest_role_counts() -> None:
    provider = Provider(issuer="i", client_id="c", client_secret="s", roles={"a": "viewer", "b": "admin"})
    assert role_of(provider, {"groups": ["a", "b"]}) == "admin"
    assert role_of(provider, {"groups": "a"}) == "viewer"
    assert role_of(provider, {}) == ""
