"""What stands under `config:` of a GitHub connection."""

from __future__ import annotations

from pydantic import ConfigDict, Field, SecretStr, model_validator

from connectors import ConnectionConfig


class GitHubConfig(ConnectionConfig):
    """One GitHub App installation, or one token.

    `webhook_secret` is the secret of the App's, the organisation's or the repository's webhook.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"token": "${env:GITHUB_TOKEN}", "webhook_secret": "${env:GITHUB_WEBHOOK_SECRET}"}]
        }
    )

    token: SecretStr | None = Field(
        default=None,
        description="Personal access token (fine-grained or classic). Leave it out when you use a GitHub App.",
        examples=["${env:GITHUB_TOKEN}"],
    )
    app_id: int | None = Field(default=None, description="Id of the GitHub App.", examples=[123456])
    private_key: SecretStr | None = Field(
        default=None,
        description="Private key of the GitHub App, PEM.",
        examples=["${file:/run/secrets/github-app.pem}"],
    )
    installation_id: int | None = Field(
        default=None,
        description="Id of the App's installation in your organisation (the number in its settings' address).",
        examples=[12345678],
    )
    api_url: str = Field(
        default="https://api.github.com",
        description="Root of the REST API; of GitHub Enterprise Server https://HOST/api/v3.",
        examples=["https://github.example.com/api/v3"],
    )
    raw_url: str = Field(
        default="https://raw.githubusercontent.com",
        description="Where wiki pages are read; of GitHub Enterprise Server https://HOST/raw.",
        examples=["https://github.example.com/raw"],
    )
    organizations: tuple[str, ...] = Field(
        default=(),
        description="With a token: read the repositories of these organisations. Else all that the token reads.",
        examples=[["acme"]],
    )
    hook: str | None = Field(
        default=None,
        description=(
            "The webhook whose failed deliveries are recovered: orgs/ORG/hooks/ID or repos/OWNER/NAME/hooks/ID. "
            "A GitHub App finds its own."
        ),
        examples=["orgs/acme/hooks/123"],
    )
    commit_history: bool = Field(
        default=False,
        description="Scan the changes of every commit of the default branch, not only files as they are now.",
        examples=[True],
    )
    gists: bool = Field(default=False, description="Read the token owner's gists.", examples=[True])

    @model_validator(mode="after")
    def _one_way_in(self) -> GitHubConfig:
        app = (self.app_id, self.private_key, self.installation_id)
        if self.token is None and any(value is None for value in app):
            raise ValueError("give token, or app_id with private_key and installation_id")
        if self.token is not None and any(value is not None for value in app):
            raise ValueError("give either token or app_id with private_key and installation_id, not both")
        return self

    @property
    def hook_path(self) -> str:
        """Path of the webhook whose deliveries can be listed; empty when none is known."""
        return self.hook.strip("/") if self.hook else "app/hook" if self.app_id else ""
