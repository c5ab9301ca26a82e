"""What `connectors check` says about a Slack connection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from connectors.errors import ConnectorsError, MissingScope
from connectors.model import Check, Level
from connectors_slack.client import SlackClient, objects
from connectors_slack.config import SlackConfig
from connectors_slack.history import CAP

# https://docs.slack.dev/reference/scopes
READING: Mapping[str, str] = {
    "channels:history": "messages in public channels are not read",
    "groups:history": "messages in private channels are not read",
    "im:history": "direct messages are not read",
    "mpim:history": "group direct messages are not read",
    "channels:read": "public channels are not listed",
    "groups:read": "private channels are not listed",
    "im:read": "direct messages are not listed",
    "mpim:read": "group direct messages are not listed",
    "files:read": "files and canvases are not read",
    "users:read": "authors are shown by id only",
    "users:read.email": "authors cannot be alerted by e-mail",
}
ACTING: Mapping[str, str] = {
    "chat:write": "authors cannot be notified and messages cannot be deleted",
    "im:write": "authors cannot be notified by direct message",
}


def checks(config: SlackConfig, client: SlackClient) -> Iterator[Check]:
    """Yield the outcome of each check; never raise."""
    if config.webhook_secret is None:
        yield Check(
            "webhook secret",
            Level.WARNING,
            "not set: webhooks are refused, only syncs find anything",
            "set webhook_secret to the app's signing secret (api.slack.com, Basic Information)",
        )
    else:
        yield Check("webhook secret", Level.OK, "set")
    try:
        data, headers = client.call_with_headers("auth.test")
    except ConnectorsError as error:
        yield Check("credentials", Level.FAILED, str(error), "install the app in the workspace and copy its token")
        return
    yield Check("credentials", Level.OK, f"token of {data.get('user')} in {data.get('team')}")
    yield from _scopes(headers.get("x-oauth-scopes", ""))
    if config.user_token is not None:
        yield from _user_token(config.user_token.get_secret_value(), client)
    yield from _history(client)


def _scopes(header: str) -> Iterator[Check]:
    granted = {scope.strip() for scope in header.split(",") if scope.strip()}
    if not granted:
        yield Check("scopes", Level.WARNING, "Slack did not say which scopes the token has")
        return
    for wanted, level in ((READING, Level.FAILED), (ACTING, Level.WARNING)):
        for scope, loss in wanted.items():
            if scope not in granted:
                yield Check(f"scope {scope}", level, f"missing: {loss}", "add it to the app and install it again")
    if not (READING.keys() | ACTING.keys()) - granted:
        yield Check("scopes", Level.OK, "all that reading and acting need")


def _user_token(token: str, client: SlackClient) -> Iterator[Check]:
    try:
        _, headers = client.call_with_headers("auth.test", token=token)
    except ConnectorsError as error:
        yield Check("user token", Level.WARNING, f"{error}: delete actions will not work", "authorise the app again")
        return
    granted = headers.get("x-oauth-scopes", "").split(",")
    missing = [scope for scope in ("chat:write", "files:write") if scope not in granted]
    if missing:
        yield Check("user token", Level.WARNING, f"lacks {', '.join(missing)}: not every delete action will work")
    else:
        yield Check("user token", Level.OK, "may delete messages and files")


def _history(client: SlackClient) -> Iterator[Check]:
    """Ask one channel for more messages than the reduced limit gives.

    https://docs.slack.dev/changelog/2025/05/29/rate-limit-changes-for-non-marketplace-apps
    """
    try:
        listed = objects(client.call("conversations.list", limit=200, types="public_channel").get("channels"))
        member = next((channel for channel in listed if channel.get("is_member")), None)
        if member is None:
            yield Check("history", Level.WARNING, "the app is in no public channel", "invite it: /invite @app")
            return
        data = client.call("conversations.history", channel=member.get("id"), limit=CAP + 5)
    except MissingScope as error:
        yield Check("history", Level.FAILED, str(error), "add the scope to the app and install it again")
        return
    except ConnectorsError as error:
        yield Check("history", Level.WARNING, str(error), "try again later")
        return
    if len(objects(data.get("messages"))) == CAP and data.get("has_more") is True:
        yield Check(
            "history",
            Level.WARNING,
            f"Slack gives this app {CAP} messages per call, about one call a minute ({CAP * 60} an hour)",
            "create the app as an internal app of your own workspace: those are exempt",
        )
    else:
        yield Check("history", Level.OK, "pages of full size")
