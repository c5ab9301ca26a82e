"""From the webhook's door to the alert: one trace, whichever process each span is made in."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors import tracing
from connectors.testing.fakeapps import FakeApps
from connectors.testing.fakeapps.slack import FakeSlack
from connectors.testing.installation import Installation
from connectors.testing.planted import aws_key

sdk = pytest.importorskip("opentelemetry.sdk.trace", reason="no OpenTelemetry: pip install 'connectors[otel]'")

CONFIG = """
connections:
  acme-slack:
    connector: slack
    sync: {{enabled: false}}
    config: {{token: {token}, webhook_secret: {secret}, base_url: "{url}/api/"}}
policies: [{{name: credentials, detectors: [secret], min_confidence: POSSIBLE, alert: [screen]}}]
destinations: {{screen: {{kind: console}}}}
outbound: {{allow: [127.0.0.0/8]}}
"""


def test_delivery_scan_record_and_alert_are_one_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter, provider = InMemorySpanExporter(), sdk.TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(tracing, "_tracer", lambda: provider.get_tracer("test"))
    slack = FakeSlack()
    with FakeApps(slack).running() as apps:
        config = CONFIG.format(token=slack.token, secret=slack.signing_secret, url=apps.url("slack"))
        house = Installation(config, tmp_path)
        with house.running(worker=False):
            channel, user = slack.add_channel("general"), slack.add_user("Ana")
            headers, body = slack.post_message(channel, user, f"swordfish {aws_key('trace')}")
            assert house.post("acme-slack", headers, body).status_code == 200
            house.worker.drain()
    spans = {span.name: span for span in exporter.get_finished_spans()}
    assert {"delivery", "scan", "record", "alert"} <= spans.keys()
    wanted = {spans[name].context.trace_id for name in ("delivery", "scan", "record", "alert")}
    assert len(wanted) == 1
    assert spans["delivery"].end_time <= spans["record"].end_time <= spans["alert"].end_time
    assert all("swordfish" not in repr(dict(span.attributes or {})) for span in spans.values())
