"""Structured logs: static event names, ids as values, never content."""

from __future__ import annotations

import logging
import sys
from typing import TextIO, cast

import structlog

from connectors.config.models import LogSettings

QUIETENED = ("urllib3", "slack_sdk")
"""Loggers that quote whole URLs, and bodies of answers that they cannot parse."""


class _StandardError:
    """Standard error as it is when something is written: loggers are kept, and it may be replaced meanwhile."""

    def write(self, text: str) -> int:
        """Write text."""
        return sys.stderr.write(text)

    def flush(self) -> None:
        """Flush what was written."""
        sys.stderr.flush()


def configure(settings: LogSettings) -> None:
    """Set up logging for a process: JSON when nobody is looking, words on a terminal."""
    as_json = settings.format == "json" or (settings.format == "auto" and not sys.stderr.isatty())
    renderer = structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, settings.level.upper())),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", _StandardError())),
        cache_logger_on_first_use=True,
    )
    # Libraries log requests and payloads at lower levels.
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")
    for name in QUIETENED:
        logging.getLogger(name).setLevel(logging.CRITICAL)
