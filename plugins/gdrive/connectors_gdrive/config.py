"""What stands under `config:` of a Google Drive connection."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    field_validator,
    model_validator,
)

from connectors import ConnectionConfig

Email = Annotated[str, StringConstraints(to_lower=True, strip_whitespace=True, pattern=r"^[^@\s]+@[^@\s]+$")]
Domain = Annotated[str, StringConstraints(to_lower=True, strip_whitespace=True, pattern=r"^[^@\s]+\.[^@\s]+$")]

MAIL_HOSTERS = frozenset({"gmail.com", "googlemail.com"})
"""Domains whose members are strangers to each other."""

_KEY_EXAMPLE = json.dumps(
    {
        "type": "service_account",
        "client_email": "connectors@acme-dlp.iam.gserviceaccount.com",
        "client_id": "100000000000000000001",
        "private_key": "(the key block of the downloaded file)",
        "token_uri": "https://oauth2.googleapis.com/token",
    }
)


class OAuth(BaseModel):
    """A refresh token of one user, for an account without an administrator."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    client_id: str = Field(description="Id of the OAuth client.", examples=["1234.apps.googleusercontent.com"])
    client_secret: SecretStr = Field(description="Secret of the OAuth client.", examples=["${env:DRIVE_SECRET}"])
    refresh_token: SecretStr = Field(
        description="Refresh token of the user whose Drive is read.", examples=["${env:DRIVE_REFRESH_TOKEN}"]
    )
    token_uri: str = Field(
        default="https://oauth2.googleapis.com/token",
        description="Where access tokens are made.",
        examples=["https://oauth2.googleapis.com/token"],
    )


class DriveConfig(ConnectionConfig):
    """One Google Workspace (by service account) or one Google account (by OAuth)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "service_account": _KEY_EXAMPLE,
                    "admin": "admin@acme.example",
                    "users": "all",
                    "domains": ["acme.example"],
                    "webhook_secret": "${env:DRIVE_WEBHOOK_SECRET}",
                }
            ]
        }
    )

    service_account: SecretStr | None = Field(
        default=None,
        description="The JSON key file of a service account with domain-wide delegation.",
        examples=["${file:/etc/connectors/drive-key.json}"],
    )
    oauth: OAuth | None = Field(
        default=None,
        description="Instead of a service account: the refresh token of one user.",
        examples=[{"client_id": "1234", "client_secret": "${env:A}", "refresh_token": "${env:B}"}],
    )
    users: Literal["all"] | tuple[Email, ...] = Field(
        default=(),
        description="Whose drives are read: addresses, or `all` (asks the Admin Directory as `admin`).",
        examples=["all", ["ana@acme.example", "ben@acme.example"]],
    )
    admin: Email | None = Field(
        default=None,
        description="An administrator, as whom the user directory and the list of shared drives are read.",
        examples=["admin@acme.example"],
    )
    domains: tuple[Domain, ...] = Field(
        default=(),
        description="Domains whose people are internal. Empty: the domains of `users` and `admin`.",
        examples=[["acme.example"]],
    )
    shared_drives: bool | tuple[str, ...] = Field(
        default=True, description="Read shared drives: all, none, or these ids.", examples=[True]
    )
    act: bool = Field(
        default=False,
        description="Ask for the scope that allows actions (`drive`) instead of `drive.readonly`.",
        examples=[False],
    )
    labels: bool = Field(
        default=False,
        description="Also scan the text fields of Drive labels: one more call per file.",
        examples=[False],
    )
    old_revisions: bool = Field(
        default=False, description="Also scan the old versions of uploaded files.", examples=[False]
    )
    quarantine_folder: str | None = Field(
        default=None,
        description="Id of the folder that `quarantine` moves files to.",
        examples=["1QuarantineFolder"],
    )
    api_url: str | None = Field(
        default=None,
        description="Base URL of the Google APIs, for a proxy or a test server.",
        examples=["https://www.googleapis.com"],
    )

    @field_validator("service_account")
    @classmethod
    def _is_key_file(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            try:
                key = json.loads(value.get_secret_value())
            except ValueError:
                raise ValueError("not JSON: give the whole key file, with ${file:...}") from None
            missing = {"client_email", "private_key", "token_uri"} - set(key if isinstance(key, dict) else ())
            if missing:
                raise ValueError(f"not a service account key: {', '.join(sorted(missing))} missing")
        return value

    @model_validator(mode="after")
    def _one_way_in(self) -> DriveConfig:
        if (self.service_account is None) == (self.oauth is None):
            raise ValueError("give either service_account or oauth")
        if self.users == "all" and self.admin is None:
            raise ValueError("users: all needs admin, as whom the directory is read")
        if self.oauth is not None and (self.users or self.admin):
            raise ValueError("users and admin need service_account: an OAuth token stands for one user only")
        return self

    def key(self) -> dict[str, Any]:
        """Return the parsed service account key, or {} with OAuth."""
        key: dict[str, Any] = json.loads(self.service_account.get_secret_value()) if self.service_account else {}
        return key

    def internal(self, address: str) -> bool:
        """Say whether an e-mail address or a domain belongs to the organisation."""
        address = address.lower()
        domain = address.rpartition("@")[2]
        if self.domains:
            return domain in self.domains
        own = [*(self.users if self.users != "all" else ()), *((self.admin,) if self.admin else ())]
        if domain in MAIL_HOSTERS:
            return address in own
        return domain in {person.rpartition("@")[2] for person in own}
