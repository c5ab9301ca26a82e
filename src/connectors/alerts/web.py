"""What destinations that speak HTTP have in common."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import Field, SecretStr, model_validator

from connectors.alerts.destination import DestinationConfig


class WebConfig(DestinationConfig):
    """Base of the options of a destination with a URL: it must be https, unless `allow_http`."""

    addresses: ClassVar[tuple[str, ...]] = ("url",)
    """Names of the options that hold a URL."""

    allow_http: bool = Field(
        default=False, description="Allow a URL without TLS, for a receiver in the same network.", examples=[False]
    )

    @model_validator(mode="after")
    def _encrypted(self) -> Self:
        schemes = ("https://", "http://") if self.allow_http else ("https://",)
        for name in self.addresses:
            value = getattr(self, name)
            url = value.get_secret_value() if isinstance(value, SecretStr) else value
            if not url.lower().startswith(schemes):
                raise ValueError(f"`{name}` must start with https:// (http:// needs `allow_http: true`)")
        return self
