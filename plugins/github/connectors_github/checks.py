"""What `connectors check` says about a GitHub connection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from connectors.errors import ConnectorsError
from connectors.model import Check, Level
from connectors_github.client import GitHubClient
from connectors_github.config import GitHubConfig

# https://docs.github.com/en/rest/authentication/permissions-required-for-github-apps
PERMISSIONS: Mapping[str, tuple[str, str]] = {
    "metadata": ("read", "nothing can be read"),
    "contents": ("read", "files, commits and releases are not read"),
    "issues": ("read", "issues and their comments are not read"),
    "pull_requests": ("read", "pull requests and reviews are not read"),
    "discussions": ("read", "discussions are not read"),
}
ACTING: Mapping[str, str] = {
    "issues": "issues and comments cannot be redacted",
    "pull_requests": "pull requests cannot be commented or redacted",
}

_LOW = 0.1


def checks(config: GitHubConfig, client: GitHubClient) -> Iterator[Check]:
    """Yield the outcome of each check; never raise."""
    if config.webhook_secret is None:
        yield Check(
            "webhook secret",
            Level.WARNING,
            "not set: webhooks are refused, only syncs find anything",
            "set webhook_secret to the secret of the webhook",
        )
    else:
        yield Check("webhook secret", Level.OK, "set")
    if not config.hook_path:
        yield Check(
            "failed deliveries",
            Level.WARNING,
            "not recovered: GitHub does not send them again by itself",
            "set hook to orgs/ORG/hooks/ID or repos/OWNER/NAME/hooks/ID",
        )
    try:
        rate = client.get("rate_limit")
    except ConnectorsError as error:
        yield Check("credentials", Level.FAILED, str(error), "check the token, or the App's id, key and installation")
        return
    yield Check("credentials", Level.OK, "accepted")
    yield from _headroom(rate.data)
    yield from _app_rights(config, client) if config.app_id else _scopes(rate.headers.get("x-oauth-scopes"))


def _headroom(data: object) -> Iterator[Check]:
    resources = data.get("resources") if isinstance(data, dict) else None
    core = resources.get("core") if isinstance(resources, dict) else None
    if not isinstance(core, dict):
        yield Check("rate limit", Level.WARNING, "GitHub did not say")
        return
    left, limit = core.get("remaining"), core.get("limit")
    if isinstance(left, int) and isinstance(limit, int):
        level = Level.WARNING if left < limit * _LOW else Level.OK
        yield Check("rate limit", level, f"{left} of {limit} calls left this hour")


def _scopes(header: str | None) -> Iterator[Check]:
    """Judge a classic token's scopes; a fine-grained one does not show its rights."""
    if header is None:
        yield Check("rights", Level.WARNING, "a fine-grained token does not show its rights: try a sync")
        return
    granted = {scope.strip() for scope in header.split(",")}
    if "repo" not in granted:
        yield Check("scope repo", Level.FAILED, "missing: private repositories are not read", "add it to the token")
    else:
        yield Check("scopes", Level.OK, "repo")


def _app_rights(config: GitHubConfig, client: GitHubClient) -> Iterator[Check]:
    try:
        found = client.get(f"app/installations/{config.installation_id}").data
    except ConnectorsError as error:
        yield Check("permissions", Level.FAILED, str(error), "check installation_id")
        return
    granted = found.get("permissions") if isinstance(found, dict) else None
    rights: Mapping[str, object] = granted if isinstance(granted, dict) else {}
    missing = 0
    for name, (level, loss) in PERMISSIONS.items():
        if name not in rights:
            missing += 1
            yield Check(f"permission {name}", Level.FAILED, f"missing: {loss}", f"give the App {name}: {level}")
    for name, loss in ACTING.items():
        if rights.get(name) == "read":
            yield Check(f"permission {name}", Level.WARNING, f"read only: {loss}", f"give the App {name}: write")
    if not missing:
        yield Check("permissions", Level.OK, "all that reading needs")
