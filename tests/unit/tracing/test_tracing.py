"""Spans of one resource are one trace, a batch links to the others, and no exception's text is kept."""

from __future__ import annotations

import uuid

import pytest

from connectors import tracing

sdk = pytest.importorskip("opentelemetry.sdk.trace", reason="no OpenTelemetry: pip install 'connectors[otel]'")

ONE, TWO = uuid.UUID(int=0x1111 << 64 | 1), uuid.UUID(int=0x2222 << 64 | 2)


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> object:
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter = InMemorySpanExporter()
    provider = sdk.TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(tracing, "_tracer", lambda: provider.get_tracer("test"))
    return exporter


def test_delivery_and_alert_of_one_resource_are_one_trace(spans: object) -> None:
    with tracing.span("delivery", [ONE], connection="acme"):
        pass
    with tracing.span("alert", [ONE]):
        pass
    first, second = spans.get_finished_spans()  # type: ignore[attr-defined]
    assert first.context.trace_id == second.context.trace_id == ONE.int
    assert first.attributes == {"connection": "acme"}


def test_a_batch_links_to_what_else_is_in_it(spans: object) -> None:
    with tracing.span("scan", [ONE, TWO, TWO]):
        pass
    [batch] = spans.get_finished_spans()  # type: ignore[attr-defined]
    assert [link.context.trace_id for link in batch.links] == [TWO.int]


def test_an_exception_leaves_its_type_and_not_its_text(spans: object) -> None:
    with pytest.raises(ValueError, match="canary"), tracing.span("record", [ONE]):
        raise ValueError("canary")
    [span] = spans.get_finished_spans()  # type: ignore[attr-defined]
    assert span.status.description == "ValueError"
    assert "canary" not in span.to_json()


def test_nothing_is_traced_without_keys(spans: object) -> None:
    with tracing.span("scan", []):
        pass
    assert spans.get_finished_spans() == ()  # type: ignore[attr-defined]
