"""Two residencies, two databases: what a tenant in one does leaves no row in the other."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from starlette.testclient import TestClient

from connectors.api import create_api, issuing
from connectors.config import parse_config
from connectors.detection import Engine
from connectors.runtime import Runtime
from connectors.store import keys
from connectors.store.tables import metadata

CONFIG = """
residency: eu
tenants: {acme: {residency: eu, tier: internal}, initech: {residency: us, tier: internal}}
database: {url: "sqlite:///eu.db", residencies: {us: "sqlite:///us.db"}}
"""
REQUEST = {
    "payload": ["4012888888881881"],
    "policy": {"detectionRules": [{"detectors": [{"nightfallDetector": "CREDIT_CARD_NUMBER"}]}]},
}


def test_a_tenant_leaves_rows_in_its_own_database_only(tmp_path: Path, engine: Engine) -> None:
    runtime = Runtime.open(parse_config(CONFIG), folder=tmp_path)
    runtime.__dict__["engine"] = engine
    for residency in ("eu", "us"):
        metadata.create_all(runtime.databases.of(residency).engine)
    key = issuing.create(runtime, tenant="acme", name="k", actor="test").text
    assert keys.residency_of(key) == "eu"
    api = create_api(runtime)
    headers = {"Authorization": f"Bearer {key}"}
    with TestClient(api) as client:
        assert client.post("/v3/scan", json=REQUEST, headers=headers).status_code == 200
        started = client.post("/v3/upload", json={"fileSizeBytes": 4}, headers=headers).json()
        chunk = headers | {"X-Upload-Offset": "0"}
        assert client.patch(f"/v3/upload/{started['id']}", content=b"text", headers=chunk).status_code == 204
    rows = {
        residency: {
            table.name: runtime.databases.of(residency).read(
                lambda c, t=table: c.execute(sa.select(sa.func.count()).select_from(t)).scalar_one()
            )
            for table in metadata.sorted_tables
        }
        for residency in ("eu", "us")
    }
    assert {name for name, count in rows["us"].items() if count} == set()
    written = {name for name, count in rows["eu"].items() if count}
    assert {"tenant", "api_key", "quota", "usage", "request_log", "upload", "upload_piece"} <= written
    runtime.close()
