"""The sandbox process: gives up what it does not need, then reads files until its caller hangs up."""

from __future__ import annotations

import ctypes
import logging
import os
import pickle
import resource
import sys
from typing import Any, BinaryIO

from connectors.extraction import frames, tables
from connectors.extraction.extractor import Budget, Extractor
from connectors.extraction.items import Inner, over
from connectors.extraction.walk import walk

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_PROGRAMS = frozenset({"tesseract"})
"""The only programs that a reader may run."""
_FORBIDDEN = ("socket.", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "os.system", "pty.", "urllib.",
              "ftplib.", "http.", "smtplib.", "shutil.", "os.remove", "os.rename", "os.kill", "os.mkdir",
              "os.chmod", "os.chown", "os.link", "os.symlink", "os.truncate", "webbrowser.")  # fmt: skip
_FILES = 64
_STALE_PAGES = (256 << 20) // resource.getpagesize()
"""Resident size at which the process asks to be replaced."""


def main(descriptor: int) -> None:
    """Serve one caller over the socket `descriptor`."""
    with os.fdopen(descriptor, "r+b", buffering=0) as raw:
        stream: Any = raw
        _, body = frames.unpack(lambda size: _read(stream, size))
        budget, extractors = pickle.loads(body)  # noqa: S301 - from the caller, before any foreign bytes
        _confine(budget)
        tables.raise_field_limit()
        logging.disable()  # parsers quote what they stumble over
        _write(stream, frames.pack({"kind": "ready"}))
        try:
            while True:
                _serve(stream, budget, extractors)
        except (EOFError, BrokenPipeError, ConnectionError):
            return


def _serve(stream: BinaryIO, budget: Budget, extractors: tuple[Extractor, ...]) -> None:
    header, data = frames.unpack(lambda size: _read(stream, size))
    source = Inner("", bytes(data), header["name"], header["media_type"], header["cut"])
    _allow_cpu(budget.seconds)
    is_short = False
    try:
        for item in walk(source, budget, extractors=extractors):
            _write(stream, frames.pack_item(item))
    except MemoryError:
        is_short = True
    if is_short:
        _write(stream, frames.pack_item(over("", "memory", budget.memory)))
    _write(stream, frames.pack({"kind": "done", "stale": is_short or _resident() > _STALE_PAGES}))


def _confine(budget: Budget) -> None:
    """Give up network, files, programs and memory beyond the budget."""
    _leave_network()
    mapped = _mapped()
    for kind, value in (
        (resource.RLIMIT_AS, mapped + budget.memory if mapped else resource.RLIM_INFINITY),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, _FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (value, value))
    sys.addaudithook(_refuse)


def _leave_network() -> None:
    """Move into a network namespace without interfaces, where the kernel allows it."""
    unshare = getattr(ctypes.CDLL(None), "unshare", None)
    if unshare is not None and unshare(_CLONE_NEWNET) != 0:
        unshare(_CLONE_NEWUSER | _CLONE_NEWNET)


def _refuse(event: str, args: tuple[Any, ...]) -> None:
    """Refuse what no reader needs. Python-level only: the namespace and the limits hold for native code."""
    if event == "open":
        if isinstance(args[0], int):
            return  # a descriptor that is open already: the pipes to a program
        mode, flags = args[1], args[2]
        if (isinstance(mode, str) and set(mode) & set("wax+")) or (flags or 0) & (os.O_WRONLY | os.O_RDWR):
            raise PermissionError("the sandbox writes no files")
    elif event == "subprocess.Popen":
        if os.path.basename(str(args[0])) not in _PROGRAMS:  # noqa: PTH119 - pathlib would audit again
            raise PermissionError("the sandbox runs no programs")
    elif event.startswith(_FORBIDDEN):
        raise PermissionError(f"the sandbox refuses {event}")


def _allow_cpu(seconds: float) -> None:
    """Move the CPU limit on by one budget: the kernel counts over the life of the process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = int(used.ru_utime + used.ru_stime + seconds) + 2
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))


def _mapped() -> int:
    return _statm(0) * resource.getpagesize()


def _resident() -> int:
    return _statm(1)


def _statm(field: int) -> int:
    """Read a field of /proc/self/statm in pages; systems without it count from nothing."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 - one read per file
            return int(file.read().split()[field])
    except OSError:
        return 0


def _read(stream: BinaryIO, size: int) -> bytes:
    data = bytearray(size)
    view, got = memoryview(data), 0
    while got < size:
        count = stream.readinto(view[got:])  # type: ignore[attr-defined] # raw streams have it
        if not count:
            raise EOFError
        got += count
    return bytes(data)


def _write(stream: BinaryIO, pieces: tuple[bytes, bytes]) -> None:
    for piece in pieces:
        view = memoryview(piece)
        while view:
            view = view[stream.write(view) :]
