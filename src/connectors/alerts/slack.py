"""Alerts in Slack: in a channel, or to the author in a direct message."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from http.client import HTTPException
from typing import Any, ClassVar, Final

from pydantic import Field, SecretStr, model_validator
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web import SlackResponse

from connectors.alerts import render
from connectors.alerts.destination import Alert, Delivered, Destination, DestinationConfig
from connectors.errors import AuthError, ConnectorsError, NotFound, RateLimited, Transient, Unsupported
from connectors.net import retry_after

_TIMEOUT: Final = 15

_INVITE: Final = "invite the app to the channel, or name another one"
_TOKEN: Final = "put a valid bot token into this destination's configuration"  # noqa: S105 (advice, not a token)

# Slack's error codes by what the host does about them.
# https://docs.slack.dev/reference/methods/chat.postMessage#errors
_ERRORS: Final[Mapping[str, tuple[type[ConnectorsError], str]]] = {
    "invalid_auth": (AuthError, _TOKEN),
    "not_authed": (AuthError, _TOKEN),
    "token_revoked": (AuthError, _TOKEN),
    "token_expired": (AuthError, _TOKEN),
    "account_inactive": (AuthError, _TOKEN),
    "org_login_required": (AuthError, _TOKEN),
    "ekm_access_denied": (AuthError, _TOKEN),
    "team_access_not_granted": (AuthError, _TOKEN),
    "not_allowed_token_type": (AuthError, _TOKEN),
    "missing_scope": (
        AuthError,
        "give the app chat:write; for authors im:write and users:read.email as well",
    ),
    "channel_not_found": (AuthError, _INVITE),
    "not_in_channel": (AuthError, _INVITE),
    "is_archived": (AuthError, _INVITE),
    "restricted_action": (AuthError, _INVITE),
    "users_not_found": (NotFound, ""),
    "user_not_found": (NotFound, ""),
    "user_disabled": (NotFound, ""),
    "cannot_dm_bot": (NotFound, ""),
    "invalid_blocks": (Unsupported, ""),
    "msg_too_long": (Unsupported, ""),
    "fatal_error": (Transient, ""),
    "internal_error": (Transient, ""),
    "service_unavailable": (Transient, ""),
    "request_timeout": (Transient, ""),
}


class Audience(StrEnum):
    """Who is told."""

    CHANNEL = "channel"
    AUTHOR = "author"


class SlackConfig(DestinationConfig):
    """Options of the `slack` destination."""

    token: SecretStr = Field(description="Bot token (`xoxb-…`) with chat:write.", examples=["${env:SLACK_BOT_TOKEN}"])
    to: Audience = Field(
        default=Audience.CHANNEL,
        description="`channel`, or `author`: a direct message to them (needs im:write, users:read.email).",
        examples=["channel"],
    )
    channel: str = Field(
        default="",
        description="Channel id or name. With `to: author` it hears of unknown and external authors.",
        examples=["#security-alerts"],
    )
    base_url: str = Field(
        default="https://slack.com/api/",
        description="Slack's API; only changed for tests.",
        examples=["https://slack.com/api/"],
    )

    @model_validator(mode="after")
    def _somebody(self) -> SlackConfig:
        if self.to is Audience.CHANNEL and not self.channel:
            raise ValueError("`to: channel` needs `channel`")
        return self


class SlackDestination(Destination[SlackConfig]):
    """Posts alerts as Block Kit messages.

    Every message carries metadata of event type `connectors_alert` with the alert's id. Slack knows no
    idempotency key: when an answer is lost after Slack took the message, it is posted again.
    """

    kind: ClassVar[str] = "slack"
    Config: ClassVar[type[DestinationConfig]] = SlackConfig

    def deliver(self, alert: Alert) -> Delivered:
        """Post one alert to the channel or the author."""
        client = self._client()
        channel, to_author = self._audience(client, alert)
        answer = _call(
            client.chat_postMessage,
            channel=channel,
            text=render.slack_escape(render.title(alert)),
            blocks=render.slack_blocks(alert, to_author=to_author),
            metadata=render.slack_metadata(alert),
            unfurl_links=False,
            unfurl_media=False,
            link_names=False,
        )
        return Delivered(reference=str(answer.get("ts", "")), recipient=str(answer.get("channel", channel)))

    def probe(self) -> str:
        """Ask Slack whose token it is."""
        answer = _call(self._client().auth_test)
        return f"posts as {answer.get('user', '?')} in {answer.get('team', '?')}"

    def _client(self) -> WebClient:
        # Retries belong to the job that delivers: the SDK's own would post twice.
        return WebClient(
            token=self.config.token.get_secret_value(),
            base_url=self.config.base_url,
            timeout=_TIMEOUT,
            proxy=self._proxy(),
            retry_handlers=[],
            logger=_silent(),
        )

    def _proxy(self) -> str | None:
        with self.context.session() as session:
            return session.proxies.get("https")

    def _audience(self, client: WebClient, alert: Alert) -> tuple[str, bool]:
        """Return the channel to post to and whether only the author reads it."""
        if self.config.to is Audience.AUTHOR:
            try:
                return self._direct(client, alert), True
            except NotFound:
                if not self.config.channel:
                    raise Unsupported(
                        "the author has no account in this workspace", hint="name a `channel` for such alerts"
                    ) from None
        return self.config.channel, False

    def _direct(self, client: WebClient, alert: Alert) -> str:
        author = alert.author
        if author is None or author.external:
            raise NotFound("the alert has no author of this organisation")
        if author.email:
            found = _call(client.users_lookupByEmail, email=author.email)
            user = str(found["user"]["id"])
        elif alert.app == "slack":
            user = author.id
        else:
            raise NotFound("the author's e-mail address is not known")
        return str(_call(client.conversations_open, users=user)["channel"]["id"])


def _silent() -> logging.Logger:
    """Make a logger for the SDK that drops everything: it logs bodies of answers that it cannot read."""
    return logging.Logger("slack_sdk", level=logging.CRITICAL + 1)


def _call(method: Callable[..., SlackResponse], **arguments: Any) -> SlackResponse:
    """Call Slack, and translate what it raises. Nothing of an answer but its error code is kept."""
    error: ConnectorsError
    try:
        return method(**arguments)
    except SlackApiError as fault:
        error = _translate(fault)
    except (SlackClientError, HTTPException, OSError, ValueError) as fault:
        error = Transient(f"Slack could not be reached ({type(fault).__name__})")
    raise error


def _translate(fault: SlackApiError) -> ConnectorsError:
    response: Any = fault.response
    status = getattr(response, "status_code", 0)
    data = getattr(response, "data", None)
    code = str(data.get("error", "")) if isinstance(data, Mapping) else ""
    if not re.fullmatch(r"[a-z_]{1,60}", code):
        # For an answer that is not JSON the SDK puts the body here.
        code = ""
    if status == 429 or code in {"ratelimited", "rate_limited"}:
        return RateLimited("Slack asks to slow down", after=_after(response))
    if code in _ERRORS:
        kind, hint = _ERRORS[code]
        return kind(f"Slack answered {code}", hint=hint)
    if status >= 500 or not code:
        return Transient(f"Slack answered {status}")
    return Unsupported(f"Slack answered {code}")


def _after(response: Any) -> float | None:
    headers = {str(name).lower(): value for name, value in getattr(response, "headers", {}).items()}
    return retry_after(headers.get("retry-after"), datetime.now(UTC))
