"""What an admin writes under `config:` of a Confluence connection."""

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
    the app's service account (client credentials).
    https://developer.atlassian.com/cloud/confluence/oauth-2-3lo-apps/
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    client_id: str = Field(description="Client id of the app.", examples=["a1b2c3"])
    client_secret: SecretStr = Field(
        description="Client secret of the app.", examples=["${env:CONFLUENCE_CLIENT_SECRET}"]
    )
    refresh_token: SecretStr | None = Field(
        default=None,
        description="Refresh token (scope offline_access). It rotates; the newest is kept by the connection.",
        examples=["${env:CONFLUENCE_REFRESH_TOKEN}"],
    )
    token_url: str = Field(
        default="https://auth.atlassian.com/oauth/token",
        description="Where access tokens come from.",
        examples=["https://auth.atlassian.com/oauth/token"],
    )


class ConfluenceConfig(ConnectionConfig):
    """One Confluence site, Cloud or Data Center, and how to sign in: email and token, personal access token, OAuth."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "url": "https://acme.atlassian.net/wiki",
                    "email": "scanner@acme.example",
                    "token": "${env:CONFLUENCE_TOKEN}",
                }
            ]
        }
    )

    url: str = Field(
        description="Address of the site; for OAuth https://api.atlassian.com/ex/confluence/<cloud id>.",
        examples=["https://acme.atlassian.net/wiki"],
    )
    site_url: str = Field(
        default="",
        description="Address people open in a browser, when it is not `url`. Links in alerts start with it.",
        examples=["https://acme.atlassian.net/wiki"],
    )
    cloud: bool | Literal["auto"] = Field(
        default="auto", description="Cloud or Data Center; auto decides by the host name.", examples=["auto"]
    )
    email: str = Field(default="", description="Account of the API token (Cloud).", examples=["scanner@acme.example"])
    token: SecretStr | None = Field(
        default=None, description="API token of that account (Cloud).", examples=["${env:CONFLUENCE_TOKEN}"]
    )
    token_expires: date | None = Field(
        default=None,
        description="Day the token ends; Confluence does not tell it. A check warns 30 days before.",
        examples=["2027-03-31"],
    )
    pat: SecretStr | None = Field(
        default=None, description="Personal access token (Data Center).", examples=["${env:CONFLUENCE_PAT}"]
    )
    oauth: OAuth | None = Field(default=None, description="OAuth 2.0 app instead of a token.", examples=[None])
    spaces: tuple[str, ...] = Field(
        default=(), description="Keys of the spaces to read; empty means every visible one.", examples=[["ENG", "HR"]]
    )
    exclude_spaces: tuple[str, ...] = Field(default=(), description="Keys of spaces never to read.", examples=[["LAB"]])
    personal_spaces: bool = Field(default=True, description="Read people's personal spaces too.", examples=[True])
    history: bool = Field(
        default=False, description="Scan old versions of pages and blog posts too: one more call each.", examples=[True]
    )

    @field_validator("url", "site_url", "email", mode="after")
    @classmethod
    def _trimmed(cls, value: str) -> str:
        return value.strip().rstrip("/")

    @model_validator(mode="after")
    def _one_way_in(self) -> ConfluenceConfig:
        if urlsplit(self.url).scheme not in {"http", "https"} or not urlsplit(self.url).hostname:
            raise ValueError("url: write the whole address, such as https://acme.atlassian.net/wiki")
        if bool(self.email) != (self.token is not None):
            raise ValueError("email and token go together")
        ways = [self.token is not None, self.pat is not None, self.oauth is not None]
        if sum(ways) != 1:
            raise ValueError("set exactly one of email and token, pat, oauth")
        return self

    @property
    def is_cloud(self) -> bool:
        """Say whether the site is Confluence Cloud."""
        if self.cloud != "auto":
            return self.cloud
        host = urlsplit(self.url).hostname or ""
        return any(host == known or host.endswith("." + known) for known in CLOUD_HOSTS)

    @property
    def root(self) -> str:
        """Return the address that API paths are put after; on Cloud they start with /wiki themselves."""
        return self.url.removesuffix("/wiki") if self.is_cloud else self.url

    @property
    def site(self) -> str:
        """Return the address that links start with."""
        return self.site_url or (self.root + "/wiki" if self.is_cloud else self.url)

    def wants(self, space_key: str) -> bool:
        """Say whether the space filters let `space_key` through; a space that is not known passes."""
        if not space_key:
            return True
        if space_key.startswith("~") and not self.personal_spaces:
            return False
        return (not self.spaces or space_key in self.spaces) and space_key not in self.exclude_spaces
