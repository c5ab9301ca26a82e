"""Traces from delivery to alert, when OpenTelemetry is installed and told where to send them.

Five spans: `delivery` (gateway), `sync page`, `scan`, `record`, `alert`. All that happens to one resource is one
trace: its id is the resource's key, which gateway and worker both know, so that nothing has to travel with the event.
A batch's span stands in the trace of its first event and links to those of the others. Attributes are names and
counts, never content.

`pip install 'connectors[otel]'`, then set the standard variables, `OTEL_EXPORTER_OTLP_ENDPOINT` first of all:
https://opentelemetry.io/docs/languages/sdk-configuration/otlp-exporter/.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

LINKS = 32
"""Other traces that a batch's span links to, at most."""


@cache
def _library() -> Any:
    try:
        from opentelemetry import trace
    except ImportError:
        return None
    return trace


def _tracer() -> Any:
    """Return what makes spans; None when nobody has said where to send them, which must then cost nothing."""
    trace = _library()
    if trace is None or isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        return None
    return trace.get_tracer("connectors")


def configure(service: str) -> bool:
    """Send spans to the collector that the environment names; False when it names none or the extra is missing."""
    if not (os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")):
        return False
    try:
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        return False
    provider = TracerProvider(resource=Resource.create({"service.name": f"connectors-{service}"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    return True


@contextmanager
def span(name: str, keys: Sequence[uuid.UUID], **attributes: str | int) -> Iterator[None]:
    """Record what is done in a `with` block as a span in the trace of the first of `keys`."""
    tracer = _tracer()
    if tracer is None or not keys:
        yield
        return
    from opentelemetry import trace

    links = [trace.Link(_context(key)) for key in list(dict.fromkeys(keys))[1 : LINKS + 1]]
    parent = trace.set_span_in_context(trace.NonRecordingSpan(_context(keys[0])))
    # An exception's text may hold what it should not: only its type is recorded.
    with tracer.start_as_current_span(
        name, context=parent, links=links, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as current:
        try:
            yield
        except Exception as error:
            current.set_status(trace.StatusCode.ERROR, type(error).__name__)
            raise


def _context(key: uuid.UUID) -> Any:
    """Return the place in a trace that every span of a resource hangs from."""
    from opentelemetry import trace

    return trace.SpanContext(
        trace_id=key.int, span_id=(key.int & (2**64 - 1)) or 1, is_remote=True,
        trace_flags=trace.TraceFlags(trace.TraceFlags.SAMPLED),
    )  # fmt: skip
