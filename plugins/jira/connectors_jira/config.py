"""What an admin writes under `config:` of a Jira connection."""

from __future__ import annotations

from datetime import date
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from connectors import ConnectionConfig

CLOUD_HOSTS = ("atlassian.net", "jira.com", "api.atlassian.com")


class OAuth(BaseModel):
    """An OAuth 2.0 app of the Atlassian developer console.

    With `refresh_token` the connection acts for the user who consented (3LO); without one it asks for a token of
    the app's service account (client credentials). The client secret also verifies dynamic webhooks.
    https://developer.atlassian.com/cloud/jira/platform/oauth-2-3lo-apps/
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    client_id: str = Field(description="Client id of the app.", examples=["a1b2c3"])
    client_secret: SecretStr = Field(description="Client secret of the app.", examples=["${env:JIRA_CLIENT_SECRET}"])
    refresh_token: SecretStr | None = Field(
        default=None,
        description="Refresh token (scope offline_access). It rotates; the newest is kept by the connection.",
        examples=["${env:JIRA_REFRESH_TOKEN}"],
    )
    token_url: str = Field(
        default="https://auth.atlassian.com/oauth/token",
        description="Where access tokens come from.",
        examples=["https://auth.atlassian.com/oauth/token"],
    )


class JiraConfig(ConnectionConfig):
    """One Jira site, Cloud or Data Center, and how to sign in: email and token, a personal access token, or OAuth."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"url": "https://acme.atlassian.net", "email": "scanner@acme.example", "token": "${env:JIRA_TOKEN}"}
            ]
        }
    )

    url: str = Field(
        description="Address of the site; for OAuth and scoped tokens https://api.atlassian.com/ex/jira/<cloud id>.",
        examples=["https://acme.atlassian.net"],
    )
    site_url: str = Field(
        default="",
        description="Address people open in a browser, when it is not `url`. Links in alerts start with it.",
        examples=["https://acme.atlassian.net"],
    )
    cloud: bool | Literal["auto"] = Field(
        default="auto", description="Cloud or Data Center; auto decides by the host name.", examples=["auto"]
    )
    email: str = Field(default="", description="Account of the API token (Cloud).", examples=["scanner@acme.example"])
    token: SecretStr | None = Field(
        default=None, description="API token of that account (Cloud).", examples=["${env:JIRA_TOKEN}"]
    )
    token_expires: date | None = Field(
        default=None,
        description="Day the token ends; Jira does not tell it. A check warns 30 days before.",
        examples=["2027-03-31"],
    )
    pat: SecretStr | None = Field(
        default=None, description="Personal access token (Data Center).", examples=["${env:JIRA_PAT}"]
    )
    oauth: OAuth | None = Field(default=None, description="OAuth 2.0 app instead of a token.", examples=[None])
    projects: tuple[str, ...] = Field(
        default=(), description="Keys of the projects to read; empty means every visible one.", examples=[["OPS", "HR"]]
    )
    exclude_projects: tuple[str, ...] = Field(
        default=(), description="Keys of projects never to read.", examples=[["SANDBOX"]]
    )
    changelog: bool = Field(
        default=False, description="Scan old and new values in the history of issues too.", examples=[True]
    )
    remote_links: bool = Field(
        default=True, description="Scan titles and addresses of remote links: one more call per issue.", examples=[True]
    )

    @field_validator("url", "site_url", "email", mode="after")
    @classmethod
    def _trimmed(cls, value: str) -> str:
        return value.strip().rstrip("/")

    @model_validator(mode="after")
    def _one_way_in(self) -> JiraConfig:
        if urlsplit(self.url).scheme not in {"http", "https"} or not urlsplit(self.url).hostname:
            raise ValueError("url: write the whole address, such as https://acme.atlassian.net")
        if bool(self.email) != (self.token is not None):
            raise ValueError("email and token go together")
        ways = [self.token is not None, self.pat is not None, self.oauth is not None]
        if sum(ways) != 1:
            raise ValueError("set exactly one of email and token, pat, oauth")
        return self

    @property
    def is_cloud(self) -> bool:
        """Say whether the site is Jira Cloud."""
        if self.cloud != "auto":
            return self.cloud
        host = urlsplit(self.url).hostname or ""
        return any(host == known or host.endswith("." + known) for known in CLOUD_HOSTS)

    @property
    def site(self) -> str:
        """Return the address that links start with."""
        return self.site_url or self.url

    def wants(self, project_key: str) -> bool:
        """Say whether the project filters let `project_key` through; a project that is not known passes."""
        if not project_key:
            return True
        return (not self.projects or project_key in self.projects) and project_key not in self.exclude_projects
