"""Every metric, in a registry of its own, so that two processes' worth can live in one test."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest

LATENCY = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """The metrics of one process. Labels are names from the configuration and fixed words, never content."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.deliveries = Counter(
            "connectors_deliveries", "Webhook requests by outcome", ["connection", "outcome"], registry=registry
        )
        self.accept_seconds = Histogram(
            "connectors_accept_seconds", "Time from request to durable answer", buckets=LATENCY, registry=registry
        )
        self.events = Counter("connectors_events", "Events processed", ["app", "source"], registry=registry)
        self.event_failures = Counter(
            "connectors_event_failures", "Events given back or given up", ["app", "code"], registry=registry
        )
        self.gaps = Counter("connectors_gaps", "Parts that were not scanned", ["app", "reason"], registry=registry)
        self.mismatches = Counter(
            "connectors_mismatched_files", "Files that claim to be of another type", ["app"], registry=registry
        )
        self.validity = Counter(
            "connectors_validity_checks", "Tokens by what their vendor said", ["vendor", "state"], registry=registry
        )
        self.findings = Counter("connectors_findings", "Findings by what happened", ["change"], registry=registry)
        self.jobs = Counter("connectors_jobs", "Jobs run by outcome", ["queue", "outcome"], registry=registry)
        self.alerts = Counter(
            "connectors_alerts", "Alerts by destination and outcome", ["destination", "outcome"], registry=registry
        )
        self.api_seconds = Histogram(
            "connectors_api_seconds", "Time to answer a request of the developer API, by its path's template",
            ["method", "route"], buckets=LATENCY, registry=registry,
        )  # fmt: skip
        self.api_answers = Counter(
            "connectors_api_answers", "Answers of the developer API", ["method", "route", "status"], registry=registry
        )
        self.api_refusals = Counter(
            "connectors_api_refusals", "Requests of the developer API that were not let in", ["reason"],
            registry=registry,
        )  # fmt: skip
        self.api_log = Counter(
            "connectors_api_log_lines", "Lines of the request log by what became of them", ["outcome"],
            registry=registry,
        )  # fmt: skip
        self.api_log_waiting = Gauge(
            "connectors_api_log_waiting", "Lines of the request log that wait to be written", registry=registry
        )
        self.api_quota = Gauge(
            "connectors_api_quota_bytes", "What is left of a tenant's monthly quota, as this process knows",
            ["tenant"], registry=registry,
        )  # fmt: skip
        self.backlog = Gauge("connectors_backlog_events", "Events that wait", ["residency"], registry=registry)
        self.backlog_age = Gauge(
            "connectors_backlog_seconds", "Age of the oldest event that waits", ["residency"], registry=registry
        )
        self.broken = Gauge(
            "connectors_broken_connections", "Connections out of order", ["residency"], registry=registry
        )
        self.retries = Gauge("connectors_transaction_retries", "Transactions run again", registry=registry)

    def render(self) -> bytes:
        """Return the text that Prometheus reads."""
        return generate_latest(self.registry)
