"""Object storage behind one door: S3, Google Cloud Storage, Azure, or a folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from connectors.errors import ConfigError, Transient


class Store(Protocol):
    """Where files are put."""

    def put(self, path: str, content: bytes) -> None:
        """Write a whole file, or write it again. Raises `Transient` when the storage does not take it."""


class ObjectStore:
    """A bucket or folder, through obstore (https://developmentseed.org/obstore/)."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def put(self, path: str, content: bytes) -> None:
        """Write a file. Raises `Transient`."""
        import obstore
        from obstore.exceptions import BaseError

        try:
            obstore.put(self._store, path, content)
        except (BaseError, OSError) as error:
            raise Transient(f"the object storage did not take a file ({type(error).__name__})") from None


def open_store(url: str, options: Mapping[str, str], *, folder: Path) -> Store:
    """Return the storage at a URL; a path without a scheme is a folder, relative to `folder`.

    `options` are obstore's for that kind of store. Raises `ConfigError`.
    """
    try:
        import obstore.store
        from obstore.exceptions import BaseError
    except ImportError:
        raise ConfigError("cdc needs obstore", hint="pip install 'connectors[lake]'") from None
    try:
        if "://" not in url or url.startswith("file://"):
            path = Path(url.removeprefix("file://"))
            return ObjectStore(obstore.store.LocalStore(folder / path, mkdir=True))
        # Plain HTTP is refused by obstore unless it is allowed; an endpoint of http:// says that it is meant.
        plain = options.get("endpoint", "").startswith("http://")
        client: Any = {"allow_http": True} if plain else None
        chosen: Any = dict(options)
        return ObjectStore(obstore.store.from_url(url, client_options=client, **chosen))
    except (BaseError, ValueError, TypeError) as error:
        raise ConfigError(f"cdc.url cannot be used ({type(error).__name__})", hint="write s3://bucket/path") from None
