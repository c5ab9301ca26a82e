"""Uploads: announce, send chunks in any order, finish, scan."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, TypeVar
from uuid import UUID, uuid4

from pydantic import ValidationError

from connectors.api import alerts
from connectors.api.errors import ApiError, invalid
from connectors.api.platform import Platform
from connectors.api.scan import parsed
from connectors.api.wire import CHUNK, FileScanBody, UploadBody
from connectors.errors import Conflict
from connectors.runtime import Runtime
from connectors.store import uploads
from connectors.store.jobs import Job, enqueue
from connectors.store.keys import Key
from connectors.store.uploads import PIECE, Piece, Upload

QUEUE = "file_scan"

T = TypeVar("T")


async def begin(platform: Platform, key: Key, body: bytes) -> dict[str, Any]:
    """Begin an upload."""
    try:
        asked = UploadBody.model_validate(parsed(body))
    except ValidationError as error:
        raise invalid(error.errors(include_input=False, include_url=False)) from None
    limit = platform.runtime.config.extraction.max_bytes
    if asked.fileSizeBytes > limit:
        data = {"fileSizeBytes": f"at most {limit} bytes are scanned"}
        raise ApiError(40007, "The file is larger than what is scanned.", data=data)
    now = platform.runtime.now()
    new = Upload(
        residency=key.residency,
        id=uuid4(),
        tenant=key.tenant,
        key_id=key.id,
        state="open",
        size=asked.fileSizeBytes,
        chunk_size=CHUNK,
        media_type=asked.mimeType,
        result_id=None,
        reason="",
        expires_at=now + uploads.KEPT,
    )
    database = platform.database(key)
    settings = platform.runtime.config.api.uploads
    bounds = uploads.Bounds(settings.files, settings.bytes)
    if not await asyncio.to_thread(database.run, lambda c: uploads.begin(c, database, new, bounds=bounds, now=now)):
        description = f"At most {bounds.files} files of {bounds.bytes} bytes together wait for their scan."
        raise ApiError(42902, description, headers={"Retry-After": "10"})
    return shown(new, [])


async def status(platform: Platform, key: Key, which: UUID) -> dict[str, Any]:
    """Return an upload and what of it has arrived, for a client that continues."""

    def look(connection: Any) -> tuple[Upload, list[tuple[int, int]]]:
        found = _find(platform, key, which, connection)
        return found, uploads.received(connection, found)

    found, received = await asyncio.to_thread(platform.database(key).read, look)
    return shown(found, received)


async def target(platform: Platform, key: Key, which: UUID, offset: str, length: str) -> tuple[Upload, int]:
    """Return the upload and the offset that a chunk is for, before its body is read. Raises `ApiError`."""
    found = await asyncio.to_thread(platform.database(key).read, lambda c: _find(platform, key, which, c))
    if found.state != "open":
        raise ApiError(40900, f"The upload is {found.state}: it takes no more chunks.")
    if not offset.isascii() or not offset.isdecimal() or len(offset) > 18:
        raise ApiError(40005, data={"X-Upload-Offset": "send the offset of the chunk in bytes"})
    start = int(offset)
    if start % found.chunk_size or start >= found.size:
        reason = f"is a multiple of {found.chunk_size} below {found.size}"
        raise ApiError(40005, data={"X-Upload-Offset": reason})
    expected = min(found.chunk_size, found.size - start)
    if length and length.isascii() and length.isdecimal() and int(length) != expected:
        raise ApiError(40005, data={"body": f"this chunk has {expected} bytes, not {length}"})
    return found, start


async def chunk(platform: Platform, found: Upload, start: int, body: bytes) -> None:
    """Store one chunk, encrypted, in pieces. Raises `ApiError` for a wrong length."""
    expected = min(found.chunk_size, found.size - start)
    if len(body) != expected:
        raise ApiError(40005, data={"body": f"this chunk has {expected} bytes, not {len(body)}"})
    try:
        await asyncio.to_thread(_store, platform.runtime, found, start, body)
    except Conflict as error:
        raise ApiError(40900, str(error)) from None


async def finish(platform: Platform, key: Key, which: UUID) -> dict[str, Any]:
    """Close an upload whose every byte has arrived. Doing it twice is doing it once. Raises `ApiError`."""
    now, database = platform.runtime.now(), platform.database(key)

    def work(connection: Any) -> tuple[Upload, list[tuple[int, int]]]:
        found = _find(platform, key, which, connection, lock=True)
        received = uploads.received(connection, found)
        if found.state == "open" and _complete(found, received):
            uploads.move(connection, found, before=("open",), after="finished", now=now)
        return found, received

    found, received = await asyncio.to_thread(database.run, work)
    if found.state == "open" and not _complete(found, received):
        arrived = sum(end - start for start, end in received)
        raise ApiError(40900, f"{arrived} of {found.size} bytes have arrived.")
    return shown(found, received) | {"state": "finished" if found.state == "open" else found.state}


async def finished(platform: Platform, key: Key, which: UUID) -> Upload:
    """Return an upload that may be scanned. Raises `ApiError`."""
    found = await asyncio.to_thread(platform.database(key).read, lambda c: _find(platform, key, which, c))
    if found.state != "finished":
        raise ApiError(40900, f"The upload is {found.state}: only a finished one is scanned, once.")
    return found


async def scan(platform: Platform, key: Key, which: UUID, body: bytes, *, base: str) -> dict[str, Any]:
    """Ask for the scan of a finished upload. Raises `ApiError`."""
    try:
        asked = FileScanBody.model_validate(parsed(body))
    except ValidationError as error:
        raise invalid(error.errors(include_input=False, include_url=False)) from None
    wanted = asked.policy if asked.policy is not None else asked.policyUUID
    assert wanted is not None  # noqa: S101 (the model saw to it)
    policy = await platform.policy(key, wanted)
    await asyncio.to_thread(alerts.check, platform.runtime, policy)
    request = asked.model_dump(mode="json", exclude_none=True) | {"base": base}
    runtime, database, now = platform.runtime, platform.database(key), platform.runtime.now()
    sealed = runtime.vault.seal(request, context=f"upload:{which}")
    job = Job(QUEUE, str(which), key.residency, key.tenant, arguments={"upload": str(which)})

    def work(connection: Any) -> None:
        found = _find(platform, key, which, connection, lock=True)
        uploads.move(connection, found, before=("finished",), after="scanning", now=now, request=sealed)
        enqueue(database, connection, [job], vault=runtime.vault, now=now)

    await _in_state(lambda: database.run(work))
    return {"id": str(which), "message": "scan initiated"}


def shown(found: Upload, received: list[tuple[int, int]]) -> dict[str, Any]:
    """Return an upload as the API shows it."""
    return {
        "id": str(found.id),
        "fileSizeBytes": found.size,
        "chunkSize": found.chunk_size,
        "mimeType": found.media_type,
        "state": found.state,
        "received": [{"start": start, "end": end} for start, end in received],
    }


def piece_context(upload: UUID, start: int) -> str:
    """Name the place that a piece is encrypted for."""
    return f"upload_piece:{upload}:{start}"


def _store(runtime: Runtime, found: Upload, start: int, body: bytes) -> None:
    database = runtime.databases.of(found.residency)
    pieces = [
        Piece(start + at, len(part), runtime.vault.encrypt(part, context=piece_context(found.id, start + at)))
        for at in range(0, len(body), PIECE)
        for part in (body[at : at + PIECE],)
    ]
    # Few pieces at a time: a transaction of megabytes is retried in whole.
    for first in range(0, len(pieces), 4):
        some = pieces[first : first + 4]
        database.run(partial(uploads.store, database=database, target=found, pieces=some))


def _find(platform: Platform, key: Key, which: UUID, connection: Any, *, lock: bool = False) -> Upload:
    now: datetime = platform.runtime.now()
    return uploads.find(connection, residency=key.residency, tenant=key.tenant, which=which, now=now, lock=lock)


def _complete(found: Upload, received: list[tuple[int, int]]) -> bool:
    return received == ([(0, found.size)] if found.size else [])


async def _in_state(work: Callable[[], T]) -> T:
    try:
        return await asyncio.to_thread(work)
    except Conflict as error:
        raise ApiError(40900, str(error)) from None
