"""Sign-in by an OpenID Connect provider: authorization code with PKCE, https://openid.net/specs/openid-connect-core-1_0.html."""

from __future__ import annotations

import json
import secrets as random
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import jwt
import requests
import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, SecretStr
from starlette.responses import RedirectResponse, Response

from connectors.dashboard.signing import audit_sign_in, begin_session
from connectors.dashboard.visit import Denied, Visit, cookie_name, local_path
from connectors.errors import ConfigError, NotFound, Transient, Unverified
from connectors.host import validated
from connectors.net import Guard, Limits, connect
from connectors.store.dashboard import users
from connectors.store.dashboard.users import User

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA")
"""Signatures with a public key: one made with the client's secret, or none, is refused."""
LASTS = timedelta(minutes=10)
TIMEOUT = 10
LEEWAY = 60
"""Seconds that the provider's clock may differ."""


class Provider(BaseModel):
    """What stands under `dashboard.oidc`. `roles` says which value of `claim` brings which role."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    issuer: str
    client_id: str
    client_secret: SecretStr
    scopes: str = "openid email profile"
    claim: str = "groups"
    roles: dict[str, str] = {}
    default_role: str = ""


def start(visit: Visit) -> Response:
    """Send the person to the provider; what must come back unchanged rests in a sealed cookie."""
    provider = configured(visit)
    client = _client(visit, provider)
    state = {
        "state": random.token_urlsafe(24),
        "nonce": random.token_urlsafe(24),
        "verifier": random.token_urlsafe(48),
        "next": local_path(visit.value("next", "/")),
        "until": (visit.now + LASTS).timestamp(),
    }
    url, _ = client.create_authorization_url(
        _metadata(visit, provider)["authorization_endpoint"], state=state["state"], nonce=state["nonce"],
        code_verifier=state["verifier"],
    )  # fmt: skip
    visit.cookies.append(("oidc", visit.runtime.vault.seal_text(state, context="oidc"), int(LASTS.total_seconds())))
    return RedirectResponse(url, 303)


def callback(visit: Visit) -> Response:
    """Check what came back, and sign the person in."""
    provider = configured(visit)
    state = _state(visit)
    claims = _claims(visit, provider, state)
    user = _user(visit, provider, claims)
    begin_session(visit, user, complete=True)
    visit.cookies.append(("oidc", "", 0))
    return visit.go(str(state["next"]))


def configured(visit: Visit) -> Provider:
    """Return the provider of the configuration. Raises `NotFound` when there is none."""
    settings = visit.runtime.config.dashboard.oidc
    if settings is None:
        raise NotFound("no identity provider is configured")
    provider: Provider = validated(Provider, settings, at=("dashboard", "oidc"))
    return provider


def role_of(provider: Provider, claims: Mapping[str, Any]) -> str:
    """Return the strongest role that the claims bring; empty for none. Pure."""
    given = claims.get(provider.claim, ())
    values = {given} if isinstance(given, str) else {str(each) for each in given or ()}
    held = {role for value, role in provider.roles.items() if value in values}
    return next((role for role in ("admin", "analyst", "viewer") if role in held), provider.default_role)


def _client(visit: Visit, provider: Provider) -> Any:
    try:
        from authlib.integrations.requests_client import OAuth2Session
    except ImportError:
        raise ConfigError("sign-in by OIDC needs Authlib", hint="pip install 'connectors[oidc]'") from None
    return OAuth2Session(
        provider.client_id, provider.client_secret.get_secret_value(), scope=provider.scopes,
        redirect_uri=visit.runtime.config.gateway.base_url + "/oidc/callback", code_challenge_method="S256",
    )  # fmt: skip


def _metadata(visit: Visit, provider: Provider) -> dict[str, Any]:
    found = _fetch(visit, provider, provider.issuer.rstrip("/") + "/.well-known/openid-configuration")
    if found.get("issuer") != provider.issuer:
        raise Unverified("the identity provider calls itself by another name")
    return found


def _guard(visit: Visit, provider: Provider) -> Guard:
    """Return what keeps the addresses in the provider's answers public, or its own."""
    return visit.runtime.guard.trusting([provider.issuer])


def _fetch(visit: Visit, provider: Provider, url: str) -> dict[str, Any]:
    with connect(guard=_guard(visit, provider), limits=Limits(read=TIMEOUT, total=TIMEOUT)) as session:
        try:
            answer = session.get(url)
            answer.raise_for_status()
            found: dict[str, Any] = answer.json()
        except (requests.RequestException, json.JSONDecodeError) as error:
            raise Transient("the identity provider does not answer") from error
    return found


def _state(visit: Visit) -> dict[str, Any]:
    sealed = visit.request.cookies.get(cookie_name(visit, "oidc"), "")
    try:
        state: dict[str, Any] = visit.runtime.vault.open_text(sealed, context="oidc")
    except ConfigError:
        raise Unverified("this sign-in was not started here") from None
    given = visit.request.query_params.get("state", "")
    if not random.compare_digest(given.encode(), state["state"].encode()) or state["until"] < visit.now.timestamp():
        raise Unverified("this sign-in was not started here, or took too long")
    return state


def _claims(visit: Visit, provider: Provider, state: Mapping[str, Any]) -> dict[str, Any]:
    from authlib.common.errors import AuthlibBaseError

    code = visit.request.query_params.get("code", "")
    metadata = _metadata(visit, provider)
    _guard(visit, provider).verify(metadata["token_endpoint"])
    try:
        token = _client(visit, provider).fetch_token(
            metadata["token_endpoint"], code=code, code_verifier=state["verifier"], timeout=TIMEOUT
        )
        keys = jwt.PyJWKSet.from_dict(_fetch(visit, provider, metadata["jwks_uri"]))
        kid = jwt.get_unverified_header(token["id_token"]).get("kid")
        key = next(each for each in keys.keys if kid is None or each.key_id == kid)
        claims: dict[str, Any] = jwt.decode(
            token["id_token"], key, algorithms=list(ALGORITHMS), audience=provider.client_id, issuer=provider.issuer,
            leeway=LEEWAY, options={"require": ["exp", "iat", "aud", "iss", "sub"]},
        )  # fmt: skip
    except requests.RequestException as error:
        raise Transient("the identity provider does not answer") from error
    except (AuthlibBaseError, jwt.PyJWTError, KeyError, StopIteration) as error:
        raise Unverified("the identity provider's answer could not be verified") from error
    if claims.get("nonce") != state["nonce"]:
        raise Unverified("the identity provider's answer is for another sign-in")
    return claims


def _user(visit: Visit, provider: Provider, claims: Mapping[str, Any]) -> User:
    """Return the user of the claims, made or brought up to date; a local user is never taken over."""
    verified = claims.get("email") and claims.get("email_verified") is not False
    name = str(claims["email"] if verified else f"{claims['sub']}@{provider.issuer}").strip().lower()[:255]
    role = role_of(provider, claims)
    home, database = visit.dashboard.home, visit.dashboard.home_database
    known = database.read(lambda c: users.named(c, home, name))
    refused = not role or (known is not None and (known.password or known.disabled))

    def keep(c: sa.Connection) -> User:
        if refused:
            audit_sign_in(visit, c, name, "refused", by="identity provider")
            return User(users.user_id(home, name), name, "")
        user = replace(known, role=role) if known else User(users.user_id(home, name), name, role)
        users.put(database, c, home, user, now=visit.now)
        return user

    user = database.run(keep)
    if refused:
        raise Denied("your identity provider gives you no role here", hint="ask an admin")
    return user
