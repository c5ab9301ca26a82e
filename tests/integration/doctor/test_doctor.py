"""The report says how an installation is, and none of its secrets."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

from connectors.cli.doctor import bundle, examine
from connectors.config import parse_config
from connectors.runtime import Runtime
from connectors.store.migrations import upgrade

CANARY = "canary" + "-0451"

CONFIG = f"""
database: {{residencies: {{eu: "sqlite:///{CANARY}.db"}}}}
tenants: {{default: {{}}, euro: {{residency: eu}}}}
connections:
  acme: {{connector: slack, config: {{token: "{CANARY}", webhook_secret: "{CANARY}"}}}}
destinations: {{siem: {{kind: webhook, config: {{url: "https://x.example/{CANARY}", secret: "{CANARY}"}}}}}}
outbound: {{proxy: "http://user:{CANARY}@proxy.example"}}
stream: {{options: {{sasl.password: "{CANARY}"}}}}
cdc: {{url: "s3://bucket?AWS_SECRET_ACCESS_KEY={CANARY}", options: {{secret_access_key: "{CANARY}"}}}}
dashboard: {{oidc: {{client_secret: "{CANARY}"}}}}
"""


def test_the_bundle_holds_the_facts_and_no_secret(tmp_path: Path) -> None:
    runtime = Runtime.open(parse_config(CONFIG, folder=tmp_path, environ={}), folder=tmp_path)
    try:
        upgrade(runtime.databases.of("default"))
        report = examine(runtime, offline=True)
    finally:
        runtime.close()
    with zipfile.ZipFile(io.BytesIO(bundle(report))) as archive:
        text = "".join(archive.read(name).decode() for name in archive.namelist())
    assert CANARY not in text
    assert report["configuration"]["connections"]["acme"]["connector"] == "slack"
    states = {each["residency"]: each for each in report["databases"]}
    assert states["default"]["waiting_events"] == 0
    assert states["eu"]["pending_revisions"] == ["0001"]
    assert json.loads(json.dumps(report["versions"]))["connectors"]
