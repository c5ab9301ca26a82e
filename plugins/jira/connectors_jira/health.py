"""What `connectors check` says about a Jira connection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime

from connectors.errors import AuthError, ConnectorsError
from connectors.model import Check, Level
from connectors_jira.client import Jira
from connectors_jira.config import JiraConfig
from connectors_jira.shapes import text

NEEDED: Mapping[str, tuple[Level, str]] = {
    "BROWSE_PROJECTS": (Level.FAILED, "nothing can be read"),
    "EDIT_ISSUES": (Level.WARNING, "redacting fields will not work"),
    "EDIT_ALL_COMMENTS": (Level.WARNING, "redacting comments of others will not work"),
    "EDIT_ALL_WORKLOGS": (Level.WARNING, "redacting worklogs of others will not work"),
    "DELETE_ALL_ATTACHMENTS": (Level.WARNING, "deleting attachments of others will not work"),
}
"""Permissions by what fails without them. https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-permissions/"""
SOON = 30
"""Days before the end of a token from which on it is mentioned."""


def check(jira: Jira, config: JiraConfig, now: datetime) -> Iterator[Check]:
    """Yield every check; what cannot be asked is a failed check, never an exception."""
    try:
        jira.myself()
    except ConnectorsError as error:
        yield failed("credentials", error)
        return
    yield Check("credentials", Level.OK, "signed in")
    for questions in (_permissions, _projects):
        try:
            yield from questions(jira, config)
        except ConnectorsError as error:
            yield failed(questions.__name__.lstrip("_"), error)
    yield webhook(config)
    yield from expiry(config, now.date())
    yield headroom(jira.limits)


def failed(name: str, error: ConnectorsError) -> Check:
    """Return the failed check of an error."""
    hint = error.hint or ("make a new token" if isinstance(error, AuthError) else "try again later")
    return Check(name, Level.FAILED, str(error.args[0]), hint)


def _permissions(jira: Jira, _config: JiraConfig) -> Iterator[Check]:
    held = jira.permissions(tuple(NEEDED))
    for name, (level, what) in NEEDED.items():
        if not held[name]:
            yield Check("permissions", level, f"without {name} {what}", "grant it in the projects' permission scheme")
    if all(held.values()):
        yield Check("permissions", Level.OK, "reading and every action are allowed")


def _projects(jira: Jira, config: JiraConfig) -> Iterator[Check]:
    seen = {text(project.get("key")) for project in jira.projects()}
    missing = sorted(set(config.projects) - seen)
    if missing:
        yield Check("projects", Level.FAILED, f"not visible: {', '.join(missing)}", "let the account browse them")
    wanted = [key for key in seen if config.wants(key)]
    if not wanted:
        yield Check("projects", Level.FAILED, "no project to read", "let the account browse projects")
    elif not missing:
        yield Check("projects", Level.OK, f"{len(wanted)} of {len(seen)} visible projects are read")


def webhook(config: JiraConfig) -> Check:
    """Say whether deliveries can be verified."""
    if config.webhook_secret or config.oauth:
        return Check("webhook", Level.OK, "deliveries are verified")
    return Check(
        "webhook", Level.WARNING, "no webhook_secret: changes are seen by the schedule only", "set webhook_secret"
    )


def expiry(config: JiraConfig, today: date) -> Iterator[Check]:
    """Say when the token ends: API tokens live for a year at most, and Jira does not tell when they end."""
    if config.oauth is not None:
        return
    if config.token_expires is None:
        yield Check("token", Level.OK, "the day the token ends is not known", "set token_expires to be warned before")
        return
    left = (config.token_expires - today).days
    if left < 0:
        yield Check("token", Level.FAILED, "the token has ended", "make a new one")
    elif left <= SOON:
        yield Check("token", Level.WARNING, f"the token ends in {left} days", "make a new one")
    else:
        yield Check("token", Level.OK, f"the token lives for {left} more days")


def headroom(limits: Mapping[str, str]) -> Check:
    """Say how much of the rate limit is left, from the headers of the last answer."""
    remaining, limit = limits.get("x-ratelimit-remaining", ""), limits.get("x-ratelimit-limit", "")
    if limits.get("x-ratelimit-nearlimit", "").lower() == "true":
        return Check("rate limit", Level.WARNING, "less than a fifth of the limit is left", "read less often")
    if remaining.isdigit() and limit.isdigit():
        return Check("rate limit", Level.OK, f"{remaining} of {limit} left")
    return Check("rate limit", Level.OK, "the app shows no limit")
