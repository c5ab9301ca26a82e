"""Keys are rotated over every table; what has expired is deleted, and nothing else."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from connectors.config import parse_config
from connectors.config.models import RetentionSettings
from connectors.errors import ConfigError
from connectors.model import Page, Partition, Subscription
from connectors.runtime import Runtime
from connectors.store import connections, findings, jobs, letters, purge, syncs
from connectors.store.connections import Owner
from connectors.store.inbox import open_event
from connectors.store.jobs import Job
from connectors.store.rotation import rotate_all
from connectors.store.tables import metadata
from connectors.vault import Vault, new_key

OWNER = Owner("eu", "acme", "acme-chat", "chat")


def _fill(rig: Any) -> None:
    """Write something encrypted into every table that rests any."""
    database, vault = rig.database, rig.vault
    rig.accept(rig.event(), delivery="d1")
    rig.accept(delivery="d2", failure="no JSON", body=b"{")
    sealed = vault.seal("etag", context=connections.value_context(OWNER, "k"))
    push = Subscription("s1", rig.now, {"secret": "x"})

    def write(c: sa.Connection) -> None:
        jobs.enqueue(database, c, [Job("sync", "k", "eu", "acme", "acme-chat", {"a": 1})], vault=vault, now=rig.now)
        connections.put_value(database, c, OWNER, "k", sealed, now=rig.now)
        connections.put_subscription(database, c, OWNER, push, vault=vault, now=rig.now)
        progress = syncs.begin(
            database, c, Partition("C1"), residency="eu", tenant="acme", name="acme-chat", vault=vault, now=rig.now
        )
        page = Page(cursor={"next": 1})
        prepared = syncs.prepare_page(progress, page, vault=vault, shards=1, plugin="chat", now=rig.now)
        syncs.commit_page(database, c, prepared, now=rig.now)

    database.run(write)


def test_rotation_reaches_every_encrypted_value(rig: Any, database_url: str, tmp_path: Path) -> None:
    old, new = new_key(), new_key()
    rig.vault = Vault([old], "fingerprint")
    _fill(rig)
    config = f"residency: eu\ndatabase: {{url: '{database_url}'}}\nvault: {{keys: [{new}, {old}], fingerprint_key: f}}"
    runtime = Runtime.open(parse_config(config, folder=tmp_path), folder=tmp_path)
    assert rotate_all(runtime.databases, runtime.vault) == 6
    runtime.close()
    rig.vault = only_new = Vault([new], "fingerprint")
    (row,) = rig.claim()
    assert open_event(row, only_new).resource.id == "m1"
    assert rig.database.read(lambda c: connections.get_value(c, OWNER, "k", only_new)) == "etag"
    (partition,) = rig.rows("sync_partition")
    assert syncs.read_cursor(partition, only_new) == {"next": 1}
    for table in metadata.sorted_tables:
        for column in table.c:
            if isinstance(column.type, sa.LargeBinary):
                for value in rig.rows(table.name):
                    assert value[column.name] is None or only_new.rotate(value[column.name])


def _opened(database_url: str, folder: Path, vault: str = "") -> Runtime:
    config = f"residency: eu\ndatabase: {{url: '{database_url}'}}\n{vault}"
    return Runtime.open(parse_config(config, folder=folder), folder=folder)


def test_no_second_key_is_made_for_rows_that_have_one(rig: Any, database_url: str, tmp_path: Path) -> None:
    rig.accept(rig.event(), delivery="d1")
    runtime = _opened(database_url, tmp_path / "moved")
    with pytest.raises(ConfigError, match=r"connectors\.keys is missing.*inbox") as refused:
        _ = runtime.vault
    assert "fingerprint_key" in refused.value.hint
    assert not (tmp_path / "moved").exists()
    runtime.close()
    keys = f"vault: {{keys: [{new_key()}], fingerprint_key: f}}"
    with_keys = _opened(database_url, tmp_path / "moved", keys)
    assert with_keys.vault.sign("p", b"m")
    with_keys.close()


def test_fingerprints_alone_need_their_key_too(rig: Any, database_url: str, tmp_path: Path) -> None:
    rig.tell(rig.event(parts={"body": ["a"]}), delivery="d1")
    rig.database.run(lambda c: c.execute(sa.delete(metadata.tables["job"])))
    runtime = _opened(database_url, tmp_path)
    with pytest.raises(ConfigError, match="finding"):
        _ = runtime.vault
    runtime.close()


def test_a_new_installation_gets_a_key(database_url: str, tmp_path: Path) -> None:
    runtime = _opened(database_url, tmp_path)
    sealed = runtime.vault.seal("x", context="c")
    runtime.close()
    again = _opened(database_url, tmp_path)
    assert again.vault.open(sealed, context="c") == "x"
    again.close()


def test_what_has_expired_is_deleted(rig: Any) -> None:
    rig.accept(rig.event("m1"), delivery="d1", expires_at=rig.now + timedelta(days=1))
    rig.accept(rig.event("m2"), delivery="d2", expires_at=rig.now + timedelta(days=3))
    rig.record(rig.claim(), keep_until=rig.now + timedelta(days=1))
    rig.now += timedelta(days=2)
    assert purge.purge(rig.database, "eu", RetentionSettings(), now=rig.now) == 3
    assert [row["delivery_id"] for row in rig.rows("delivery")] == ["d2"]
    assert rig.rows("inbox") == []


def test_more_than_a_batch_is_deleted_in_one_go(rig: Any) -> None:
    events = [rig.event(f"m{number}") for number in range(purge.BATCH + 20)]
    rig.accept(*events)
    rig.record(rig.claim(limit=1000), keep_until=rig.now)
    rig.now += timedelta(seconds=1)
    assert purge.purge(rig.database, "eu", RetentionSettings(), now=rig.now) == purge.BATCH + 20


def test_only_resolved_findings_end_and_a_reopened_one_lives_on(rig: Any) -> None:
    kept = RetentionSettings(findings=timedelta(days=30))
    rig.told = {}
    rig.tell(rig.event("m1", parts={"body": ["a"]}), delivery="d1")
    rig.tell(rig.event("m2", parts={"body": ["b"]}), delivery="d2")
    rig.tell(rig.event("m3", parts={"body": ["c"]}), delivery="d3")
    rig.tell(rig.event("m1", version=2), rig.event("m2", version=2), delivery="d4")
    assert purge.purge(rig.database, "eu", kept, now=rig.now) == 0
    rig.tell(rig.event("m2", version=3, parts={"body": ["b"]}), delivery="d5")
    rig.now += timedelta(days=31)
    assert purge.purge(rig.database, "eu", kept, now=rig.now) == 1
    assert sorted(rig.states()) == [("m2", "body"), ("m3", "body")]


def test_dead_letters_end_and_a_revived_one_does_not(rig: Any) -> None:
    from connectors.store import leases

    rig.accept(rig.event("m1"), rig.event("m2"))
    expires = rig.now + timedelta(days=7)
    for row in rig.claim():
        rig.database.run(lambda c, r=row: leases.bury(c, rig.queue, r, reason="", expires_at=expires))
    first = str(rig.rows("inbox")[0]["id"])
    rig.database.run(lambda c: letters.revive(rig.database, c, "eu", [first], now=rig.now))
    rig.now += timedelta(days=8)
    purge.purge(rig.database, "eu", RetentionSettings(), now=rig.now)
    assert [str(row["id"]) for row in rig.rows("inbox")] == [first]


def test_findings_are_found_by_the_beginning_of_their_id(rig: Any) -> None:
    rig.tell(rig.event(parts={"body": ["a", "b"]}), delivery="d1")
    for row in rig.rows("finding"):
        start = str(row["id"])[:13]
        assert rig.database.read(lambda c, s=start: findings.matching(c, "eu", s)) == [row["id"]]
    assert rig.database.read(lambda c: findings.matching(c, "eu", "xyz")) == []
    assert len(list(findings.every(rig.database, "eu", page=1))) == 2
