"""Every exception of the product, named for what the host does about it.

    ConnectorsError
    ├── ConfigError            stop at start-up; the admin corrects the YAML
    ├── Unverified             answer 401, store nothing, count it
    ├── Malformed              keep as a failed delivery with the reason, answer 2xx
    ├── AuthError              mark the connection broken, tell the admin once
    ├── MissingScope           this part is not covered: a gap in the ledger
    ├── NotFound               the resource is gone: resolve its findings
    ├── RateLimited            wait `after` seconds; other connections go on
    ├── Transient              retry with back-off, dead letter after the last attempt
    ├── Unsupported            the app or plugin cannot do this: tell the caller
    ├── Conflict               somebody changed it first: nothing was written
    ├── PluginFault            a bug in a plugin: reported under its name, isolated
    └── StoreUnavailable       the database is away: 503 at the gateway, retry in the worker

A message is shown to admins and written to logs, so it never holds scanned text, bodies or tokens.
"""

from __future__ import annotations


class ConnectorsError(Exception):
    """Base of every error that the product raises on purpose.

    `code` is the stable machine name; `hint` says what to do about it.
    """

    code = "error"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    def __str__(self) -> str:
        message = str(self.args[0])
        return f"{message} ({self.hint})" if self.hint else message


class ConfigError(ConnectorsError):
    """The configuration cannot be used; each problem names its line, its key and what to write instead."""

    code = "config"

    def __init__(self, message: str, *, hint: str = "", problems: tuple[str, ...] = ()) -> None:
        super().__init__(message, hint=hint)
        self.problems = problems or (str(self),)


class Unverified(ConnectorsError):
    """A request whose sender could not be proven: signature absent or wrong, or timestamp stale."""

    code = "unverified"


class Malformed(ConnectorsError):
    """A verified delivery whose body is not what the app documents."""

    code = "malformed"


class AuthError(ConnectorsError):
    """The app refuses the connection's credentials."""

    code = "auth"


class MissingScope(ConnectorsError):
    """The credentials work but do not allow this part."""

    code = "missing_scope"


class NotFound(ConnectorsError):
    """The resource does not exist in the app (any more)."""

    code = "not_found"


class RateLimited(ConnectorsError):
    """The app asks to wait. `after` is in seconds; None when the app did not say."""

    code = "rate_limited"

    def __init__(self, message: str = "the app asks to slow down", *, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


class Transient(ConnectorsError):
    """Something that may work next time: a time-out, a 5xx, a dropped connection."""

    code = "transient"


class Unsupported(ConnectorsError):
    """The app, the plan or the plugin has no way to do this."""

    code = "unsupported"


class Conflict(ConnectorsError):
    """The thing changed since it was read; nothing was written."""

    code = "conflict"


class PluginFault(ConnectorsError):
    """A plugin broke its contract. Holds the plugin's name and the exception's type, never its message."""

    code = "plugin_fault"

    def __init__(self, plugin: str, doing: str, cause: BaseException) -> None:
        super().__init__(f"plugin {plugin!r} failed in {doing} with {type(cause).__name__}")
        self.plugin = plugin
        self.doing = doing


class StoreUnavailable(ConnectorsError):
    """The database did not answer."""

    code = "store_unavailable"
