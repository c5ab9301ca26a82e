"""The error body of the developer API, and every code in it.

    {"code": 40002, "message": "Invalid request", "description": "...", "additionalData": {"field": "what is wrong"}}

Codes from 40000 to 49999 are the caller's to correct, others are ours. The first three digits are the HTTP status.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, Field
from pydantic_core import ErrorDetails

from connectors.errors import (
    ConfigError,
    Conflict,
    ConnectorsError,
    NotFound,
    RateLimited,
    StoreUnavailable,
    Transient,
    Unsupported,
)
from connectors.store.search import QueryError

CODES: Mapping[int, str] = {
    40001: "The body is not JSON",
    40002: "Invalid request",
    40003: "The payload is too large",
    40004: "The payload has too many items",
    40005: "The upload offset or length is wrong",
    40006: "The query cannot be understood",
    40007: "The file is too large",
    40100: "The API key is missing or not valid",
    40300: "The API key does not allow this",
    40400: "Not found",
    40500: "The method is not allowed here",
    40900: "The upload is in the wrong state",
    40901: "It was changed meanwhile",
    41300: "The request is too large",
    42200: "The request cannot be processed",
    42201: "A regular expression is refused",
    42202: "There is no such detector",
    42203: "There is no such policy or rule",
    42204: "The webhook address is refused",
    42205: "The alert has no destination",
    42206: "There are too many findings",
    42900: "Too many requests",
    42901: "The monthly quota is used up",
    42902: "Too much waits to be scanned",
    50000: "Something went wrong here",
    50300: "The service is not available at the moment",
}
"""Every code with its message. `docs/api.md` lists them."""


class ErrorBody(BaseModel):
    """What every answer but a successful one holds."""

    code: int = Field(examples=[40002])
    message: str = Field(examples=["Invalid request"])
    description: str = Field(examples=["One or more fields are wrong."])
    additionalData: dict[str, str] = Field(default={}, examples=[{"payload": "field required"}])  # noqa: N815 (wire name)


class ApiError(ConnectorsError):
    """An answer that is not a success. `data` names fields; nothing in it holds content."""

    code = "api"

    def __init__(
        self,
        number: int,
        description: str = "",
        *,
        data: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(description or CODES[number])
        self.number = number
        self.status = number // 100
        self.data = dict(data or {})
        self.headers = dict(headers or {})

    def body(self) -> dict[str, Any]:
        """Return the error body."""
        return {
            "code": self.number,
            "message": CODES[self.number],
            "description": str(self),
            "additionalData": self.data,
        }


def translated(error: ConnectorsError) -> ApiError:
    """Say an error of the house in the words of the API."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, QueryError):
        return ApiError(40006, str(error), data={"q": f"at character {error.at}"})
    if isinstance(error, RateLimited):
        wait = str(max(1, round(error.after or 1)))
        return ApiError(42900, str(error), headers={"Retry-After": wait})
    for kind, number in _NUMBERS:
        if isinstance(error, kind):
            return ApiError(number, str(error))
    return ApiError(50000)


_NUMBERS: tuple[tuple[type[ConnectorsError], int], ...] = (
    (NotFound, 40400),
    (Conflict, 40901),
    (Unsupported, 42200),
    (ConfigError, 42200),
    (StoreUnavailable, 50300),
    (Transient, 50300),
)


def invalid(details: Iterable[ErrorDetails], *, skip: int = 0) -> ApiError:
    """Turn pydantic's findings into one error that names every field, never its value."""
    data: dict[str, str] = {}
    for detail in details:
        if detail["type"] == "json_invalid":
            return ApiError(40001, "Send a JSON object, encoded as UTF-8.")
        place = _dotted(detail["loc"][skip:]) or "body"
        data.setdefault(place, _sentence(detail))
        if len(data) == 20:
            break
    return ApiError(40002, "One or more fields are wrong.", data=data)


def _sentence(detail: ErrorDetails) -> str:
    if detail["type"] in {"model_type", "dict_type"}:
        return "Input should be a JSON object"
    message = detail["msg"].removeprefix("Value error, ")
    if detail["type"] in {"literal_error", "enum", "missing", "value_error"} or "input" not in message:
        return message[:300]
    return message.split("[", 1)[0][:300]


def _dotted(path: tuple[str | int, ...]) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else (f".{part}" if text else part)
    return text
