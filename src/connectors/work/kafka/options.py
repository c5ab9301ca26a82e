"""What is asked of librdkafka, and what its refusals mean."""

from __future__ import annotations

from typing import Any

from connectors.config.models import StreamSettings
from connectors.errors import ConfigError, StoreUnavailable

CONFIRM = 10.0
"""Seconds to wait for the brokers' confirmation before the app is asked to send again."""

POLL = 0.05
"""Seconds that one claim waits for messages."""

CONSUMER = {
    "enable.auto.commit": False,
    "auto.offset.reset": "earliest",
    # A batch that downloads large files is not a dead consumer.
    "max.poll.interval.ms": 900_000,
    "session.timeout.ms": 10_000,
    # Back-pressure: what is fetched ahead of the workers is bounded.
    "queued.max.messages.kbytes": 16_384,
}
PRODUCER = {"enable.idempotence": True, "acks": "all", "compression.type": "none", "linger.ms": 2}


def topic_of(settings: StreamSettings, residency: str) -> str:
    """Return the topic of one residency's events."""
    return f"{settings.topic}.{residency}"


def consumer_options(settings: StreamSettings, residency: str) -> dict[str, Any]:
    """Return the options of a member of the group."""
    base = {"bootstrap.servers": brokers_of(settings, residency), "group.id": settings.group}
    return {**base, **CONSUMER, **role_options(settings, "producer")}


def brokers_of(settings: StreamSettings, residency: str) -> str:
    """Return the brokers that may hold a residency's events. Raises `ConfigError` when none are named."""
    brokers = settings.residencies.get(residency, settings.brokers)
    if not brokers:
        raise ConfigError("stream.brokers is empty", hint="write host:port of your Kafka brokers")
    return brokers


def require() -> None:
    """Raise `ConfigError` when the Kafka client is not installed."""
    try:
        import confluent_kafka  # noqa: F401 (is it there?)
    except ImportError:
        raise ConfigError("stream.kind: kafka needs confluent-kafka", hint="pip install 'connectors[kafka]'") from None


def role_options(settings: StreamSettings, *others: str) -> dict[str, str]:
    """Return the configured options without those that are written for another role (`consumer.` or `producer.`)."""
    chosen = {}
    for name, value in settings.options.items():
        role, dot, rest = name.partition(".")
        if role in ("consumer", "producer") and dot:
            if role not in others:
                chosen[rest] = value
        else:
            chosen[name] = value
    return chosen


def away(error: BaseException) -> StoreUnavailable:
    return StoreUnavailable(f"Kafka does not answer ({name_of(error)})")


def name_of(error: BaseException) -> str:
    first: Any = error.args[0] if error.args else None
    return str(first.name()) if hasattr(first, "name") else type(error).__name__


def lost_membership(error: BaseException) -> bool:
    """Tell whether a commit was refused because the group has given the partitions to others."""
    return name_of(error) in ("ILLEGAL_GENERATION", "UNKNOWN_MEMBER_ID", "REBALANCE_IN_PROGRESS", "FENCED_INSTANCE_ID")
