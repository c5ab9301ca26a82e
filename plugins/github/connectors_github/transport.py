"""The proxy of the host for PyGithub, which brings its own sessions and takes no proxy."""

from __future__ import annotations

import threading
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

from github.Requester import HTTPRequestsConnectionClass, HTTPSRequestsConnectionClass, Requester

_CHOOSING = threading.Lock()


@contextmanager
def proxied(proxies: MutableMapping[str, str]) -> Iterator[None]:
    """Let the clients that are made within go through `proxies`, by scheme; others are left alone.

    PyGithub chooses the classes of its connections when a client is made, from what is said for all clients.
    """

    class Plain(HTTPRequestsConnectionClass):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.session.proxies = proxies

    class Secure(HTTPSRequestsConnectionClass):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.session.proxies = proxies

    with _CHOOSING:
        Requester.injectConnectionClasses(Plain, Secure)
        try:
            yield
        finally:
            Requester.resetConnectionClasses()
