"""Whom to ask about which detector's tokens. Every endpoint only reads who the token belongs to, or what it may.

Vendors whose check needs more than the token (AWS, Twilio: key and secret), or that offer none that only reads
(PyPI), are not here.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from connectors.validity.verifier import Says, Verifier


def _token(header: str, form: str = "{value}", **others: str) -> Mapping[str, str]:
    return MappingProxyType({header: form, **{name.replace("_", "-"): text for name, text in others.items()}})


_OK_OR_SCOPED = frozenset({200, 403})
"""For vendors that document 403 as "a good key that may not do this"."""

VERIFIERS: tuple[Verifier, ...] = (
    Verifier(
        "github",
        ("github_personal_token", "github_fine_grained_token", "github_oauth_token", "github_app_user_token"),
        "https://api.github.com",
        "/user",
        "https://docs.github.com/en/rest/users/users#get-the-authenticated-user",
        headers=_token("Authorization", "Bearer {value}", X_GitHub_Api_Version="2022-11-28"),
    ),
    Verifier(
        "github",
        ("github_app_installation_token",),
        "https://api.github.com",
        "/installation/repositories?per_page=1",
        "https://docs.github.com/en/rest/apps/installations#list-repositories-accessible-to-the-app-installation",
        headers=_token("Authorization", "Bearer {value}", X_GitHub_Api_Version="2022-11-28"),
    ),
    Verifier(
        "gitlab",
        ("gitlab_personal_token",),
        "https://gitlab.com/api/v4",
        "/personal_access_tokens/self",
        "https://docs.gitlab.com/api/personal_access_tokens/#get-details-on-a-personal-access-token",
        headers=_token("PRIVATE-TOKEN"),
        many_homes=True,  # self-managed servers issue tokens of the same form
    ),
    Verifier(
        "slack",
        ("slack_bot_token", "slack_user_token"),
        "https://slack.com/api",
        "/auth.test",
        "https://docs.slack.dev/reference/methods/auth.test",
        method="POST",
        accepted_when=Says("ok", (True,)),
        refused=frozenset({200, 401}),
        # `invalid_auth` is also the answer to an address that the workspace does not allow: it proves nothing.
        refused_when=Says("error", ("account_inactive", "token_revoked", "token_expired")),
    ),
    Verifier(
        "stripe",
        ("stripe_secret_key", "stripe_restricted_key"),
        "https://api.stripe.com",
        "/v1/account",
        "https://docs.stripe.com/api/errors",
        basic="{value}:",
        accepted=_OK_OR_SCOPED,
    ),
    Verifier(
        "sendgrid",
        ("sendgrid_key",),
        "https://api.sendgrid.com",
        "/v3/scopes",
        "https://www.twilio.com/docs/sendgrid/api-reference/api-key-permissions/retrieve-a-list-of-scopes-for-which-this-user-has-access",
    ),
    Verifier(
        "openai",
        ("openai_key", "openai_user_key"),
        "https://api.openai.com",
        "/v1/models",
        "https://platform.openai.com/docs/guides/error-codes",
        # 401 is also the answer to an address that the organization does not allow.
        refused_when=Says("error.code", ("invalid_api_key", "account_deactivated")),
    ),
    Verifier(
        "anthropic",
        ("anthropic_key",),
        "https://api.anthropic.com",
        "/v1/models?limit=1",
        "https://docs.anthropic.com/en/api/models-list",
        headers=_token("x-api-key", anthropic_version="2023-06-01"),
    ),
    Verifier(
        "npm",
        ("npm_token",),
        "https://registry.npmjs.org",
        "/-/whoami",
        "https://github.com/npm/registry/blob/main/docs/REGISTRY-API.md",
        many_homes=True,  # registries of companies issue tokens of the same form
    ),
    Verifier(
        "heroku",
        ("heroku_token", "heroku_api_key"),
        "https://api.heroku.com",
        "/account",
        "https://devcenter.heroku.com/articles/platform-api-reference#account",
        headers=_token("Authorization", "Bearer {value}", Accept="application/vnd.heroku+json; version=3"),
    ),
    Verifier(
        "digitalocean",
        ("digitalocean_token", "digitalocean_oauth_token"),
        "https://api.digitalocean.com",
        "/v2/account",
        "https://docs.digitalocean.com/reference/api/digitalocean/#tag/Account",
    ),
    Verifier(
        "datadog",
        ("datadog_api_key",),
        "https://api.datadoghq.com",
        "/api/v1/validate",
        "https://docs.datadoghq.com/api/latest/authentication/#validate-api-key",
        headers=_token("DD-API-KEY"),
        accepted_when=Says("valid", (True,)),
        refused=frozenset({401, 403}),
        many_homes=True,  # each Datadog site knows only its own keys
    ),
    Verifier(
        "postman",
        ("postman_key",),
        "https://api.getpostman.com",
        "/me",
        "https://www.postman.com/postman/postman-public-workspace/documentation/i2uqzpp/postman-api",
        headers=_token("X-API-Key"),
    ),
    Verifier(
        "notion",
        ("notion_token",),
        "https://api.notion.com",
        "/v1/users/me",
        "https://developers.notion.com/reference/get-self",
        headers=_token("Authorization", "Bearer {value}", Notion_Version="2022-06-28"),
    ),
    Verifier(
        "mailgun",
        ("mailgun_key", "mailgun_new_key"),
        "https://api.mailgun.net",
        "/v3/domains?limit=1",
        "https://documentation.mailgun.com/docs/mailgun/api-reference/send/mailgun/domains",
        basic="api:{value}",
        many_homes=True,  # the European region knows only its own keys
    ),
    Verifier(
        "huggingface",
        ("huggingface_token",),
        "https://huggingface.co",
        "/api/whoami-v2",
        "https://huggingface.co/docs/hub/api",
    ),
    Verifier(
        "figma",
        ("figma_token",),
        "https://api.figma.com",
        "/v1/me",
        "https://developers.figma.com/docs/rest-api/users-endpoints/",
        headers=_token("X-Figma-Token"),
        # A bad token and a missing scope get the same 403.
        refused=frozenset(),
    ),
    Verifier(
        "linear",
        ("linear_api_key",),
        "https://api.linear.app",
        "/graphql",
        "https://linear.app/developers/graphql",
        method="POST",  # a query, not a mutation: it reads
        headers=_token("Authorization"),
        body='{"query":"{ viewer { id } }"}',
        accepted_when=Says("data.viewer.id"),
    ),
    Verifier(
        "cloudflare",
        ("cloudflare_api_token",),
        "https://api.cloudflare.com/client/v4",
        "/user/tokens/verify",
        "https://developers.cloudflare.com/api/resources/user/subresources/tokens/methods/verify/",
        accepted_when=Says("result.status", ("active",)),
        # Tokens that belong to an account are verified under the account: a 401 here proves nothing.
        refused=frozenset({200}),
        refused_when=Says("result.status", ("disabled", "expired")),
    ),
    Verifier(
        "airtable",
        ("airtable_token",),
        "https://api.airtable.com",
        "/v0/meta/whoami",
        "https://airtable.com/developers/web/api/get-user-id-scopes",
    ),
    Verifier(
        "asana",
        ("asana_token",),
        "https://app.asana.com/api/1.0",
        "/users/me?opt_fields=gid",
        "https://developers.asana.com/reference/getuser",
    ),
    Verifier(
        "discord",
        ("discord_bot_token",),
        "https://discord.com/api/v10",
        "/users/@me",
        "https://discord.com/developers/docs/resources/user#get-current-user",
        headers=_token("Authorization", "Bot {value}"),
    ),
    Verifier(
        "telegram",
        ("telegram_bot_token",),
        "https://api.telegram.org",
        "/bot{value}/getMe",
        "https://core.telegram.org/bots/api#getme",
        headers=_token("Accept", "application/json"),
        accepted_when=Says("ok", (True,)),
    ),
    Verifier(
        "replicate",
        ("replicate_token",),
        "https://api.replicate.com",
        "/v1/account",
        "https://replicate.com/docs/reference/http#account.get",
    ),
    Verifier(
        "netlify",
        ("netlify_token",),
        "https://api.netlify.com",
        "/api/v1/user",
        "https://open-api.netlify.com/#tag/user/operation/getCurrentUser",
    ),
    Verifier(
        "groq",
        ("groq_key",),
        "https://api.groq.com",
        "/openai/v1/models",
        "https://console.groq.com/docs/api-reference#models-list",
    ),
    Verifier(
        "mistral",
        ("mistral_key",),
        "https://api.mistral.ai",
        "/v1/models",
        "https://docs.mistral.ai/api/#tag/models",
    ),
    Verifier(
        "brevo",
        ("brevo_key",),
        "https://api.brevo.com",
        "/v3/account",
        "https://developers.brevo.com/reference/getaccount",
        headers=_token("api-key"),
        # 401 is also the answer to an address that the account does not allow.
        refused_when=Says("message", ("Key not found",)),
    ),
    Verifier(
        "circleci",
        ("circleci_token",),
        "https://circleci.com",
        "/api/v2/me",
        "https://circleci.com/docs/api/v2/#tag/User/operation/getCurrentUser",
        headers=_token("Circle-Token"),
        many_homes=True,  # CircleCI Server, and tokens of projects
    ),
    Verifier(
        "buildkite",
        ("buildkite_token",),
        "https://api.buildkite.com",
        "/v2/access-token",
        "https://buildkite.com/docs/apis/rest-api/access-token",
    ),
    Verifier(
        "doppler",
        ("doppler_token",),
        "https://api.doppler.com",
        "/v3/me",
        "https://docs.doppler.com/reference/auth-me",
    ),
    Verifier(
        "fastly",
        ("fastly_token",),
        "https://api.fastly.com",
        "/tokens/self",
        "https://www.fastly.com/documentation/reference/api/auth-tokens/user/",
        headers=_token("Fastly-Key"),
    ),
    Verifier(
        "pulumi",
        ("pulumi_token",),
        "https://api.pulumi.com",
        "/api/user",
        "https://www.pulumi.com/docs/reference/cloud-rest-api/",
        headers=_token("Authorization", "token {value}", Accept="application/vnd.pulumi+8"),
        many_homes=True,  # self-hosted servers, and tokens of organizations
    ),
)


@lru_cache(maxsize=1)
def verifiers_by_detector() -> Mapping[str, Verifier]:
    """Return the verifier of each detector that has one."""
    return MappingProxyType({detector: each for each in VERIFIERS for detector in each.detectors})
