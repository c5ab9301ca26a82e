"""Dynamic webhooks of an OAuth app: they live for 30 days and are refreshed.

https://developer.atlassian.com/cloud/jira/platform/webhooks/#registering-a-webhook-using-the-jira-rest-api--other-integrations-
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

from connectors.errors import NotFound, Transient, Unsupported
from connectors.model import Subscription
from connectors_jira.client import Jira
from connectors_jira.config import JiraConfig
from connectors_jira.shapes import text

EVENTS = (
    "jira:issue_created",
    "jira:issue_updated",
    "jira:issue_deleted",
    "comment_created",
    "comment_updated",
    "comment_deleted",
)
"""What dynamic webhooks offer of the events that matter; attachments and worklogs come with their issue."""
LIFE = timedelta(days=30)


def subscribe(jira: Jira, config: JiraConfig, callback: str, current: Subscription | None) -> Subscription:
    """Refresh the webhook when address and projects are still the same, else make a new one and end the old.

    Only OAuth apps may make webhooks that expire; for other connections an admin makes one, which never does.
    """
    if config.oauth is None or not config.is_cloud:
        return Subscription("made by an admin", None)
    jql = _filter(jira, config)
    old = _ids(current)
    if current is not None and current.state.get("jql") == jql and current.state.get("callback") == callback:
        refreshed = _refreshed(jira, current, old)
        if refreshed is not None:
            return refreshed
    made = jira.register_webhooks(callback, jql, EVENTS)
    if not made:
        raise Transient("Jira registered no webhook")
    if old:
        jira.delete_webhooks(old)
    state = {"ids": made, "jql": jql, "callback": callback}
    return Subscription(",".join(map(str, made)), jira.context.now() + LIFE, state)


def unsubscribe(jira: Jira, current: Subscription) -> None:
    """Delete the webhooks of a subscription that are still there."""
    ids = _ids(current)
    if ids:
        with suppress(NotFound):
            jira.delete_webhooks(ids)


def _refreshed(jira: Jira, current: Subscription, ids: list[int]) -> Subscription | None:
    try:
        until = jira.refresh_webhooks(ids) if ids else None
    except (NotFound, Unsupported):
        return None
    return Subscription(current.id, until, current.state) if until else None


def _ids(current: Subscription | None) -> list[int]:
    kept = current.state.get("ids") if current else None
    return [hook for hook in kept if isinstance(hook, int)] if isinstance(kept, list) else []


def _filter(jira: Jira, config: JiraConfig) -> str:
    """Return the JQL of the projects read; a new project comes in at the next renewal."""
    keys = sorted(key for key in (text(p.get("key")) for p in jira.projects()) if key and config.wants(key))
    if not keys:
        raise Unsupported("no project to subscribe to", hint="let the app browse projects")
    return "project in (" + ", ".join(f'"{key}"' for key in keys) + ")"
