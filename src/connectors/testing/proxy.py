"""A TCP proxy that breaks on command: between a client and a server, to see what the client makes of it."""

from __future__ import annotations

import selectors
import socket
import threading
import time
from contextlib import suppress
from typing import Self

CHUNK = 65536


class FaultProxy:
    """Forwards loopback connections to `port`; use it as a context manager and give clients its own `port`.

    Set `delay` (seconds per chunk) to slow it, `hang` to hold every byte back, `down` to refuse new connections;
    `cut` ends those that are open.
    """

    def __init__(self, port: int) -> None:
        self.target = port
        self.delay = 0.0
        self.hang = threading.Event()
        self.down = threading.Event()
        self.seen = bytearray()
        """Every byte that clients sent, in the order of arrival."""
        self._closed = threading.Event()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        self._spawn(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        for thread in self._threads:
            thread.join(5)

    def cut(self) -> int:
        """End every open connection in the middle of whatever it does; return how many there were."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for end in pair:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
        return len(pairs)

    def _spawn(self, target: object, *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True, name="fault-proxy")  # type: ignore[arg-type]  # any callable
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                if self.down.is_set():
                    raise ConnectionRefusedError
                server = socket.create_connection(("127.0.0.1", self.target), timeout=5)
            except OSError:
                client.close()
                continue
            with self._lock:
                self._pairs.append((client, server))
            self._spawn(self._forward, client, server)

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        with client, server, selectors.DefaultSelector() as ready:
            ready.register(client, selectors.EVENT_READ, server)
            ready.register(server, selectors.EVENT_READ, client)
            while not self._closed.is_set():
                for key, _ in ready.select(0.1):
                    source: socket.socket = key.fileobj  # type: ignore[assignment]  # only sockets are registered
                    if not self._pass(source, key.data, keep=source is client):
                        return

    def _pass(self, source: socket.socket, sink: socket.socket, *, keep: bool) -> bool:
        while self.hang.is_set() and not self._closed.is_set():
            time.sleep(0.01)
        try:
            data = source.recv(CHUNK)
            if keep:
                self.seen += data
            if self.delay:
                time.sleep(self.delay)
            sink.sendall(data)
        except OSError:
            return False
        return bool(data)
