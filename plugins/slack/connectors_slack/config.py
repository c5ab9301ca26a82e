"""What stands under `config:` of a Slack connection."""

from __future__ import annotations

from pydantic import Field, SecretStr

from connectors import ConnectionConfig


class SlackConfig(ConnectionConfig):
    """One Slack workspace, read with one app that is installed in it.

    `webhook_secret` is the app's signing secret (api.slack.com, "Basic Information").
    """

    token: SecretStr = Field(
        description="Bot token (xoxb-…) or user token (xoxp-…) of the app that is installed in the workspace.",
        examples=["${env:SLACK_TOKEN}"],
    )
    user_token: SecretStr | None = Field(
        default=None,
        description="User token that may delete other people's messages; a bot deletes only its own.",
        examples=["${env:SLACK_USER_TOKEN}"],
    )
    discovery_token: SecretStr | None = Field(
        default=None,
        description="Token with discovery:write (Enterprise Grid) for the tombstone action.",
        examples=["${env:SLACK_DISCOVERY_TOKEN}"],
    )
    base_url: str | None = Field(
        default=None,
        description="Root of the Web API, when it is not https://slack.com/api/.",
        examples=["https://slack-gov.com/api/"],
    )
    workspace_url: str | None = Field(
        default=None,
        description="Address of the workspace, for links to messages in alerts made from webhooks.",
        examples=["https://acme.slack.com"],
    )
    own_app_ids: tuple[str, ...] = Field(
        default=(),
        description="Ids of further apps whose messages are our own alerts and are never scanned.",
        examples=[["A0123456789"]],
    )
    join_public_channels: bool = Field(
        default=False,
        description="Join public channels to read their history (needs channels:join).",
        examples=[True],
    )
    page_size: int = Field(
        default=500,
        ge=1,
        le=999,
        description="Messages asked for in one call of conversations.history and conversations.replies.",
        examples=[500],
    )
    lookback_days: int = Field(
        default=7,
        ge=0,
        description="How far an incremental sync reads again, for edits and new replies in older threads.",
        examples=[7],
    )
