"""Uploaded files: pieces that arrive in any order, encrypted at rest, deleted when the scan has ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from connectors.errors import Conflict, NotFound
from connectors.store import tenants
from connectors.store.columns import natural_id
from connectors.store.engine import Database
from connectors.store.tables.platform import scan_result, upload, upload_piece

PIECE = 512 * 2**10
"""Bytes of one row before encryption: CockroachDB wants rows below a megabyte."""

KEPT = timedelta(hours=24)
"""How long an upload may wait for its scan, and its result for its reader."""


@dataclass(frozen=True, slots=True)
class Upload:
    """One file on its way in."""

    residency: str
    id: UUID
    tenant: str
    key_id: UUID
    state: str
    size: int
    chunk_size: int
    media_type: str
    result_id: UUID | None
    reason: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much a tenant may have uploaded at a time, until it is scanned: files, and bytes of them all."""

    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of an upload as it is stored: `body` is encrypted."""

    start: int
    size: int
    body: bytes


def begin(connection: sa.Connection, database: Database, new: Upload, *, bounds: Bounds, now: datetime) -> bool:
    """Record an upload that is about to start; False when the tenant has as many as it may have.

    The tenant's row is held meanwhile, so that two uploads that begin together are not both the last one.
    """
    tenants.hold(connection, residency=new.residency, name=new.tenant)
    files, size = _waiting(connection, new, now)
    if files >= bounds.files or size + new.size > bounds.bytes:
        return False
    row = {name: getattr(new, name) for name in Upload.__slots__}
    row |= {"request": None, "created_at": now, "updated_at": now}
    database.insert_new(connection, upload, [row])
    return True


def _waiting(connection: sa.Connection, new: Upload, now: datetime) -> tuple[int, int]:
    """Return how many files, and bytes, of the tenant are uploaded or announced and not scanned yet."""
    query = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(upload.c.size), 0)).where(
        upload.c.residency == new.residency,
        upload.c.tenant == new.tenant,
        upload.c.state.in_(("open", "finished", "scanning")),
        upload.c.expires_at > now,
    )
    files, size = connection.execute(query).one()
    return int(files), int(size)


def find(
    connection: sa.Connection,
    *,
    residency: str,
    tenant: str,
    which: UUID,
    now: datetime,
    lock: bool = False,
) -> Upload:
    """Return an upload of the tenant. Raises `NotFound` for one that is not there or has expired.

    With `lock` nobody else changes it until the transaction ends.
    """
    query = sa.select(*(upload.c[name] for name in Upload.__slots__)).where(
        upload.c.residency == residency,
        upload.c.id == which,
        upload.c.tenant == tenant,
        upload.c.expires_at > now,
    )
    if lock:
        query = query.with_for_update()
    row = connection.execute(query).first()
    if row is None:
        raise NotFound("there is no such upload", hint="uploads are kept for 24 hours")
    return Upload(**row._asdict())


def store(connection: sa.Connection, database: Database, target: Upload, pieces: Sequence[Piece]) -> None:
    """Store pieces of an open upload; a piece that is sent again replaces itself. Raises `Conflict`."""
    query = sa.select(upload.c.state).where(upload.c.residency == target.residency, upload.c.id == target.id)
    if connection.execute(query).scalar() != "open":
        raise Conflict("the upload is finished")
    rows = [
        {
            "residency": target.residency, "id": natural_id("piece", str(target.id), piece.start),
            "tenant": target.tenant, "upload_id": target.id, "start": piece.start, "size": piece.size,
            "body": piece.body, "expires_at": target.expires_at,
        }
        for piece in pieces
    ]  # fmt: skip
    database.upsert(connection, upload_piece, rows, update=("size", "body"))


def received(connection: sa.Connection, target: Upload) -> list[tuple[int, int]]:
    """Return (start, end) of the ranges that have arrived, merged, in order."""
    query = (
        sa.select(upload_piece.c.start, upload_piece.c.size)
        .where(upload_piece.c.residency == target.residency, upload_piece.c.upload_id == target.id)
        .order_by(upload_piece.c.start)
    )
    ranges: list[tuple[int, int]] = []
    for start, size in connection.execute(query):
        if ranges and ranges[-1][1] == start:
            ranges[-1] = (ranges[-1][0], start + size)
        else:
            ranges.append((start, start + size))
    return ranges


def move(
    connection: sa.Connection,
    target: Upload,
    *,
    before: Sequence[str],
    after: str,
    now: datetime,
    **values: Any,
) -> None:
    """Change the state of an upload. Raises `Conflict` when it is not in one of `before`."""
    statement = (
        sa.update(upload)
        .where(upload.c.residency == target.residency, upload.c.id == target.id, upload.c.state.in_(before))
        .values(state=after, updated_at=now, **values)
        .returning(upload.c.id)
    )
    if connection.execute(statement).first() is None:
        raise Conflict(f"the upload is not {' or '.join(before)}")


def request_of(connection: sa.Connection, target: Upload) -> bytes | None:
    """Return the encrypted request of the scan."""
    query = sa.select(upload.c.request).where(upload.c.residency == target.residency, upload.c.id == target.id)
    found: bytes | None = connection.execute(query).scalar()
    return found


def pieces(connection: sa.Connection, target: Upload) -> Iterator[Piece]:
    """Yield the pieces in order, as stored."""
    query = (
        sa.select(upload_piece.c.start, upload_piece.c.size, upload_piece.c.body)
        .where(upload_piece.c.residency == target.residency, upload_piece.c.upload_id == target.id)
        .order_by(upload_piece.c.start)
    )
    for start, size, body in connection.execute(query):
        yield Piece(start, size, body)


def drop(connection: sa.Connection, target: Upload) -> None:
    """Delete everything that was uploaded."""
    connection.execute(
        sa.delete(upload_piece).where(
            upload_piece.c.residency == target.residency, upload_piece.c.upload_id == target.id
        )
    )


def keep_result(
    connection: sa.Connection,
    database: Database,
    *,
    residency: str,
    tenant: str,
    which: UUID,
    body: bytes,
    now: datetime,
) -> None:
    """Store an encrypted result for a day."""
    row = {
        "residency": residency, "id": which, "tenant": tenant, "body": body,
        "created_at": now, "expires_at": now + KEPT,
    }  # fmt: skip
    database.upsert(connection, scan_result, [row], update=("body",))


def result(connection: sa.Connection, *, residency: str, which: UUID, now: datetime) -> bytes:
    """Return an encrypted result. Raises `NotFound`."""
    query = sa.select(scan_result.c.body).where(
        scan_result.c.residency == residency, scan_result.c.id == which, scan_result.c.expires_at > now
    )
    body: bytes | None = connection.execute(query).scalar()
    if body is None:
        raise NotFound("there is no such result", hint="results are kept for 24 hours")
    return body
