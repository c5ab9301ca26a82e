"""The caller's side of the sandbox: processes that parse hostile bytes, and die when they cost too much."""

from __future__ import annotations

import json
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence

from connectors.errors import ConfigError, Transient
from connectors.extraction import frames
from connectors.extraction.extractor import Budget, Extractor, Text
from connectors.extraction.items import Inner, gap, over
from connectors.model import Gap, UnitFailure

_BOOT = (
    "import sys, json; sys.path[:] = json.loads(sys.argv[1]); "
    "from connectors.extraction import worker; worker.main(int(sys.argv[2]))"
)
_START_SECONDS = 30.0
_GRACE_SECONDS = 2.0
"""What the process gets beyond the budget to end by itself and say what it did not read."""
_JOBS = 500
"""After this many files a process is replaced, so that what a library leaks stays bounded."""


class Pool:
    """Lends one sandbox process per thread that is extracting, and keeps the idle ones."""

    def __init__(self, budget: Budget, extractors: Sequence[Extractor]) -> None:
        self._budget = budget
        self._setup = _pickled(budget, extractors)
        self._idle: list[_Process] = []
        self._owner = os.getpid()
        self._lock = threading.Lock()
        self._closed = False

    def run(self, source: Inner) -> Iterator[Text | UnitFailure]:
        """Yield what the sandbox makes of `source`; a crash or a time-out becomes a failure."""
        process = self._borrow()
        try:
            yield from process.run(source, self._budget)
        finally:
            self._give_back(process)

    def close(self) -> None:
        """End every process."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for process in idle:
            process.kill()

    def _borrow(self) -> _Process:
        with self._lock:
            if self._owner != os.getpid():
                self._owner, self._idle = os.getpid(), []  # a fork: these sockets belong to the other process
            while self._idle:
                process = self._idle.pop()
                if process.is_alive:
                    return process
                process.kill()
        try:
            return _Process(self._setup)
        except OSError as error:
            raise Transient(f"the sandbox process did not start: {type(error).__name__}") from None

    def _give_back(self, process: _Process) -> None:
        if process.is_usable:
            with self._lock:
                if not self._closed:
                    self._idle.append(process)
                    return
        process.kill()


class _Process:
    """One sandbox process and the socket to it."""

    def __init__(self, setup: bytes) -> None:
        self.is_usable = False
        self._jobs = 0
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-c", _BOOT, json.dumps(sys.path), str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
                env={"PATH": os.environ.get("PATH", os.defpath), "OMP_THREAD_LIMIT": "1", "LANG": "C.UTF-8"},
            )
        self._deadline = time.monotonic() + _START_SECONDS
        self._setup = setup

    @property
    def is_alive(self) -> bool:
        """Whether the process still runs; somebody may have ended it while it was idle."""
        return self._process.poll() is None

    def run(self, source: Inner, budget: Budget) -> Iterator[Text | UnitFailure]:
        """Yield the results of one file. Only the time spent waiting for the process counts."""
        self.is_usable = False
        try:
            self._start()
            self._left(budget.seconds + _GRACE_SECONDS)
            header: dict[str, object] = {"name": source.name, "media_type": source.media_type, "cut": source.cut}
            self._send(header, source.data)
            yield from self._results(budget)
        except TimeoutError:
            self.kill()
            yield over("", "seconds", budget.seconds)
        except (OSError, EOFError, frames.BadFrame):
            self.kill()
            yield self._post_mortem(budget)

    def _start(self) -> None:
        """Hand over the set-up when this is the process's first file."""
        if self._jobs == 0:
            self._left(_START_SECONDS)
            self._send({}, self._setup)
            frames.unpack(self._receive, limit=0)
        self._jobs += 1

    def _send(self, header: dict[str, object], body: bytes) -> None:
        self._socket.settimeout(max(self._deadline - time.monotonic(), 0.01))
        for piece in frames.pack(header, body):
            self._socket.sendall(piece)

    def _results(self, budget: Budget) -> Iterator[Text | UnitFailure]:
        while True:
            header, body = frames.unpack(self._receive, limit=4 * budget.text + 4)
            if header.get("kind") == "done":
                self.is_usable = self._jobs < _JOBS and not header.get("stale")
                return
            item = frames.to_item(header, body)
            del body  # the caller may keep the item for long
            left = self._deadline - time.monotonic()
            yield item
            self._left(left)

    def _left(self, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds

    def _receive(self, size: int) -> bytearray:
        data = bytearray(size)
        view, got = memoryview(data), 0
        while got < size:
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self._socket.settimeout(left)
            count = self._socket.recv_into(view[got:])
            if not count:
                raise EOFError
            got += count
        return data

    def _post_mortem(self, budget: Budget) -> UnitFailure:
        """Say why the process died, by the signal that ended it."""
        ended = -(self._process.returncode or 0)
        if ended == signal.SIGXCPU:
            return over("", "seconds", budget.seconds)
        if ended == signal.SIGKILL:
            return over("", "memory", budget.memory)
        name = signal.Signals(ended).name if ended > 0 else "an error"
        return gap("", Gap.CORRUPT, f"the reader crashed with {name}")

    def kill(self) -> None:
        """End the process and whatever it started."""
        self.is_usable = False
        self._socket.close()
        try:
            self._process.wait(0.2 if self._process.poll() is None and self._is_dying() else 0)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _is_dying(self) -> bool:
        """Give a process whose end of the socket is closed the moment it needs to leave its exit code."""
        return time.monotonic() < self._deadline


def _pickled(budget: Budget, extractors: Sequence[Extractor]) -> bytes:
    try:
        return pickle.dumps((budget, tuple(extractors)))
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        names = ", ".join(type(extractor).__qualname__ for extractor in extractors)
        raise ConfigError(
            f"an extractor cannot be sent to the sandbox process ({type(error).__name__}): {names}",
            hint="define its class at the top level of a module",
        ) from None
